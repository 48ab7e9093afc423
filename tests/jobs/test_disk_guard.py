"""The disk guard: a run that waits when the disk or the quota is full starts once there is room."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from explorer import jobs
from explorer.advice import kind_of
from explorer.jobs import disk_guard
from explorer.jobs.disk_guard import DiskGuard
from explorer.jobs.local import LocalEngine
from explorer.jobs.supervisor import Supervisor
from explorer.store import Store


def test_a_full_disk_is_said_with_its_figures(home, monkeypatch):
    assert DiskGuard(home.path).obstacle() is None
    usage = shutil.disk_usage(home.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=123_000_000))
    found = DiskGuard(home.path).obstacle()
    assert found.startswith("waits for room on the disk: 0.123 GB are free, and 0.5 GB should stay free;")


def test_a_quota_is_counted_anew_only_after_a_while(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_QUOTA_GB", "0.001")
    (home.path / "large").write_bytes(b"x" * 2_000_000)
    guard = DiskGuard(home.path)
    assert guard.obstacle().startswith(
        "waits for room in EXPLORER_HOME: it holds 0.002 GB, more than the quota of 0.001"
    )
    (home.path / "large").unlink()
    assert guard.obstacle() is not None
    monkeypatch.setattr(disk_guard, "COUNT_EVERY_S", 0.0)
    assert guard.obstacle() is None


def test_a_run_waits_for_room_and_starts_when_there_is_some(home, monkeypatch):
    monkeypatch.setattr(disk_guard, "COUNT_EVERY_S", 0.0)
    monkeypatch.setenv("EXPLORER_QUOTA_GB", "0.001")
    run, _ = jobs.enqueue(home.recipe())
    (home.path / "large").write_bytes(b"x" * 2_000_000)  # after the launch was accepted
    supervisor = Supervisor(Store(), LocalEngine(home.path))
    supervisor.tick()
    row = home.row(run)
    assert (row.state, row.text.partition(":")[0]) == ("queued", "waits for room in EXPLORER_HOME")
    (home.path / "large").unlink()
    supervisor.looked = -1e9
    supervisor.tick()
    assert list(supervisor.watches) == [run]
    supervisor.end_all()
    home.until(lambda: all(watch.gone() for watch in supervisor.watches.values()))


@pytest.fixture
def at_work(home, monkeypatch):
    """A supervisor with two runs at work, which looks at the room at each tick."""
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    monkeypatch.setenv("EXPLORER_JOBS", "2")
    monkeypatch.setattr(disk_guard, "LOOK_S", 0.0)
    runs = [jobs.enqueue(home.recipe(seed))[0] for seed in range(2)]
    supervisor = Supervisor(Store(), LocalEngine(home.path))

    def training() -> bool:
        supervisor.tick()
        return all(home.row(run).stage == "train" for run in runs)

    home.until(training)
    yield supervisor, runs
    supervisor.end_all()
    home.until(lambda: all(watch.gone() for watch in supervisor.watches.values()))


def test_the_last_run_is_stopped_before_the_disk_is_full_and_the_other_goes_on(home, at_work, monkeypatch):
    supervisor, (first, last) = at_work
    usage = shutil.disk_usage(home.path)
    with monkeypatch.context() as disk:
        disk.setattr(shutil, "disk_usage", lambda path: usage._replace(free=50_000_000))
        supervisor.tick()
    assert supervisor.stopped == last

    def settled() -> bool:
        supervisor.tick()
        return last not in supervisor.watches

    home.until(settled)
    row = home.row(last)
    assert (row.state, row.reason) == (
        "failed",
        "it was stopped before the disk is full: 0.05 GB were free; remove model files of old runs and empty the "
        "trash, then try again",
    )
    assert kind_of(row.reason) == "disk" and not (home.folder(last) / "artefact").exists()
    supervisor.tick()
    assert supervisor.stopped is None and home.row(first).state == "running"


def test_a_run_that_goes_over_the_quota_is_stopped(home, at_work, monkeypatch):
    supervisor, (_, last) = at_work
    monkeypatch.setattr(disk_guard, "COUNT_EVERY_S", 0.0)
    monkeypatch.setenv("EXPLORER_QUOTA_GB", "0.001")
    supervisor.tick()
    assert supervisor.stopped is None
    (home.folder(last) / "artefact" / "large").write_bytes(b"x" * 2_000_000)

    def stopped() -> bool:
        supervisor.tick()
        return home.row(last).state == "failed"

    home.until(stopped)
    assert home.row(last).reason.startswith("it was stopped since EXPLORER_HOME held 0.002")
    assert " GB, more than the quota of 0.001 GB; remove model files of old runs" in home.row(last).reason


def test_the_guard_imports_the_standard_library_only():
    code = "import sys, explorer.jobs.disk_guard; print(sorted({'numpy', 'pydantic', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
