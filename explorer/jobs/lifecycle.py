"""Start a run's worker, watch and stop it, and write down how it ended: for the supervisor and for the foreground."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from explorer.errors import ExplorerError
from explorer.home import FULL, no_room, room
from explorer.jobs import memory_guard, processes
from explorer.rundir import FINISHED, RunFolder

PROJECT = Path(__file__).parents[2]
READ_ONLY = "EXPLORER_HOME is on a disk that is read-only; make it writable and try again"
CLAIM_SPOILT = "the run's worker.json names no process, so that no worker can claim it; launch it again"
CANNOT_WRITE = (*FULL, errno.EROFS)
"""The system's errors with which nothing can be written; a worker that cannot even say so exits with one as status."""
OF_THE_MACHINE = (*CANNOT_WRITE, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN)
"""The system's errors that pass, or that other runs meet as well."""
SPARE = "--spare"
GRACE_S = 3.0
"""How long a worker may take to end by itself before it is killed."""
LOCK_WAIT_S = 1.0
"""How long a supervisor that starts tries to get the lock from one that leaves."""


def environment(home: Path) -> dict[str, str]:
    """What a process of ours needs to find the program and its home, wherever it was started from."""
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "EXPLORER_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def start_worker(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start the run's worker in a session, and so a process group, of its own."""
    with (folder.path / "log.txt").open("ab") as log:  # from the start, so that a failing import is in it
        return _worker([str(folder.path)], folder.path.parents[1], subprocess.DEVNULL, log)


def start_spare(home: Path) -> subprocess.Popen[bytes]:
    """Start a worker that imports what every run needs and waits for one; it ends when its input is closed."""
    with (home / "supervisor.log").open("ab") as log:
        return _worker([SPARE], home, subprocess.PIPE, log, subprocess.PIPE)


def is_ready(spare: subprocess.Popen[bytes]) -> bool:
    """Whether a spare worker has imported everything: it says so by a line."""
    return spare.stdout is not None and bool(select.select([spare.stdout], [], [], 0)[0])


def hand_over(folder: RunFolder, spare: subprocess.Popen[bytes] | None) -> bool:
    """Give the run to a spare worker; False where there is none any more."""
    if spare is None or spare.stdin is None or spare.poll() is not None:
        return False
    try:
        spare.stdin.write(f"{folder.path}\n".encode())
        spare.stdin.flush()
    except OSError:
        return False
    return True


def _worker(
    arguments: list[str], home: Path, stdin: int, log: BinaryIO, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "explorer.jobs.worker", *arguments],
        # threads that wait by spinning lose most of their time to a browser on the same cores
        env={"OMP_WAIT_POLICY": "PASSIVE", **environment(home)},
        cwd=PROJECT,
        stdin=stdin,
        stdout=log if stdout is None else stdout,
        stderr=log,
        start_new_session=True,
    )


def start_supervisor(home: Path) -> subprocess.Popen[bytes]:
    """Start a supervisor for ``home``, detached; it leaves at once when there is one."""
    with (home / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "explorer.jobs.supervisor"],
            env=environment(home),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@dataclass
