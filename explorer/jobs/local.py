"""The local engine: each run is a process group of this machine, and one worker is kept ready for the next run.

``EXPLORER_JOBS`` is the number of runs at a time (1), ``EXPLORER_MEMORY_GB`` what all of them may take together (else
what the machine or its container has).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from explorer.jobs import memory_guard
from explorer.jobs.beginnings import computed_by
from explorer.jobs.engine import Engine, Watch
from explorer.jobs.lifecycle import ProcessWatch, is_ready, start_spare
from explorer.rundir import RunFolder
from explorer.settings import number


class LocalEngine:
    """Runs as processes of this machine; see ``engine.Engine``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.slots = int(number("EXPLORER_JOBS", 1, least=1))
        self._cluster: Engine | None = None
        """Follows the runs that were given to a cluster before ``EXPLORER_ENGINE`` was changed."""
        self.spare = Spare(home)

    def start(self, folder: RunFolder) -> ProcessWatch:
        """Give the run to the spare worker where one is ready, else to a new one."""
        return ProcessWatch.start(folder, self.spare.take())

    def adopt(self, folder: RunFolder) -> Watch:
        """Watch the worker whose mark is in the folder, or the job of a cluster that the run was given to."""
        if not folder.elsewhere:
            return ProcessWatch(folder, folder.worker())
        from explorer.jobs.ray.engine import RayEngine  # imported late: the supervisor is small without it

        self._cluster = self._cluster or RayEngine(self.home)
        return self._cluster.adopt(folder)

    def has_begun(self, folder: RunFolder) -> bool:
        """Whether a worker has claimed the run, or a cluster has it."""
        return folder.worker() is not None or folder.elsewhere

    def obstacle(self, folder: RunFolder, running: Sequence[RunFolder]) -> str | None:
        """Another run computes the same beginning, or there is too little memory beside the runs that go on.

        What the spare worker has is not there to be waited for.
        """
        if (other := computed_by(folder, running)) is not None:
            return f"waits for run {other.run}, which computes the same beginning"
        reason = memory_guard.obstacle(folder, running)
        if reason is not None:
            self.spare.let_go()
        return reason

    def lane(self, folder: RunFolder, running: Sequence[RunFolder]) -> str | None:
        """All runs wait for the same machine, but for those that wait for another run: that holds back no others."""
        other = computed_by(folder, running)
        return other.run if other else None

    def look_after(self, busy: bool, waiting: bool, running: Sequence[RunFolder]) -> None:
        """Make a spare worker or let it go."""
        self.spare.tick(busy, waiting, running)
        if self._cluster is not None:
            self._cluster.look_after(busy, waiting, running)

    def close(self) -> None:
        """Let the spare worker go."""
        self.spare.let_go()
        if self._cluster is not None:
            self._cluster.close()


class Spare:
    """A worker that has everything imported and waits for the next run, so that this starts at once.

    It is made while runs wait for others, but never while one is measured, and when the last run has ended. It imports
    as training does, so that no measuring begins meanwhile. It goes after ``EXPLORER_SPARE_S`` seconds (120) without
    work, at once where that is 0. It is a process of its own from its first moment: nothing is forked after PyTorch was
    imported.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keep_s = number("EXPLORER_SPARE_S", 120)
        self.process: subprocess.Popen[bytes] | None = None
        self.last_busy: float | None = None

    def take(self) -> subprocess.Popen[bytes] | None:
        """The waiting worker, which is nobody else's from now on; None while it is not ready yet."""
        if self.process is None or not is_ready(self.process):
            return None
        taken, self.process = self.process, None
        return taken

    def tick(self, busy: bool, waiting: bool, running: Sequence[RunFolder]) -> None:
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
