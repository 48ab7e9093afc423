"""The disk guard: runs start only where the disk and the quota of the home folder have room, and are stopped in time.

``EXPLORER_QUOTA_GB`` limits the home folder. Only the standard library is imported, since the supervisor lives on it.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

from explorer.settings import number

SPARE_BYTES = 500_000_000
"""What must stay free on the disk: full disks break more than this program."""
LEAST_BYTES = 100_000_000
"""With less than this free, runs at work are stopped: what they write may come in large pieces."""
LOOK_S = 2.0
"""How often that is looked at."""
COUNT_EVERY_S, COUNT_WAIT_S = 10.0, 0.5
"""How long it is trusted what the home folder held, and how long a new count of that is waited for."""


class DiskGuard:
    """What keeps runs of one home from starting, for whoever asks again and again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.looked = -LOOK_S
        self.counted = -COUNT_EVERY_S
        self.used: int | None = None
        self._counting: Thread | None = None

    def obstacle(self) -> str | None:
        """Why a queued run has to wait for room, with the figures; None where there is room."""
        free = shutil.disk_usage(self.home).free
        if free < SPARE_BYTES:
            return (
                f"waits for room on the disk: {free / 1e9:.3g} GB are free, and {SPARE_BYTES / 1e9:g} GB should stay "
                "free; remove model files of old runs and empty the trash"
            )
        quota = quota_bytes()
        used = self._used() if quota else 0
        if used > quota:
            return (
                f"waits for room in EXPLORER_HOME: it holds {used / 1e9:.3g} GB, more than the quota of "
                f"{quota / 1e9:.3g} GB; remove model files of old runs and empty the trash"
            )
        return None

    def shortage(self) -> str | None:
        """Why a run at work has to be stopped, with the figures; None where there is room, or asked just now."""
        now = time.monotonic()
        if now - self.looked < LOOK_S:
            return None
        self.looked = now
        free, quota = shutil.disk_usage(self.home).free, quota_bytes()
        if free < LEAST_BYTES:
            return (
                f"it was stopped before the disk is full: {free / 1e9:.3g} GB were free; remove model files of old "
                "runs and empty the trash, then try again"
            )
        used = self._used() if quota else 0
        if used > quota:
            return (
                f"it was stopped since EXPLORER_HOME held {used / 1e9:.3g} GB, more than the quota of "
                f"{quota / 1e9:.3g} GB; remove model files of old runs and empty the trash, then try again"
            )
        return None

    def _used(self) -> int:
        """What the home folder held some seconds ago; a large one is counted on the side."""
        if self._counting is None and time.monotonic() - self.counted >= COUNT_EVERY_S:
            self._counting = Thread(target=self._count, daemon=True)
            self._counting.start()
        if self._counting is not None:
            self._counting.join(COUNT_WAIT_S if self.used is not None else None)
            if not self._counting.is_alive():
                self._counting = None
        return self.used or 0

    def _count(self) -> None:
        self.used = folder_bytes(self.home)
        self.counted = time.monotonic()


def quota_bytes() -> float:
    """What the home folder may hold; 0 where nothing limits it."""
    return number("EXPLORER_QUOTA_GB", 0) * 1e9


def folder_bytes(folder: Path) -> int:
    """The sizes of all files below a folder, links not followed; it never holds all names of a folder at once."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # it is gone meanwhile
                inside = entry.is_dir(follow_symlinks=False)
                total += folder_bytes(Path(entry.path)) if inside else entry.stat(follow_symlinks=False).st_size
    return total