class ProcessWatch:
    """A run that goes on: its worker's mark, and its process where it is a child of this one."""

    folder: RunFolder
    mark: dict[str, Any] | None
    process: subprocess.Popen[bytes] | None = None
    stopped_at: float | None = None
    seen: tuple[int, int] | None = None

    @classmethod
    def start(cls, folder: RunFolder, spare: subprocess.Popen[bytes] | None = None) -> ProcessWatch:
        """Give the run to the spare worker where there is one, else to a new one, and watch it."""
        process = spare if spare and hand_over(folder, spare) else start_worker(folder)
        return cls(folder, processes.mark(process.pid), process)

    def gone(self) -> bool:
        """Whether no worker is left; where another worker was first to claim the run, that one is watched from now."""
        if self.process is not None and self.process.poll() is None:
            return False
        claimed = self.folder.worker()
        if self.process is not None and claimed and claimed["pid"] != self.process.pid:
            self.process = None
        if self.process is not None:
            return True
        self.mark = claimed or self.mark
        return not processes.alive(self.mark)

    def stop_if_asked(self) -> None:
        """End the run where a cancel is requested."""
        if self.folder.cancel_requested:
            self.stop()

    def stop(self) -> None:
        """Ask the worker and what it started to end, and kill them where they have not after a while."""
        now = time.monotonic()
        if self.stopped_at is None:
            self.stopped_at = now
            self.send(signal.SIGTERM)
        elif now - self.stopped_at > GRACE_S:
            self.kill()

    def kill(self) -> None:
        """Kill the worker and everything that it started."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the worker and everything that it started."""
        processes.send(processes.family(self.mark), number)

    def settle(self) -> None:
        """Write down how the run ended, its worker being gone; raises ``OSError`` when that cannot be written."""
        self.kill()  # what the worker left running
        settle(self.folder, self.mark, self.process.returncode if self.process else None)

    def news(self) -> bool:
        """Whether events were written since the last call."""
        before, self.seen = self.seen, self.folder.written()
        return self.seen != before


def settle(folder: RunFolder, mark: dict[str, Any] | None, exit_status: int | None) -> None:
    """Write down how a run ended whose worker is gone, unless the worker did so itself.

    ``exit_status`` is negative for a signal and None where nobody could see it.
    """
    state = folder.snapshot().state
    if state != "done":
        folder.drop_artefact()
    if state in FINISHED:
        return
    if folder.cancel_requested:
        folder.add_state("cancelled")
    else:
        folder.add_state("failed", _reason(folder, mark, exit_status))


def cannot_write(folder: RunFolder, number: int) -> str:
    """The reason of a run that the system's error ``number``, one of ``CANNOT_WRITE``, kept from writing."""
    if number not in FULL:
        return READ_ONLY
    if number == errno.EDQUOT:
        what = "your quota on the disk was full"
    else:
        what = f"the disk was full ({room(folder.path)} were free when this was written down)"
    return f"{what}; remove model files of old runs or empty the trash, then try again"


def cannot_start(error: Exception, folder: RunFolder) -> str | None:
    """The reason of a run that its own folder keeps from starting; None where the error may pass or is everybody's."""
    if isinstance(error, (ExplorerError, psutil.Error)):
        return None
    if not isinstance(error, OSError):
        return unexpected(error)
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else None
    if path is None or path.parent != folder.path or error.errno in OF_THE_MACHINE:
        return None
    return f"it could not start: its {path.name} cannot be opened ({(error.strerror or '').lower()})"


def unexpected(error: BaseException) -> str:
    """The reason of a run that an error ended which nobody foresaw."""
    first_line = str(error).strip().split("\n")[0]
    return f"unexpected: {type(error).__name__}: {first_line}".removesuffix(": ")


def _reason(folder: RunFolder, mark: dict[str, Any] | None, exit_status: int | None) -> str:
    if exit_status is not None and exit_status in CANNOT_WRITE:
        return cannot_write(folder, exit_status)
    # a file that is mapped into memory on a full disk ends its process by SIGBUS
    if folder.found_no_room or (exit_status in (None, -signal.SIGBUS) and no_room(folder.path)):
        return cannot_write(folder, errno.ENOSPC)
    if folder.claim_spoilt:
        return CLAIM_SPOILT
    no_memory = mark is not None and memory_guard.was_short(folder.worker())
    if exit_status is not None and exit_status < 0:
        cause = " for lack of memory" if no_memory and exit_status == -signal.SIGKILL else ""
        return f"the worker process was killed (signal {-exit_status}){cause}"
    if exit_status is not None:
        return f"the worker process ended before its work was done (exit status {exit_status}); its log may say why"
    if mark and not processes.same_boot(mark):
        return "interrupted: the machine was restarted while the run was going on"
    return f"interrupted: the worker process {'was killed for lack of memory' if no_memory else 'is gone'}"
