"""What is said to the disk, in its order: for tests of what a power cut leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class Disk:
    """``said``: the numbers of files and folders that were synced, and the names that others were renamed to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.said: list[int | str] = []
        rename, replace = Path.rename, Path.replace
        patch.setattr(os, "fsync", lambda descriptor: self.said.append(os.fstat(descriptor).st_ino))
        patch.setattr(Path, "rename", lambda path, to: self.said.append(Path(to).name) or rename(path, to))
        patch.setattr(Path, "replace", lambda path, to: self.said.append(Path(to).name) or replace(path, to))

    def check_safe(self, path: Path, before: str) -> None:
        """All of ``path`` was synced before something got the name ``before``."""
        place = self.said.index(before)
        needed = {one for one in (path, *path.rglob("*")) if one.stat().st_ino not in self.said[:place]}
        assert not needed, "these were not synced"

    def check_kept(self, path: Path) -> None:
        """The folder around ``path`` was synced after it got its name."""
        assert path.parent.stat().st_ino in self.said[self.said.index(path.name) :]
