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
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from explorer.errors import ExplorerError
from explorer.home import home
from explorer.jobs import processes
from explorer.jobs.lifecycle import LOCK_WAIT_S, Watch
from explorer.rundir import ACTIVE, RunFolder
from explorer.store import Store

TICK_S = 0.1


class Supervisor:
    """The runs of one home that go on; ``slots`` is how many run at a time."""

    def __init__(self, store: Store, slots: int) -> None:
        self.store = store
        self.slots = slots
        self.watches: dict[str, Watch] = {}

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
        return bool(queued or self.watches)

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
            self.watches[run] = Watch.start(folder)

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
