"""Random schedules of faults: ``python -m tests.jobs.faults --schedules 200`` runs them and prints the counts.

A schedule submits runs and meanwhile kills, stops, cancels, corrupts and fills, drawn by its seed. Afterwards nothing
may be lost, done twice, or stuck: ``Schedule.run`` raises ``AssertionError`` with its seed otherwise.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from explorer import jobs
from explorer.errors import ExplorerError
from explorer.recipe import Recipe
from explorer.rundir import FINISHED, RunFolder
from explorer.store import Store

PIPELINE = "tests.jobs.pipelines:uncertain"
FAULTS = 14
SETTLED_S = 60.0
TAB = """
import sys, time
from explorer import jobs
from explorer.recipe import Recipe
for seed in map(int, sys.argv[1:]):
    jobs.submit(Recipe(model="cnn-digits", seed=seed, targets=("cpu-onnxruntime",)))
time.sleep(60)
"""


def recipe(seed: int) -> Recipe:
    """Recipes that differ in their seed only."""
    return Recipe(model="cnn-digits", seed=seed, targets=("cpu-onnxruntime",))


class Schedule:
    """One home under fire; ``counts`` says which faults really hit something."""

    def __init__(self, seed: int, home: Path) -> None:
        self.seed, self.home = seed, home
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.submitted = 0
        self.results: dict[str, str] = {}
        self.tab: subprocess.Popen[bytes] | None = None

    def run(self) -> Counter[str]:
        """Do the whole schedule and check what is left."""
        faults = [getattr(self, name) for name in dir(self) if name.startswith("fault_")]
        self.submit(3)
        self.open_tab()
        for _ in range(FAULTS):
            self.random.choice(faults)()
            self.keep_results()
            time.sleep(self.random.uniform(0.0, 0.25))
        self.submit(1)
        self.settle()
        self.check()
        return self.counts

    def submit(self, count: int) -> None:
        for _ in range(count):
            with suppress(ExplorerError):  # the disk may be full, the index may be rebuilt
                jobs.submit(recipe(self.submitted))
            self.submitted += 1

    def open_tab(self) -> None:
        """A dashboard of its own that submits too, until it is killed."""
        seeds = [str(100 + self.random.randrange(5)) for _ in range(2)]
        self.tab = subprocess.Popen([sys.executable, "-c", TAB, *seeds], stderr=subprocess.DEVNULL)

    def folders(self) -> list[RunFolder]:
        return [RunFolder(path) for path in sorted((self.home / "runs").iterdir()) if (path / "request.json").exists()]

    def active(self) -> list[RunFolder]:
        return [folder for folder in self.folders() if folder.snapshot().state not in FINISHED]

    def keep_results(self) -> None:
        """Remember every result that was ever there."""
        for folder in self.folders():
            with suppress(OSError):
                self.results.setdefault(folder.run, (folder.path / "result.json").read_text())

    def settle(self) -> None:
        """Let it all come to an end: whoever opens the dashboard again starts a supervisor."""
        if self.tab is not None:
            self.tab.kill()
            self.tab.wait()
        deadline = time.monotonic() + SETTLED_S
        while self.active():
            with suppress(ExplorerError):
                jobs.ensure_supervisor()
            assert time.monotonic() < deadline, f"seed {self.seed}: {[f.run for f in self.active()]} never ended"
            time.sleep(0.05)

    def check(self) -> None:
        """No finished result lost, none run twice, none stuck, every failure named, the index equal to the folders."""
        said = f"seed {self.seed}: "
        self.keep_results()
        for folder in self.folders():
            snapshot = folder.snapshot()
            starts = folder.path / "starts"
            times = len(starts.read_text().splitlines()) if starts.exists() else 0
            assert times <= 1, f"{said}{folder.run} was run {times} times"
            assert snapshot.state in FINISHED, f"{said}{folder.run} is {snapshot.state}"
            assert snapshot.state != "failed" or snapshot.reason, f"{said}{folder.run} failed without a reason"
            if folder.run in self.results:
                assert snapshot.state == "done", f"{said}{folder.run} lost its result"
                assert (folder.path / "result.json").read_text() == self.results[folder.run]
        done = [str((f.request() or {}).get("digest")) for f in self.folders() if f.snapshot().state == "done"]
        assert len(done) == len(set(done)), f"{said}the same recipe was done twice"
        self._check_index(said)

    def _check_index(self, said: str) -> None:
        deadline = time.monotonic() + 10
        while True:
            rows = {row.run: row.state for row in Store().runs() if not row.recorded}
            wanted = {folder.run: folder.snapshot().state for folder in self.folders()}
            if rows == wanted:
                return
            jobs.ensure_supervisor()
            assert time.monotonic() < deadline, f"{said}the index says {rows}, the folders {wanted}"
            time.sleep(0.1)

    def fault_kill_a_worker(self) -> None:
        for folder in self.active():
            self._signal(folder.worker(), signal.SIGKILL, "worker killed")

    def fault_kill_the_supervisor(self) -> None:
        self._signal(self._supervisor(), signal.SIGKILL, "supervisor killed")

    def fault_kill_the_dashboard(self) -> None:
        if self.tab is not None and self.tab.poll() is None:
            self.tab.kill()
            self.tab.wait()
            self.counts["dashboard killed"] += 1
            self.open_tab()

    def fault_terminate_everything(self) -> None:
        for mark in [self._supervisor(), *(folder.worker() for folder in self.active())]:
            self._signal(mark, signal.SIGTERM, "told to stop")

    def fault_cancel(self) -> None:
        for folder in self.active()[:1]:
            with suppress(ExplorerError):
                self.counts["cancelled"] += jobs.cancel(folder.run)

    def fault_submit_the_same_from_three_tabs(self) -> None:
        seed = 1000 + self.random.randrange(2)
        with ThreadPoolExecutor(3) as tabs:
            found = [tabs.submit(jobs.submit, recipe(seed)) for _ in range(3)]
        with suppress(ExplorerError):
            assert len({one.result() for one in found}) == 1, f"seed {self.seed}: one recipe became several runs"
            self.counts["submitted thrice"] += 1

    def fault_restart_the_machine(self) -> None:
        """Everything is gone at once, and what was written before bears the mark of another start."""
        workers = [folder for folder in self.active() if folder.worker()]
        for mark in [self._supervisor(), *(folder.worker() for folder in workers)]:
            self._signal(mark, signal.SIGKILL, "")
        for folder in workers:
            self._change_mark(folder, boot_id="another start")
            self.counts["machine restarted"] += 1

    def fault_set_the_clock(self) -> None:
        """A start as the clock tells it now is another one than was written down."""
        for folder in self.active():
            if folder.worker():
                self._change_mark(folder, started=time.time() - 86_400)
                self.counts["clock set"] += 1

    def fault_garbage_in_the_events(self) -> None:
        for folder in self.active():
            with suppress(OSError), (folder.path / "events.jsonl").open("ab") as file:
                file.write(b'\x00\xff{"kind": "state", "state": "do')
                self.counts["events spoilt"] += 1

    def fault_cut_the_events(self) -> None:
        for folder in self.active():
            with suppress(OSError):
                os.truncate(folder.path / "events.jsonl", (folder.path / "events.jsonl").stat().st_size // 2)
                self.counts["events cut"] += 1

    def fault_spoil_the_index(self) -> None:
        with suppress(OSError), (self.home / "index.sqlite").open("r+b") as file:
            file.write(b"this is no database" * 40)
            self.counts["index spoilt"] += 1

    def fault_fill_the_disk(self) -> None:
        """Nothing can be written by whoever submits: one sentence, and nothing half-written."""
        self._refused(errno.ENOSPC, "disk full")

    def fault_read_only_home(self) -> None:
        self._refused(errno.EROFS, "home read-only")

    def _refused(self, number: int, name: str) -> None:
        before = len(self.folders())
        failing = mock.patch.object(RunFolder, "create", side_effect=OSError(number, os.strerror(number)))
        with failing, suppress(ExplorerError):
            jobs.submit(recipe(5000 + self.submitted))
            raise AssertionError(f"seed {self.seed}: a run was submitted although it could not be written")
        assert len(self.folders()) >= before
        self.counts[name] += 1

    def _supervisor(self) -> dict[str, Any] | None:
        try:
            return {"pid": int((self.home / "supervisor.lock").read_text())}
        except (OSError, ValueError):
            return None

    def _signal(self, mark: dict[str, Any] | None, number: signal.Signals, name: str) -> None:
        """Only processes of this home are hit, whatever a file says."""
        with suppress(psutil.Error, TypeError, KeyError):
            process = psutil.Process(int((mark or {})["pid"]))
            if process.environ().get("EXPLORER_HOME") == str(self.home) and process.pid != os.getpid():
                process.send_signal(number)
                self.counts.update([name] if name else [])

    def _change_mark(self, folder: RunFolder, **fields: Any) -> None:
        draft = folder.path / "worker.json.draft"
        draft.write_text(json.dumps({**(folder.worker() or {}), **fields}))
        draft.replace(folder.path / "worker.json")


def end_processes_of(home: Path) -> None:
    """Whatever a schedule left running."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("EXPLORER_HOME") == str(home):
                process.kill()


def run_schedules(first: int, count: int, place: Path) -> Counter[str]:
    """Run schedules with the seeds from ``first`` on, each in a home of its own; returns how often each fault hit."""
    counts: Counter[str] = Counter()
    for seed in range(first, first + count):
        home = place / f"home-{seed}"
        home.mkdir()
        with mock.patch.dict(os.environ, {"EXPLORER_HOME": str(home), "EXPLORER_PIPELINE": PIPELINE}):
            try:
                counts += Schedule(seed, home).run()
            finally:
                end_processes_of(home)
    return counts


def report(count: int, counts: Counter[str]) -> str:
    """What was done, for people."""
    listed = ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
    return f"{count} schedules, {counts.total()} faults: {listed}"


def main() -> None:
    """Run as many schedules as wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        print(report(given.schedules, run_schedules(given.first, given.schedules, Path(place))))


if __name__ == "__main__":
    main()
