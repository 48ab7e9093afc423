"""The content-addressed cache: written under another name, then renamed, so that nothing in it is half done.

All of it is on the disk before it gets its name, so that a power cut leaves nothing half done either.

What two runs need at the same time is computed by one of them, while the other waits and says so.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.home import cache_folder, cache_lock
from explorer.measure import lock
from explorer.rundir import inside, sync


def find(kind: str, name: str) -> Path | None:
    """The finished folder of this name, or None."""
    path = cache_folder(kind) / name
    return path if path.is_dir() else None


@contextmanager
def alone(kind: str, name: str) -> Iterator[bool]:
    """Be the only one who computes what this name stands for; yields whether another one did so until now."""
    with lock.alone(cache_lock(kind, name), "waiting for another run that computes the same") as waited:
        yield waited


def folder(kind: str, name: str, make: Callable[[Path], None], replace: bool = False) -> Path:
    """The folder of this name; where it is missing, or ``replace`` is set, ``make`` fills a new one first."""
    path = cache_folder(kind) / name
    if path.is_dir() and not replace:
        return path
    with alone(kind, name):
        if not path.is_dir() or replace:
            put(kind, name, make)
    return path


def put(kind: str, name: str, make: Callable[[Path], None]) -> None:
    """Let ``make`` fill a new folder of this name, in an older one's place; only for who holds ``alone`` for it."""
    path = cache_folder(kind) / name
    unfinished = path.with_name(f".{name}-{uuid.uuid4().hex[:8]}")
    unfinished.mkdir()
    try:
        make(unfinished)
        sync(*inside(unfinished))
        shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
        sync(path.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def array(kind: str, name: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The float32 array of this name; computed and kept where it is missing."""
    path = cache_folder(kind) / f"{name}.npy"
    with alone(kind, name):
        return _loaded(path) if path.is_file() else _computed(path, compute)


def _loaded(path: Path) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.load(path, allow_pickle=False)
    return found


def _computed(path: Path, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    values = compute().astype(np.float32)
    unfinished = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.npy")
    try:
        np.save(unfinished, values, allow_pickle=False)
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)
    return values
