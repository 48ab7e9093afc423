"""Random schedules of faults: ``python -m tests.jobs.faults --schedules 200`` runs them and prints the counts.

A schedule lets dashboards submit runs and meanwhile kills, stops, cancels, corrupts, fills and sets the clock, drawn by
its seed. Afterwards nothing may be lost, done twice, or stuck: ``Schedule.run`` raises ``AssertionError`` with its seed
otherwise. What happens inside of the processes is done to them by ``injected/sitecustomize.py``.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from explorer.rundir import FINISHED, RunFolder
from explorer.store import Store
from tests.jobs.under_fire import Dashboard, Tab, end_processes_of, processes_of, surroundings, whole

FAULTS, TABS = 14, 3
AT_ONCE = 4
SETTLED_S = 120.0
BROKEN_STEPS = 6
HIT_S = 3.0
DAY_S = 86_400
NO_DATABASE, HEADER_BYTES = b"this is no database" * 40, 100
BROKEN = {errno.ENOSPC: "disk full", errno.EROFS: "home read-only"}
KINDS = (
    *("worker killed", "supervisor killed", "dashboard killed", "told to stop", "machine restarted"),
    *("cancelled", "submitted thrice", "clock set", "events spoilt", "events cut", "index spoilt"),
    "index spoilt behind its header",
    *(f"{name} for the {kind}" for name in BROKEN.values() for kind in ("worker", "supervisor", "dashboard")),
    *(f"disk full for the {kind} at a write" for kind in ("worker", "supervisor", "dashboard")),
    *(f"disk full for the {kind} at a write to its log" for kind in ("worker", "supervisor")),
    *(f"{name} for the {kind} at its index" for name in BROKEN.values() for kind in ("supervisor", "dashboard")),
)
"""The faults by name; each happens in twenty schedules."""


class Schedule:
    """One home under fire; ``counts`` says which faults really hit something."""

    def __init__(self, seed: int, home: Path, injected: Path) -> None:
        self.seed, self.home, self.injected = seed, home, injected
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.submitted, self.step = 0, 0
        self.launched: list[str] = []
        self.results: dict[str, str] = {}
        self.tabs: dict[int, Tab] = {}
        self.broken: dict[str, int] = {}

    def run(self) -> Counter[str]:
        """Do the whole schedule and check what is left."""
        faults: list[Callable[[], None]] = [getattr(self, name) for name in dir(self) if name.startswith("fault_")]
        self.submit(3)
        for self.step in range(FAULTS):
            self.random.choice(faults)()
            self.keep_results()
            time.sleep(self.random.uniform(0.0, 0.25))
            self.look()
            self.mend()
        self.mend(at_once=True)
        self.submit(1)
        self.settle()
        self.check()
        return self.counts

    def tab(self, number: int = 0) -> Tab:
        """One of the dashboards, opened where it was closed or killed."""
        if number not in self.tabs or self.tabs[number].process.poll() is not None:
            self.tabs[number] = Tab()
        return self.tabs[number]

    def look(self) -> None:
        """Somebody has a dashboard open."""
        self.tab()

    def submit(self, count: int) -> None:
        for _ in range(count):
            self.submitted += 1
            self.tab().tell(submit=self.submitted)
            self.heard(self.tabs[0].answer())

    def heard(self, answer: dict[str, Any], in_turn: bool = True) -> None:
        """A page may refuse in one sentence; it never breaks. Runs that were launched ``in_turn`` start so."""
        assert "crash" not in answer, f"seed {self.seed}: a dashboard broke: {answer['crash']}"
        if in_turn and isinstance(run := answer.get("done"), str) and run not in self.launched:
            self.launched.append(run)

    def folders(self) -> list[RunFolder]:
        runs = self.home / "runs"
        found = sorted(runs.iterdir()) if runs.is_dir() else []
        return [RunFolder(path) for path in found if (path / "request.json").exists()]

    def active(self) -> list[RunFolder]:
        return [folder for folder in self.folders() if folder.snapshot().state not in FINISHED]

    def keep_results(self) -> None:
        """Remember every result that was ever there."""
        for folder in self.folders():
            with suppress(OSError):
                self.results.setdefault(folder.run, (folder.path / "result.json").read_text())

    def mend(self, at_once: bool = False) -> None:
        """Let what could not write do so again, if it is time; what was refused meanwhile counts."""
        for kind, last in list(self.broken.items()):
            if at_once or self.step >= last:
                (self.injected / kind).unlink()
                del self.broken[kind]
        with suppress(OSError):
            refused = (self.injected / "refused").read_text().splitlines()
            (self.injected / "refused").unlink()
            for kind, number, how in {tuple(line.split(" ", 2)) for line in refused}:
                self.counts[f"{BROKEN[getattr(errno, number)]} for the {kind} {how}".rstrip()] += 1

    def settle(self) -> None:
        """Let it all come to an end: whoever opens the dashboard again starts a supervisor."""
        deadline = time.monotonic() + SETTLED_S
        while self.active():
            self.look()
            assert time.monotonic() < deadline, f"seed {self.seed}: {[f.run for f in self.active()]} never ended"
            time.sleep(0.05)

    def check(self) -> None:
        """No result lost, none run twice, none stuck, all in their order, failures named, the index as the folders."""
        said = f"seed {self.seed}: "
        self.keep_results()
        first: dict[str, float] = {}
        for folder in self.folders():
            snapshot = folder.snapshot()
            starts = folder.path / "starts"
            begun = list(map(float, starts.read_text().split())) if starts.exists() else []
            assert len(begun) <= 1, f"{said}{folder.run} was run {len(begun)} times"
            first.update({folder.run: begun[0]} if begun else {})
            assert snapshot.state in FINISHED, f"{said}{folder.run} is {snapshot.state}"
            if snapshot.state == "failed":
                reason = snapshot.reason or "unexpected: nothing was said"
                assert not reason.startswith("unexpected"), f"{said}{folder.run} failed without a reason: {reason}"
            if folder.run in self.results:
                assert snapshot.state == "done", f"{said}{folder.run} lost its result"
                assert (folder.path / "result.json").read_text() == self.results[folder.run]
        done = [str((f.request() or {}).get("digest")) for f in self.folders() if f.snapshot().state == "done"]
        assert len(done) == len(set(done)), f"{said}the same recipe was done twice"
        order = [run for run in self.launched if run in first]
        assert order == sorted(order, key=first.__getitem__), f"{said}runs overtook each other"
        self._check_index(said)

    def _check_index(self, said: str) -> None:
        deadline = time.monotonic() + 10
        while True:
            rows = {row.run: row.state for row in Store().runs() if not row.recorded}
            wanted = {folder.run: folder.snapshot().state for folder in self.folders()}
            if rows == wanted:
                return
            self.look()
            assert time.monotonic() < deadline, f"{said}the index says {rows}, the folders {wanted}"
            time.sleep(0.1)

    def fault_kill_a_worker(self) -> None:
        """One that works, that is about to claim its run, or that waits for one."""
        if not self.active():
            self.submit(1)
        time.sleep(self.random.uniform(0.0, 0.6))
        self._kill("explorer.jobs.worker", "worker killed")

    def fault_kill_the_supervisor(self) -> None:
        self._kill("explorer.jobs.supervisor", "supervisor killed")

    def fault_kill_the_dashboard(self) -> None:
        """While it launches something, or a moment later."""
        self.submitted += 1
        self.tab().tell(submit=self.submitted)
        time.sleep(self.random.uniform(0.0, 0.1))
        self.tabs[0].kill()
        self.heard(self.tabs[0].answer())
        self.counts["dashboard killed"] += 1

    def fault_terminate_everything(self) -> None:
        for process in processes_of(self.home):
            with suppress(psutil.Error):
                process.terminate()
                self.counts["told to stop"] += 1

    def fault_restart_the_machine(self) -> None:
        """Everything is gone at once, and what was written before bears the mark of another start."""
        end_processes_of(self.home)
        for folder in self.active():
            if folder.worker():
                self._change_mark(folder, boot_id="another start")
                self.counts["machine restarted"] += 1

    def fault_cancel(self) -> None:
        for folder in self.active()[:1]:
            self.tab().tell(cancel=folder.run)
            answer = self.tabs[0].answer()
            self.heard(answer)
            self.counts["cancelled"] += answer.get("done") is True

    def fault_submit_the_same_from_three_tabs(self) -> None:
        seed = 1000 + self.random.randrange(2)
        tabs = [self.tab(number) for number in range(TABS)]
        for tab in tabs:
            tab.tell(submit=seed)
        answers = [tab.answer() for tab in tabs]
        runs = {answer["done"] for answer in answers if "done" in answer}
        states = [RunFolder(self.home / "runs" / run).snapshot().state for run in runs]
        standing = [state for state in states if state not in ("failed", "cancelled")]
        assert len(standing) <= 1, f"seed {self.seed}: one recipe became several runs"
        self.counts["submitted thrice"] += bool(runs)
        for answer in answers:  # where the first run failed meanwhile, nobody knows in which order the others came
            self.heard(answer, in_turn=len(runs) == 1)

    def fault_set_the_clock(self) -> None:
        """Forward or back by up to a day, for all processes at once."""
        whole(self.injected / "clock", str(self.random.uniform(-DAY_S, DAY_S)))
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
        """Its header, or what is anywhere behind it."""
        with suppress(OSError), (self.home / "index.sqlite").open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            place = self.random.choice([0, self.random.randrange(HEADER_BYTES, max(size, HEADER_BYTES + 1))])
            file.seek(place)
            file.write(NO_DATABASE)
            self.counts["index spoilt" if place == 0 else "index spoilt behind its header"] += 1

    def fault_fill_the_disk(self) -> None:
        self._break(errno.ENOSPC)

    def fault_fill_the_disk_under_open_files(self) -> None:
        """Files can be opened, or are so already, and the first write finds that the disk is full."""
        self._break(errno.ENOSPC, " write")

    def fault_read_only_home(self) -> None:
        self._break(errno.EROFS)

    def _break(self, number: int, how: str = "") -> None:
        """One kind of process, or all, can write nothing for a while, which begins to hit before anything else does."""
        kinds = ["worker", "supervisor", "dashboard"]
        for kind in self.random.choice([[kind] for kind in kinds] + [kinds]):
            whole(self.injected / kind, f"{number}{how}")
            self.broken[kind] = self.step + self.random.randint(1, BROKEN_STEPS)
        self.submit(1)
        deadline = time.monotonic() + HIT_S
        while not (self.injected / "refused").exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _kill(self, module: str, name: str) -> None:
        for process in processes_of(self.home):
            with suppress(psutil.Error):
                if module in process.cmdline():
                    process.kill()
                    self.counts[name] += 1

    def _change_mark(self, folder: RunFolder, **fields: Any) -> None:
        whole(folder.path / "worker.json", json.dumps({**(folder.worker() or {}), **fields}))


class WatchedSchedule(Schedule):
    """A schedule under the eyes of the real dashboard, which alone has the runs go on in the end."""

    dashboard: Dashboard | None = None

    def look(self) -> None:
        """Draw the Runs page, of a new dashboard where the last one was killed."""
        if self.dashboard is None or self.dashboard.process.poll() is not None:
            self.dashboard = Dashboard(self.home)
        self.counts["page drawn"] += bool(self.dashboard.drawn())

    def fault_kill_the_dashboard(self) -> None:
        super().fault_kill_the_dashboard()
        if self.dashboard is not None:
            self.dashboard.kill()
            self.counts["real dashboard killed"] += 1

    def settle(self) -> None:
        self.fault_kill_the_dashboard()
        for tab in self.tabs.values():
            tab.kill()
        super().settle()


def run_schedule(seed: int, place: Path, kind: type[Schedule] = Schedule) -> Counter[str]:
    """Run one schedule in a home of its own; returns how often each fault hit."""
    home, injected = place / f"home-{seed}", place / f"faults-{seed}"
    home.mkdir()
    injected.mkdir()
    with mock.patch.dict(os.environ, surroundings(home, injected)):
        try:
            return kind(seed, home, injected).run()
        finally:
            end_processes_of(home)


def run_schedules(first: int, count: int, place: Path) -> Counter[str]:
    """Run schedules with the seeds from ``first`` on, ``AT_ONCE`` beside each other, each in a process of its own."""
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(run_schedule, range(first, first + count), repeat(place)), Counter())


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
