"""The supervisor: starts queued runs in order, follows them into the index, and settles how they ended.

There is one per home, held by a lock that the system drops with the process, and it is the only writer of a run's
state in the index. Nothing is lost with it: workers are processes of their own that write into their run folders, and
the next supervisor adopts them by process id and start. It imports the standard library and psutil only, to stay small.
``EXPLORER_JOBS`` is the number of runs at a time (1), ``EXPLORER_IDLE_S`` after how many seconds without work it
leaves (300).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from explorer.errors import ExplorerError
from explorer.home import home
from explorer.jobs import processes
from explorer.jobs.lifecycle import LOCK_WAIT_S, Watch, is_ready, start_spare
from explorer.rundir import ACTIVE, RunFolder
from explorer.store import Store

TICK_S = 0.1


class Supervisor:
    """The runs of one home that go on; ``slots`` is how many run at a time."""

    def __init__(self, store: Store, slots: int) -> None:
        self.store = store
        self.slots = slots
        self.watches: dict[str, Watch] = {}
        self.spare = Spare(store.path.parent)

    def tick(self) -> bool:
        """Do what is due; returns whether anything is queued or running."""
        for run in self.store.in_state("running"):
            if run not in self.watches:
                self._adopt(run)
        for run in list(self.watches):
            self._follow(run)
        queued = [run for run in self.store.in_state("queued") if run not in self.watches]
        for run in queued:
            self._take(run)
        busy = bool(queued or self.watches)
        waiting = len(queued) > 0 and len(self.watches) >= self.slots
        self.spare.tick(busy, waiting, (watch.folder for watch in self.watches.values()))
        return busy

    def end_all(self) -> None:
        """Kill whatever runs, its home having been deleted."""
        for watch in self.watches.values():
            watch.send(signal.SIGKILL)

    def _adopt(self, run: str) -> None:
        folder = self._folder(run)
        self.watches[run] = Watch(folder, folder.worker())

    def _take(self, run: str) -> None:
        folder = self._folder(run)
        if folder.cancel_requested or folder.worker():  # nothing to start: settled or followed by the next tick
            self._adopt(run)
        elif len(self.watches) < self.slots:
            self.watches[run] = Watch.start(folder, self.spare.take())

    def _follow(self, run: str) -> None:
        watch = self.watches[run]
        if not watch.folder.path.exists():  # deleted under it: the row goes with the folder
            watch.send(signal.SIGKILL)
        elif not watch.gone():
            watch.stop_if_asked()
            if watch.news():
                self.store.refresh(run)
            return
        else:
            watch.settle()
            self.store.refresh(run)
        del self.watches[run]

    def _folder(self, run: str) -> RunFolder:
        return RunFolder(self.store.folders / run)


class Spare:
    """A worker that has everything imported and waits for the next run, so that this starts at once.

    It is made while runs wait for others, but never while one is measured, and when the last run has ended; it goes
    after ``EXPLORER_SPARE_S`` seconds (120) without work, at once where that is 0. It is a process of its own from its
    first moment: nothing is forked after PyTorch was imported.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keep_s = float(os.environ.get("EXPLORER_SPARE_S") or 120)
        self.process: subprocess.Popen[bytes] | None = None
        self.last_busy: float | None = None

    def take(self) -> subprocess.Popen[bytes] | None:
        """The waiting worker, which is nobody else's from now on; None while it is not ready yet."""
        if self.process is None or not is_ready(self.process):
            return None
        taken, self.process = self.process, None
        return taken

    def tick(self, busy: bool, waiting: bool, running: Iterable[RunFolder]) -> None:
        """Make one where it will be wanted; let it go where it was not wanted for long."""
        now = time.monotonic()
        self.last_busy = now if busy else self.last_busy
        recently = self.last_busy is not None and now - self.last_busy < self.keep_s
        if self.process is not None and (self.process.poll() is not None or not recently):
            self.let_go()
        wanted = waiting or (recently and not busy)
        if wanted and self.process is None and self.keep_s > 0 and not any(_measures(folder) for folder in running):
            self.process = start_spare(self.home)

    def let_go(self) -> None:
        """Close its input, at which it ends."""
        process, self.process = self.process, None
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            process.poll()


def _measures(folder: RunFolder) -> bool:
    return folder.snapshot().stage == "measure"


def serve(supervisor: Supervisor, lock: Path, idle_s: float) -> None:
    """Tick until nothing was active for ``idle_s`` seconds, or the home is no longer the one that was locked."""
    identity = lock.stat().st_ino
    last_active = time.monotonic()
    while _inode(lock) == identity:
        try:
            if supervisor.tick():
                last_active = time.monotonic()
            elif time.monotonic() - last_active > idle_s:
                return
        except (OSError, ExplorerError, psutil.Error) as error:  # a full disk, a busy index: until it works again
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            time.sleep(1)
        time.sleep(TICK_S)
    if not lock.parent.is_dir():
        supervisor.end_all()
    supervisor.spare.let_go()


def main() -> None:
    """Serve as the home's supervisor, or leave at once when there is one.

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
            slots = max(1, int(os.environ.get("EXPLORER_JOBS") or 1))
            serve(Supervisor(store, slots), lock, float(os.environ.get("EXPLORER_IDLE_S") or 300))
        if not base.is_dir() or not store.in_state(*ACTIVE):
            return


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


if __name__ == "__main__":
    main()
