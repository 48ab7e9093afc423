from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import store
from tests.support.sample_results import OTHER_HOST, sample_runs, write_recorded, write_runs

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A home of its own for every test, and no recorded study unless a test asks for one."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "RECORDED", tmp_path / "recorded")
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    st.cache_data.clear()
    return tmp_path


@pytest.fixture
def own(place):
    """Sixteen finished runs of one's own."""
    runs = sample_runs(16)
    write_runs(place / "home" / "runs", runs)
    return runs


@pytest.fixture
def recorded(place):
    """A recorded study of sixteen runs."""
    runs = sample_runs(16, seed=1, recorded=True, host=OTHER_HOST)
    write_recorded(place / "recorded", runs)
    return runs


@pytest.fixture
def open_page(place):
    """Open a page as a reader does, with a query and session values if wanted; it must show no traceback."""

    def opened(page="", query=None, **session):
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        for key, value in session.items():
            app.session_state[key] = value
        for key, value in (query or {}).items():
            app.query_params[key] = value
        if page:
            app.run()
            app.switch_page(f"pages/{page}.py")
        app.run()
        assert not app.exception
        return app

    return opened


def words(app):
    """Everything that is written on the page."""
    kinds = (app.markdown, app.caption, app.error, app.info, app.title, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


def button(app, label):
    """The first button with this label."""
    return next(button for button in app.button if button.label == label)
