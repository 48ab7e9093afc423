"""Priorities: who goes before whom in the queue, and what keeps a priority."""

from __future__ import annotations

import time

import pytest

from explorer import cli, jobs
from explorer.errors import BadInput
from explorer.rundir import RunFolder
from explorer.store import Store


def put(home, seed: int, priority: str = "normal") -> str:
    return jobs.enqueue(home.recipe(seed), priority=priority)[0]


def test_high_goes_first_and_low_last_in_the_order_of_their_launch(home):
    low, first, high, second, higher = (
        put(home, seed, priority) for seed, priority in enumerate(("low", "normal", "high", "normal", "high"))
    )
    assert Store().in_state("queued") == [high, higher, first, second, low]
    Store().reindex()
    assert Store().in_state("queued") == [high, higher, first, second, low]
    jobs.move(low, "first")
    jobs.move(high, "last")
    assert Store().in_state("queued") == [low, higher, first, second, high]


def test_priorities_hold_when_the_clock_is_set_back(home, monkeypatch):
    low, normal = put(home, 0, "low"), put(home, 1)
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() - 86_400)
        high, later = put(home, 2, "high"), put(home, 3)
    assert Store().in_state("queued") == [high, normal, later, low]


def test_an_equal_run_that_waits_goes_ahead_and_never_back(home):
    first, second = put(home, 0), put(home, 1)
    assert put(home, 1, "high") == second
    assert Store().in_state("queued") == [second, first]
    assert put(home, 1, "low") == second
    assert put(home, 1) == second
    assert Store().in_state("queued") == [second, first]


def test_a_retry_keeps_its_priority(home, monkeypatch):
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    run, other = put(home, 0, "high"), put(home, 1)
    RunFolder(home.folder(run)).add_state("failed", "why")
    Store().refresh(run)
    assert Store().in_state("queued") == [other]
    again = jobs.retry(run)
    assert Store().in_state("queued") == [again, other]


def test_the_command_takes_it_and_others_are_refused(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    put(home, 1)
    (tmp_path / "recipe.yaml").write_text(home.recipe(0).to_yaml())
    assert cli.main(["submit", str(tmp_path / "recipe.yaml"), "--priority", "high"]) == 0
    assert Store().in_state("queued")[0] == capsys.readouterr().out.strip()
    with pytest.raises(BadInput, match="The priority is 'urgent'; expected is one of high, normal, low"):
        put(home, 2, "urgent")
