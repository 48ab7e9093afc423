"""The disk guard: a run starts only where the disk and the quota of the home folder have room; else it waits.

``EXPLORER_QUOTA_GB`` limits the home folder. Only the standard library is imported, since the supervisor lives on it.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from explorer.settings import number

SPARE_BYTES = 500_000_000
"""What must stay free on the disk: full disks break more than this program."""
COUNT_EVERY_S = 10.0
"""How long a waiting queue trusts what the home folder held: counting it may take a while."""


class DiskGuard:
    """What keeps runs of one home from starting, for whoever asks again and again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.counted = -COUNT_EVERY_S
        self.used = 0

    def obstacle(self) -> str | None:
        """Why a queued run has to wait for room, with the figures; None where there is room."""
        free = shutil.disk_usage(self.home).free
        if free < SPARE_BYTES:
            return (
                f"waits for room on the disk: {free / 1e9:.3g} GB are free, and {SPARE_BYTES / 1e9:g} GB should stay "
                "free; remove model files of old runs and empty the trash"
            )
        quota = quota_bytes()
        if quota and time.monotonic() - self.counted >= COUNT_EVERY_S:
            self.counted, self.used = time.monotonic(), folder_bytes(self.home)
        if quota and self.used > quota:
            return (
                f"waits for room in EXPLORER_HOME: it holds {self.used / 1e9:.3g} GB, more than the quota of "
                f"{quota / 1e9:.3g} GB; remove model files of old runs and empty the trash"
            )
        return None


def quota_bytes() -> float:
    """What the home folder may hold; 0 where nothing limits it."""
    return number("EXPLORER_QUOTA_GB", 0) * 1e9


def folder_bytes(folder: Path) -> int:
    """The sizes of all files below a folder, links not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total
