"""The supervisor's decisions, tick by tick in this process."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import psutil
import pytest

from explorer.jobs import processes
from explorer.jobs.lifecycle import CLAIM_SPOILT, ProcessWatch
from explorer.jobs.local import LocalEngine
from explorer.jobs.supervisor import Supervisor, serve
from explorer.rundir import RunFolder
from explorer.store import Store

REQUEST = {
    "recipe": {"model": "cnn-digits", "steps": [], "targets": ["cpu-onnxruntime"]},
    "digest": "d",
    "study": "default",
}


@pytest.fixture
def store(home) -> Store:
    (home.path / "runs").mkdir()
    return Store()


def _create(store: Store, worker: int | None = None) -> RunFolder:
    folder = RunFolder.create(store.folders, REQUEST)
    if worker is not None:
        folder.claim({**processes.mark(worker), "claimed_at": 0})
    return folder


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_no_more_runs_are_started_than_there_are_slots(home, store, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    folders = [_create(store) for _ in range(4)]
    monkeypatch.setenv("EXPLORER_JOBS", "2")
    supervisor = Supervisor(store, LocalEngine(home.path))
    for _ in range(3):
        assert supervisor.tick()
    assert list(supervisor.watches) == [folder.run for folder in folders[:2]]
    supervisor.end_all()
    home.until(lambda: all(watch.gone() for watch in supervisor.watches.values()))


def test_a_run_that_goes_on_takes_a_slot_after_adoption(store, sleeper):
    running, queued = _create(store, sleeper.pid), _create(store)
    supervisor = Supervisor(store, LocalEngine(store.path.parent))
    assert supervisor.tick() and supervisor.tick()
    assert list(supervisor.watches) == [running.run]
    assert store.in_state("queued") == [queued.run]


def test_an_end_that_cannot_be_written_is_written_later(store, sleeper, monkeypatch):
    folder = _create(store, sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    supervisor = Supervisor(store, LocalEngine(store.path.parent))

    def full(self, state, reason=None):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk, pytest.raises(OSError, match="No space"):
        disk.setattr(RunFolder, "add_state", full)
        supervisor.tick()
    assert store.run(folder.run).state == "running"
    supervisor.tick()
    assert store.run(folder.run).state == "failed"
    assert not supervisor.tick()


def _spoil(folder: RunFolder, how: str) -> None:
    """Let something be wrong with one run's folder."""
    if how in ("log.txt", "events.jsonl"):
        (folder.path / how).unlink(missing_ok=True)
        (folder.path / how).mkdir()
    elif how == "folder":
        (folder.path / "request.json").unlink()
        folder.path.rmdir()
    elif how == "number":
        (folder.path / "events.jsonl").write_text(
            '{"kind": "progress", "fraction": %s, "time": %s}\n' % (("9" * 400,) * 2)
        )
        (folder.path / "request.json").write_text(
            json.dumps({**REQUEST, "time_limit_s": 10**400, "memory_bytes": 10**400})
        )
    else:
        (folder.path / "worker.json").write_text(how)


BAD_FOLDERS: dict[str, tuple[set[str], str | None]] = {
    "log.txt": ({"failed"}, "it could not start: its log.txt cannot be opened (is a directory)"),
    "events.jsonl": ({"queued", "running"}, None),
    "number": ({"running"}, None),
    "{}": ({"failed"}, CLAIM_SPOILT),
    '{"pid": "x"}': ({"failed"}, CLAIM_SPOILT),
    '{"pid": %s}' % ("9" * 400): ({"failed"}, CLAIM_SPOILT),
}


def _ticked(supervisor: Supervisor) -> bool:
    """A tick, after which there may be nothing left to do."""
    supervisor.tick()
    return True


@pytest.mark.parametrize("how", BAD_FOLDERS)
def test_one_bad_folder_of_a_queued_run_stops_no_other(home, store, monkeypatch, capsys, how):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    monkeypatch.setenv("EXPLORER_JOBS", "2" if how == "number" else "1")
    bad, good = _create(store), _create(store)
    assert len(store.runs()) >= 2
    _spoil(bad, how)
    supervisor = Supervisor(store, LocalEngine(home.path))
    states, reason = BAD_FOLDERS[how]  # without events nobody learns more than whether a worker was seen
    home.until(lambda: _ticked(supervisor) and store.run(good.run).state == "running")
    home.until(lambda: _ticked(supervisor) and store.run(bad.run).state in states)
    assert store.run(bad.run).reason == reason and good.run in supervisor.watches
    assert capsys.readouterr().err.count(f"Run {bad.run}: ") == (how == "events.jsonl")
    supervisor.end_all()


