"""Where everything lives: ``EXPLORER_HOME``, by default ``.explorer/`` in the current folder.

A folder of ours is made where it is missing; ``ExplorerError`` is raised where it cannot be used.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.errors import ExplorerError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The system's errors for a disk, or a quota on it, that has no room."""
NO_ROOM_BYTES = 1_000_000
"""With less than this free, what fails for no other known reason fails for lack of room."""


def home() -> Path:
    """The folder of runs, cache and index."""
    return _usable(Path(os.environ.get("EXPLORER_HOME") or ".explorer").absolute())


def runs_folder() -> Path:
    """The folder that holds one folder per run."""
    return _usable(home() / "runs")


def cache_folder(kind: str) -> Path:
    """A folder of the content-addressed cache, such as ``prefixes`` or ``logits``."""
    return _usable(home() / "cache" / kind)


def cache_lock(kind: str, name: str) -> Path:
    """The file whose lock is held by who computes what this name of the cache stands for."""
    return cache_folder("locks") / f"{kind}-{name}"


def local_path(text: str | Path) -> Path:
    """A path as a person writes it, with ``~`` for somebody's own folder (left alone where nobody is called so)."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def room(folder: Path) -> str:
    """What is free on the disk of ``folder``, in words."""
    usage = shutil.disk_usage(folder)
    return f"{usage.free / 1e6:,.0f} MB of {usage.total / 1e6:,.0f} MB"


def no_room(folder: Path) -> bool:
    """Whether hardly anything can be written on the disk of ``folder``."""
    return shutil.disk_usage(folder).free < NO_ROOM_BYTES


def full(error: OSError) -> str | None:
    """What is full where something could not be written for lack of room, and what to do; None for other causes."""
    if error.errno == errno.EDQUOT:
        return "your quota on the disk is full; free some of it"
    return "the disk is full; free some space" if error.errno in FULL else None


@contextmanager
def writing() -> Iterator[None]:
    """What cannot be written below the home folder, inside the block or the function, becomes one sentence."""
    try:
        yield
    except OSError as error:
        cause = full(error) or (error.strerror or type(error).__name__).lower()
        raise ExplorerError(f"EXPLORER_HOME cannot be written to: {cause}.") from error


def _usable(folder: Path) -> Path:
    """``folder``, made where it is missing; the sentence for one that cannot be used says what it is for."""
    try:
        if not folder.is_dir():  # pages ask dozens of times a second
            folder.mkdir(parents=True, exist_ok=True)
        cause = None if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written to"
    except FileExistsError:
        cause = "a file of this name is there"
    except OSError as error:
        cause = (error.strerror or type(error).__name__).lower()
    if cause is not None:
        raise ExplorerError(
            f"EXPLORER_HOME, the folder of runs, cache and index, cannot be used ('{folder}': {cause}); "
            "expected is a folder that can be written to."
        )
    return folder
