"""The supervisor: has queued runs started in order, follows them into the index, and settles how they ended.

There is one per home, held by a lock that the system drops with the process, and it is the only writer of a run's
state in the index. Nothing is lost with it: runs go on by themselves and write into their run folders, and the next
supervisor adopts them. It imports the standard library and psutil only, to stay small. ``EXPLORER_ENGINE`` says where
runs are executed (``engine.chosen``), ``EXPLORER_IDLE_S`` after how many seconds without work it leaves (300).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from explorer import trash
from explorer.errors import ExplorerError, NeverFits
from explorer.home import home, writing
from explorer.jobs import processes
from explorer.jobs.disk_guard import DiskGuard
from explorer.jobs.engine import Engine, Watch, chosen
from explorer.jobs.lifecycle import LOCK_WAIT_S, OF_THE_MACHINE, cannot_start
from explorer.jobs.time_limit import Clock
from explorer.rundir import ACTIVE, FINISHED, RunFolder, State, drop_old_drafts, queue_paused
from explorer.store import Store

TICK_S = 0.1
LOOK_S = 1.0
"""How often the whole queue is looked through, and the memory that is free."""


class Supervisor:
    """The runs of one home that go on, by way of an engine."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self.store = store
        self.engine = engine
        self.disk = DiskGuard(store.path.parent)
        self.watches: dict[str, Watch] = {}
        self.unsettled: dict[str, Watch] = {}
        """Runs of which nothing is left and whose end could not be written down yet; they take no place."""
        self.told: set[tuple[object, ...]] = set()
        """What went wrong with single runs and is in the log."""
        self.clocks: dict[str, Clock] = {}
        self.stopped: str | None = None
        """The run that is being stopped for lack of room."""
        self.looked = -LOOK_S
        self.blocked: set[Hashable] = set()
        """The lanes (``Engine.lane``) whose first run has an obstacle, as of the last look."""

    def tick(self) -> bool:
        """Do what is due; returns whether anything is queued or running."""
        for run in self._unwatched("running"):
            with self._apart(run):
                self._adopt(run)
        for run in list(self.watches):
            with self._apart(run):
                self._follow(run)
        self._keep_room()
        due = time.monotonic() - self.looked >= LOOK_S
        if due:
            self.looked, self.blocked = time.monotonic(), set()
            for run in list(self.unsettled):
                with self._apart(run):
                    self._settle(run)
        queued = self._unwatched("queued")
        self._wake(due)
        self._start(queued, due)
        busy = bool(queued or self.watches or self.unsettled)
        waiting = any(run not in self.watches for run in queued) and self._free_slots() <= 0
        self.engine.look_after(busy, waiting, [watch.folder for watch in self.watches.values()])
        return busy

    def end_all(self) -> None:
        """Kill whatever runs, its home having been deleted."""
        for watch in self.watches.values():
            watch.kill()

    @contextmanager
    def _apart(self, run: str) -> Iterator[None]:
        """What goes wrong with one run is told once and tried again, and keeps nothing from the others.

        What the machine refuses, all runs would meet: it is raised, so that none overtakes another meanwhile.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
                raise
            kind = run, type(error), getattr(error, "errno", None)
            if kind not in self.told:
                self.told.add(kind)
                _tell(f"Run {run}: {type(error).__name__}: {error}")

    def _unwatched(self, state: State) -> list[str]:
        return [run for run in self.store.in_state(state) if run not in self.watches and run not in self.unsettled]

    def _settle(self, run: str) -> None:
        """Write down how a run ended; where that fails now, it is left to a later look."""
        watch = self.unsettled[run]
        if watch.folder.path.exists():
            watch.settle()
        self.store.refresh(run)
        del self.unsettled[run]

    def _wake(self, due: bool) -> None:
        """Let runs that rest and are asked to go on do so, in the order of the queue and before what waits there.

        They go first since they have memory already, for which others may wait. Where all that do not rest wait, it may
        be for what one of these has begun to compute: then one goes on whatever is against it.
        """
        asked = [watch.folder for watch in self.watches.values() if watch.folder.resume_requested]
        for folder in sorted(asked, key=RunFolder.place):
            with self._apart(folder.run):
                if self._all_wait() or self._has_place(folder, due):
                    folder.set_paused(False)
                    folder.drop_wait()
                    self.store.refresh(folder.run)

    def _all_wait(self) -> bool:
        at_work = [watch.folder for watch in self.watches.values() if not watch.folder.pause_requested]
        return bool(at_work) and all(folder.snapshot().stage == "wait" for folder in at_work)

    def _has_place(self, folder: RunFolder, due: bool) -> bool:
        """Whether a run that rests can go on beside those at work; where it cannot, it says why."""
        if self._free_slots() > 0:
            return not self._is_held_up(folder)
        if due:
            self._waits(folder, f"waits for its turn: EXPLORER_JOBS allows {self.engine.slots} at a time")
        return False

    def _start(self, queued: list[str], due: bool) -> None:
        """Start what may start, in the order of the queue; all of the queue is looked through when it is ``due``."""
        held = queue_paused(self.store.path.parent)
        if not due and (held or self.blocked or self._free_slots() <= 0):
            return
        for run in queued:
            if not due and self._free_slots() <= 0:
                return
            with self._apart(run):
                folder = self._folder(run)
                if folder.cancel_requested or self.engine.has_begun(folder):  # settled or followed by the next tick
                    self._adopt(run)
                elif self._free_slots() > 0 and not held and not folder.pause_requested:
                    self._start_or_refuse(folder)

    def _start_or_refuse(self, folder: RunFolder) -> None:
        """Start the run unless something is against it now; one that can never start here fails and says why."""
        try:
            if not self._is_held_up(folder):
                self.watches[folder.run] = self.engine.start(folder)
        except NeverFits as error:
            self._refuse(folder, str(error), bad_input=True)
        except Exception as error:
            reason = cannot_start(error, folder)
            if reason is None:
                raise
            self._refuse(folder, reason)

    def _refuse(self, folder: RunFolder, reason: str, bad_input: bool = False) -> None:
        if folder.path.exists():
            folder.add_state("failed", reason, bad_input)
        self.store.refresh(folder.run)

    def _is_held_up(self, folder: RunFolder) -> bool:
        """Whether the disk or the engine says what is against a run that would go on now.

        Then no other one overtakes it in its lane.
        """
        running = [watch.folder for watch in self.watches.values()]
        lane = self.engine.lane(folder, running)
        if lane in self.blocked:
            return True
        reason = self.disk.obstacle() or self.engine.obstacle(folder, running)
        if reason is not None:
            self.blocked.add(lane)
            self._waits(folder, reason)
        return reason is not None

    def _waits(self, folder: RunFolder, reason: str) -> None:
        """Have the run say why it waits."""
        before = folder.snapshot()
        if before.stage != "wait" or _kind(before.text) != _kind(reason):  # figures alone are no news
            with suppress(OSError):  # what it waits for may be room on the disk
                folder.add_progress("wait", reason)
            self.store.refresh(folder.run)

    def _free_slots(self) -> int:
        return self.engine.slots - sum(not watch.folder.pause_requested for watch in self.watches.values())

    def _adopt(self, run: str) -> None:
        self.watches[run] = self.engine.adopt(self._folder(run))

    def _follow(self, run: str) -> None:
        watch = self.watches[run]
        if not watch.folder.path.exists():  # deleted under it: the row goes with the folder
            watch.kill()
        elif not watch.gone():
            watch.stop_if_asked()
            self._keep_time(watch)
            if watch.news():
                self.store.refresh(run)
            return
        self.unsettled[run] = self.watches.pop(run)
        self.looked = -LOOK_S  # others may have waited for what it leaves
        self.clocks.pop(run, None)
        self._settle(run)

    def _keep_time(self, watch: Watch) -> None:
        """End a run that took longer than its limit; the time for which it is paused or waits does not count."""
        folder = watch.folder
        clock = self.clocks.get(folder.run) or self.clocks.setdefault(folder.run, Clock.of(folder))
        if not clock.due:
            return
        now = folder.snapshot()
        if clock.is_over(paused=folder.pause_requested or now.state == "queued" or now.stage == "wait"):
            if now.state not in FINISHED:
                folder.add_state("failed", clock.reason)
            watch.kill()
        clock.keep(folder)

    def _keep_room(self) -> None:
        """Stop the last run in the queue's order of those at work, before the disk or the quota is full; one at a time.

        What it wrote of its artefact goes, its checkpoint stays.
        """
        if self.stopped in self.watches:
            return self.watches[self.stopped].stop()
        self.stopped = None
        at_work = [watch.folder for watch in self.watches.values() if not watch.folder.pause_requested]
        reason = self.disk.shortage() if at_work else None
        if reason is not None:
            last = max(at_work, key=RunFolder.place)
            if last.snapshot().state not in FINISHED:
                last.add_state("failed", reason)
            self.stopped = last.run

    def _folder(self, run: str) -> RunFolder:
        return RunFolder(self.store.folders / run)


def _kind(reason: str | None) -> str:
    """What a run waits for, without the figures."""
    return (reason or "").partition(":")[0]


def serve(supervisor: Supervisor, lock: Path, idle_s: float) -> None:
    """Tick until nothing was active for ``idle_s`` seconds, or the home is no longer the one that was locked.

    Whenever nothing is left to do, the index is checked: a run may be hidden where a part of it is spoilt.
    """
    identity = lock.stat().st_ino
    last_active, checked = time.monotonic(), False
    while _inode(lock) == identity:
        try:
            if supervisor.tick():
                last_active, checked = time.monotonic(), False
            elif not checked:
                supervisor.store.check()
                checked = True
            elif time.monotonic() - last_active > idle_s:
                return
        except (OSError, ExplorerError, psutil.Error) as error:  # a full disk, a busy index: until it works again
            _tell(f"{type(error).__name__}: {error}")
            time.sleep(1)
        time.sleep(TICK_S)
    if not lock.parent.is_dir():
        supervisor.end_all()
    supervisor.engine.close()


@writing()
def main() -> None:
    """Serve as the home's supervisor, or leave at once when there is one; first what is old goes (trash, drafts).

    A run that is submitted while this one leaves is not forgotten: ``submit`` writes the folder before it looks at the
    lock, and this process looks at the folders once more after it has let go of the lock.
    """
    base = home()
    lock = base / "supervisor.lock"
    store = Store(base / "index.sqlite")
    while True:
        with processes.hold(lock, LOCK_WAIT_S) as got:
            if not got:
                return
            with suppress(OSError):  # only a hint for who starts supervisors
                lock.write_text(str(os.getpid()))
            with suppress(OSError):
                trash.empty(base, trash.KEPT_DAYS)
                drop_old_drafts(base)
            serve(Supervisor(store, chosen(base)), lock, float(os.environ.get("EXPLORER_IDLE_S") or 300))
        if not base.is_dir() or not store.in_state(*ACTIVE):
            return


def _tell(text: str) -> None:
    """Write a line into the supervisor's log, which may lie on a full disk."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


if __name__ == "__main__":
    try:
        main()
    except ExplorerError as error:
        sys.exit(str(error))
