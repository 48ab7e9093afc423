"""Runs and queues that rest, on the Runs page."""

import json
import time
from dataclasses import replace

import pytest

from explorer import jobs
from explorer.errors import BadInput
from explorer.rundir import RunFolder
from explorer.store import Store
from pages.parts.run_card import QUEUE
from pages.parts.run_list import MOST_CARDS
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
    assert queued.pause_requested and "· paused" in words(app)
    button(app, "Resume").click().run()
    assert not queued.pause_requested and "paused" not in words(app)


def test_a_run_on_a_cluster_that_shares_no_path_offers_no_pause(queued, open_page, monkeypatch):
    (queued.path / "ray.json").write_text("{}")
    pause = button(open_page("2_Runs"), "Pause")
    assert pause.disabled and "a cluster that does not see its folder, and cannot be told to rest" in pause.help
    monkeypatch.setenv("EXPLORER_RAY_SHARED", "1")
    assert not button(open_page("2_Runs"), "Pause").disabled


def test_a_run_that_the_cluster_has_keeps_its_place(queued, open_page):
    places = ["First", "Up", "Down", "Last"]
    assert not any(button(open_page("2_Runs"), place).disabled for place in places)
    (queued.path / "ray.json").write_text("{}")
    held = [button(open_page("2_Runs"), place) for place in places]
    assert all(one.disabled and "the cluster, which decides what it starts next" in one.help for one in held)
    with pytest.raises(BadInput, match="the cluster, which decides what it starts next"):
        jobs.move("sample-0001", "first")


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


@pytest.fixture
def crowd(place, monkeypatch):
    """More runs that wait than have a card, the newest last in the queue, and one that works."""
    working, *waiting = sample_runs(MOST_CARDS + 5)[1:]
    write_runs(place / "home" / "runs", [replace(one, state="queued", result=None) for one in (working, *waiting)])
    folder = RunFolder(place / "home" / "runs" / working.run)
    folder.claim({"pid": 1, "claimed_at": time.time()})
    folder.add_state("running")
    Store().refresh(folder.run)
    return [RunFolder(place / "home" / "runs" / one.run) for one in (working, *waiting)]


def test_a_run_without_a_card_is_controlled_in_its_details(crowd, open_page):
    *_, last = crowd
    app = open_page("2_Runs", selected=[last.run])
    keys = {one.key for one in app.button if (one.key or "").endswith(last.run)}
    assert keys == {f"details-{what}-{last.run}" for what in (*(f"move-{to}" for to in QUEUE), "pause", "cancel")}
    app.button(key=f"details-move-first-{last.run}").click().run()
    assert Store().in_state("queued")[0] == last.run
    app.button(key=f"details-pause-{last.run}").click().run()
    assert last.pause_requested
    app.button(key=f"details-cancel-{last.run}").click().run()
    assert last.cancel_requested and not any(folder.cancel_requested for folder in crowd[:-1])
    assert not app.exception


def test_all_that_wait_are_cancelled_after_a_question_and_what_runs_goes_on(crowd, open_page):
    working, *waiting = crowd
    app = open_page("2_Runs")
    assert f"{len(waiting)} runs wait in the queue." in words(app)
    button(app, "Yes, cancel them").click().run()
    assert all(folder.cancel_requested for folder in waiting) and not working.cancel_requested


def test_where_one_run_waits_there_are_not_all_to_cancel(queued, open_page):
    assert "Yes, cancel them" not in [one.label for one in open_page("2_Runs").button]
