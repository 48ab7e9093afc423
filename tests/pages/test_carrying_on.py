"""Whoever opens a page after a crash sees the work go on."""

from dataclasses import replace

import pytest

from explorer import file_locks, jobs
from explorer.home import home
from pages.parts.carrying_on import carry_on
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture
def started(monkeypatch):
    """How often the supervisor was to be started."""
    calls = []
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: calls.append(1))
    return calls


def put(place, state):
    write_runs(place / "home" / "runs", [replace(sample_runs(2)[1], state=state, result=None)])


@pytest.mark.parametrize("page", ["", "2_Runs"])
@pytest.mark.parametrize("state", ["queued", "running"])
def test_an_open_page_starts_the_supervisor_where_work_waits(place, started, open_page, page, state):
    put(place, state)
    open_page(page)
    assert started == [1], "once, however often pages ask within seconds"


def test_where_nothing_waits_nothing_is_started(own, started, open_page):
    open_page("2_Runs")
    assert started == []


def test_a_paused_queue_stays_paused(place, started):
    put(place, "queued")
    jobs.pause_queue()
    carry_on()
    assert started == []


def test_on_a_system_without_locks_nothing_is_tried(place, started, monkeypatch):
    put(place, "queued")
    monkeypatch.setattr(file_locks, "fcntl", None)
    jobs.carry_on()
    assert started == [] and home().is_dir()