@pytest.mark.parametrize("how", [*BAD_FOLDERS, "folder"])
def test_one_bad_folder_of_a_run_that_is_followed_stops_no_other(home, store, monkeypatch, capsys, sleeper, how):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    bad = _create(store, sleeper.pid)
    supervisor = Supervisor(store, LocalEngine(home.path))
    assert supervisor.tick() and store.run(bad.run).state == "running"
    good = _create(store)
    if how == "folder":
        (bad.path / "worker.json").unlink()
    _spoil(bad, how)
    sleeper.kill()
    sleeper.wait()
    home.until(lambda: _ticked(supervisor) and store.run(good.run).state == "running")
    assert list(supervisor.watches) == [good.run]
    ended = {"events.jsonl": ["running", "running"], "folder": ["running"]}.get(how, ["failed", "running"])
    assert [row.state for row in store.runs() if not row.recorded] == ended
    assert capsys.readouterr().err.count(f"Run {bad.run}: ") == (how == "events.jsonl")
    if how == "events.jsonl":
        (bad.path / how).rmdir()
        home.until(lambda: _ticked(supervisor) and store.run(bad.run).state == "failed")
    supervisor.end_all()


def test_what_nobody_foresaw_about_one_run_is_told_once_and_stops_no_other(home, store, monkeypatch, capsys, sleeper):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    monkeypatch.setenv("EXPLORER_JOBS", "2")
    odd, waits, good = _create(store, sleeper.pid), _create(store), _create(store)
    lane, news = LocalEngine.lane, ProcessWatch.news

    def odd_lane(self, folder, running):
        return {}["a key"] if folder.run == waits.run else lane(self, folder, running)

    def odd_news(self):
        return [][7] if self.folder.run == odd.run else news(self)

    monkeypatch.setattr(LocalEngine, "lane", odd_lane)
    monkeypatch.setattr(ProcessWatch, "news", odd_news)
    supervisor = Supervisor(store, LocalEngine(home.path))
    home.until(lambda: _ticked(supervisor) and store.run(good.run).state == "running")
    assert (store.run(waits.run).state, store.run(waits.run).reason) == ("failed", "unexpected: KeyError: 'a key'")
    assert capsys.readouterr().err == f"Run {odd.run}: IndexError: list index out of range\n"
    supervisor.end_all()


def test_a_log_that_cannot_be_written_ends_nothing(home, store, monkeypatch):
    class Full:
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        flush = write

    ticks: list[str] = []

    def tick(self: Supervisor) -> bool:
        ticks.append("tick")
        if len(ticks) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        lock.unlink()
        return False

    lock = home.path / "supervisor.lock"
    lock.touch()
    monkeypatch.setattr(sys, "stderr", Full())
    monkeypatch.setattr(Supervisor, "tick", tick)
    serve(Supervisor(store, LocalEngine(home.path)), lock, 60)
    assert len(ticks) == 2


def test_the_index_is_checked_whenever_nothing_is_left_to_do(home, store, monkeypatch):
    done: list[str] = []
    busy = [True, False, False, True, False]

    def tick(self: Supervisor) -> bool:
        done.append("tick")
        if len(busy) == 1:
            lock.unlink()
        return busy.pop(0)

    lock = home.path / "supervisor.lock"
    lock.touch()
    monkeypatch.setattr(Supervisor, "tick", tick)
    monkeypatch.setattr(Store, "check", lambda self: done.append("check"))
    serve(Supervisor(store, LocalEngine(home.path)), lock, 60)
    assert done == ["tick", "tick", "check", "tick", "tick", "tick", "check"]


def test_a_worker_is_known_by_its_start_even_when_the_clock_is_set(sleeper):
    mark = processes.mark(sleeper.pid)
    assert processes.alive({**mark, "started": mark["started"] + 3600})
    assert not processes.alive({**mark, "since_boot": mark["since_boot"] - 60})
    assert not processes.alive({**mark, "boot_id": "another"})
    assert not any(map(processes.alive, (None, {}, {**mark, "pid": "x"})))
    sleeper.kill()
    assert psutil.Process(sleeper.pid).wait(5) is not None
    assert not processes.alive(mark)


def test_a_stranger_with_a_used_process_id_is_left_alone(sleeper):
    mark = processes.mark(sleeper.pid)
    assert [process.pid for process in processes.family(mark)] == [sleeper.pid]
    assert processes.family({**mark, "since_boot": mark["since_boot"] - 60}) == []
    assert processes.family({**mark, "boot_id": "another"}) == []
    assert processes.family(None) == []


def test_what_a_dead_worker_left_running_is_found():
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    mark = processes.mark(worker.pid)
    child = int(worker.stdout.readline())
    worker.wait()
    (found,) = processes.family(mark)
    assert found.pid == child
    found.kill()


def test_a_lock_is_held_by_one_and_freed_by_its_end(tmp_path):
    with processes.hold(tmp_path / "lock") as first, processes.hold(tmp_path / "lock", wait_s=0) as second:
        assert (first, second) == (True, False)
    with processes.hold(tmp_path / "lock", wait_s=0) as third:
        assert third
