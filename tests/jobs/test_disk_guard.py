"""The disk guard: a run that waits when the disk or the quota is full starts once there is room."""

from __future__ import annotations

import shutil
import subprocess
import sys

from explorer import jobs
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


def test_the_guard_imports_the_standard_library_only():
    code = "import sys, explorer.jobs.disk_guard; print(sorted({'numpy', 'pydantic', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
