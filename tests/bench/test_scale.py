"""The benchmark of very many runs, with few of them: what it makes and asks; not how long anything takes."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from explorer.bench import scale
from explorer.bench.row import temporary_home
from explorer.store import Store, recorded_rows


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RUNS": 40, "NEWEST": 10, "STUDIES": 4, "QUEUED": 5, "WATCHED_S": 3.0, "DUE_S": 0.3}.items():
        monkeypatch.setattr(scale, name, value)


def test_a_home_is_filled_with_finished_runs_of_several_studies(few: None, tmp_path: Path) -> None:
    scale.fill(tmp_path, 40)
    store = Store(tmp_path / "index.sqlite")
    rows = [row for row in store.runs() if not row.recorded]
    assert store.over() == len(rows) == 40 and len({row.digest for row in rows}) == 40
    assert [row.created_at for row in rows] == sorted({row.created_at for row in rows})
    assert store.studies()[:4] == ["study 0", "study 1", "study 2", "study 3"]
    assert [len(store.runs(study="study 3")), store.active()] == [10, False]
    assert rows[0].result["size"] == recorded_rows()[0].result["size"]


def test_the_index_is_asked_what_pages_ask_it(few: None, tmp_path: Path) -> None:
    scale.fill(tmp_path, 40)
    store = Store(tmp_path / "index.sqlite")
    rows = list(scale.index_rows(store))
    assert rows[0].what == "index of 40 runs rebuilt" and len(rows) == 7
    assert all(float(row.value.split()[0].replace(",", "")) >= 0 for row in rows)
    assert store.over() == 40 and not store.active(), "the folder that was found is gone again"


def test_a_trivial_run_is_done_by_a_worker_and_the_supervisor_is_gone_afterwards(few: None) -> None:
    with temporary_home(EXPLORER_SPARE_S="0", **scale.TRIVIAL) as home:
        (home / "runs").mkdir()
        paused, working, resident, *fair = scale.busy_rows(home, sessions=0)
        store = Store()
        states = [row.state for row in store.runs() if not row.recorded]
        assert len(states) == 5 and set(states) <= {"done", "running", "queued"} and "done" in states
        assert not psutil.pid_exists(int((home / "supervisor.lock").read_text()))
    assert paused.value.endswith("% of a core") and working.goal == "under 5 %"
    assert float(paused.value.split()[0]) < 100
    assert float(resident.value.split()[0]) > max([0.0, *(float(row.value.split()[0]) for row in fair)])
