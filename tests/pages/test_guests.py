"""Whoever may only look finds no button that could be clicked and would refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
import streamlit as st
from streamlit import config

from explorer import stories
from explorer.access import LOOKING_ONLY, NO_LOGIN, UNREADABLE_LOGIN
from tests.pages.conftest import ROOT, words
from tests.support.sample_results import sample_runs, write_runs

PAGES = ["", *sorted(path.stem for path in (ROOT / "pages").glob("*.py"))]
STANDING = {
    "2_Runs": {"pause-", "cancel-", "move-first-", "queue-switch", "retry-", "disk-remove", "studies-archive"},
    "6_Models": {"models-heads-start", "FormSubmitter:models-own"},
    "9_Present": {"add-step"},
}
"""Buttons that rest, by what their keys begin with: that there are such buttons at all."""


@pytest.fixture
def filled(place, own, monkeypatch):
    """Finished runs, one that failed and one that waits, and a story."""
    queued, failed = sample_runs(18)[16:]
    write_runs(place / "home" / "runs", [replace(queued, state="queued", result=None)])
    write_runs(place / "home" / "runs", [replace(failed, state="failed", result=None)])
    stories.save(stories.story("Talk", [stories.step(title="First", sentence="Look.", runs=[own[2].run])]))
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    return lambda: {path for path in (place / "home").rglob("*") if path.is_file() and "index.sq" not in path.name}


@pytest.mark.parametrize("page", PAGES)
def test_no_button_that_can_be_clicked_refuses(page, filled, open_page):
    before = filled()
    opened = {"disk": True, "studies": True}
    app = open_page(page, **opened)
    resting = {button.key or "" for button in app.button if button.disabled}
    assert all(any(key.startswith(start) for key in resting) for start in STANDING.get(page, ())), resting
    assert all(button.help == LOOKING_ONLY for button in app.button if (button.key or "").startswith("retry-"))
    for number, one in enumerate(app.button):
        if not one.disabled:
            again = open_page(page, **opened)
            again.button[number].click().run()
            assert LOOKING_ONLY not in [error.value for error in again.error], one
            assert not any(LOOKING_ONLY in error.value for error in again.exception), one
    assert LOOKING_ONLY in words(app)
    assert filled() == before


@pytest.fixture
def secrets(tmp_path):
    """The file that Streamlit takes secrets from."""
    usual, file = config.get_option("secrets.files"), tmp_path / "secrets.toml"
    config.set_option("secrets.files", [str(file)])
    yield file
    config.set_option("secrets.files", usual)


@pytest.mark.parametrize("content", [b"[auth\nclient_id = 1", b"[auth]\nclient_id = '\xff'"], ids=["cut", "bytes"])
def test_secrets_that_cannot_be_read_make_guests(content, secrets, own, open_page):
    secrets.write_bytes(content)
    app = open_page("9_Present")
    assert UNREADABLE_LOGIN in [caption.value for caption in app.sidebar.caption]
    assert app.button(key="add-step").disabled


def test_editors_without_a_login_are_nobody(secrets, own, open_page, monkeypatch):
    assert not open_page("9_Present").button(key="add-step").disabled
    monkeypatch.setenv("EXPLORER_EDITORS", "a@b.c")
    app = open_page("9_Present")
    assert NO_LOGIN in [caption.value for caption in app.sidebar.caption]
    assert app.button(key="add-step").disabled


def test_secrets_are_read_once_in_each_run_of_a_page(secrets, own, open_page, monkeypatch):
    read = []
    monkeypatch.setattr(st.secrets, "load_if_toml_exists", lambda: read.append(1) or False)
    open_page()
    assert read == [1]
