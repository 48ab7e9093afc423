"""Runs and queues that rest, on the Runs page."""

import json
from dataclasses import replace

import pytest

from explorer import jobs
from explorer.rundir import RunFolder
from explorer.store import Store
from tests.pages.conftest import button, words
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture
def queued(place, monkeypatch):
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    write_runs(place / "home" / "runs", [replace(sample_runs(2)[1], state="queued", result=None)])
    return RunFolder(place / "home" / "runs" / "sample-0001")


def test_a_run_is_paused_and_resumed(queued, open_page):
    app = open_page("2_Runs")
    button(app, "Pause").click().run()
    assert queued.pause_requested and "· Paused" in words(app)
    button(app, "Resume").click().run()
    assert not queued.pause_requested and "Paused" not in words(app)


def test_a_run_on_a_cluster_that_shares_no_path_offers_no_pause(queued, open_page, monkeypatch):
    (queued.path / "ray.json").write_text("{}")
    pause = button(open_page("2_Runs"), "Pause")
    assert pause.disabled and "a cluster that does not see its folder, and cannot be told to rest" in pause.help
    monkeypatch.setenv("EXPLORER_RAY_SHARED", "1")
    assert not button(open_page("2_Runs"), "Pause").disabled


def test_a_paused_queue_says_why_nothing_starts(queued, open_page):
    app = open_page("2_Runs")
    assert "The queue is paused" not in words(app)
    button(app, "Start nothing new").click().run()
    assert "The queue is paused: nothing new is started." in words(app)
    button(app, "Start what is queued").click().run()
    assert "The queue is paused" not in words(app)


def test_who_launched_it_is_said(queued, open_page):
    assert "launched by" not in words(open_page("2_Runs"))
    request = json.loads((queued.path / "request.json").read_text())
    (queued.path / "request.json").write_text(json.dumps({**request, "by": "a_b@c.d"}))
    Store().reindex()
    app = open_page("2_Runs")
    assert [text.value for text in app.markdown if "launched by a\\_b@c.d" in text.value]
    assert [text.value for text in app.caption if "launched by a\\_b@c.d" in text.value]
