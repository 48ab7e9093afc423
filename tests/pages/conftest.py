import random
from itertools import product
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import jobs, store, stories
from explorer.bench import serve_dashboard
from pages.parts import carrying_on, run_list
from tests.support.browser import page_of, silent
from tests.support.sample_results import OTHER_HOST, SampleRun, sample_result, sample_runs, write_recorded, write_runs

ROOT = Path(__file__).parents[2]


GRID = {f"sample-{number:04d}": numbers for number, numbers in enumerate(product((0.3, 0.6), (1, 2)), start=16)}
"""Four more runs of the digits' vision transformer: the sparsity and the epochs of each."""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A home of its own for every test, and no recorded study unless a test asks for one."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(carrying_on, "_looked", [])
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


@pytest.fixture(scope="session")
def empty_dashboard(tmp_path_factory):
    """The address of a dashboard whose home has nothing in it; for tests that only look."""
    with serve_dashboard(tmp_path_factory.mktemp("empty") / "home") as (_, address):
        yield address


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory):
    """A home with sixteen runs, a sweep and the story "Talk"; for tests that only look."""
    home = tmp_path_factory.mktemp("filled") / "home"
    write_runs(home / "runs", [*sample_runs(16), *grid_runs()])
    steps = [stories.step(title=title, sentence="Look.", runs=["sample-0002"]) for title in ("First", "Second")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(home))
        stories.save(stories.story("Talk", steps))
    return home


@pytest.fixture(scope="session")
def filled_dashboard(filled_home):
    """The address of a dashboard with the runs and the story of ``filled_home``; for tests that only look."""
    with serve_dashboard(filled_home) as (_, address):
        yield address


@pytest.fixture(scope="module")
def filled_window(chromium, filled_dashboard):
    """The window that the tests of a module share."""
    with page_of(chromium, filled_dashboard) as page:
        yield page


@pytest.fixture
def filled_page(filled_window):
    """A page of the dashboard that has runs; each address it is sent to begins a session of its own.

    Nothing may complain meanwhile.
    """
    with silent(filled_window) as page:
        yield page


def words(app):
    """Everything that is written on the page."""
    kinds = (app.markdown, app.caption, app.error, app.info, app.title, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


def grid_runs():
    """The runs of ``GRID``, which together are a sweep of two sliders."""
    for run, (sparsity, epochs) in GRID.items():
        steps = [
            {"technique": "prune-magnitude", "sparsity": sparsity},
            {"technique": "fine-tune", "epochs": epochs},
        ]
        recipe = {"model": "vit-digits", "steps": steps, "seed": 0, "targets": ["cpu-onnxruntime"]}
        result = sample_result(run, recipe, random.Random(run))
        yield SampleRun(run, "vit-digits", "grid", families=("pruning", "training"), result=result, recipe=recipe)


def button(app, label):
    """The first button with this label."""
    return next(button for button in app.button if button.label == label)


def run_tables(app: AppTest) -> dict[str, list[int]]:
    """The tables of runs that the session knows by their keys, and which rows are ticked in each."""
    kept = app.session_state._state.filtered_state
    return {key: value["selection"]["rows"] for key, value in kept.items() if key.startswith(run_list.TABLE)}
