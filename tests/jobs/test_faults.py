"""Twenty random schedules of faults; ``python -m tests.jobs.faults`` runs more."""

from __future__ import annotations

import pytest

from tests.jobs.faults import KINDS, WatchedSchedule, report, run_schedule, run_schedules


@pytest.mark.slow
def test_nothing_is_lost_done_twice_or_stuck_under_random_faults(tmp_path, record_property) -> None:
    counts = run_schedules(0, 20, tmp_path)
    record_property("counted", report(20, counts))
    assert set(counts) == set(KINDS), "each kind of fault hits something"


@pytest.mark.slow
def test_the_real_dashboard_is_killed_too_and_has_the_runs_go_on(tmp_path, record_property) -> None:
    counts = run_schedule(2, tmp_path, WatchedSchedule)
    record_property("counted", report(1, counts))
    assert counts["page drawn"] > 0 and counts["real dashboard killed"] > 1
