"""The content-addressed cache: written under another name, then renamed, so that nothing in it is half done."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.home import cache_folder


def find(kind: str, name: str) -> Path | None:
    """The finished folder of this name, or None."""
    path = cache_folder(kind) / name
    return path if path.is_dir() else None


def folder(kind: str, name: str, make: Callable[[Path], None], replace: bool = False) -> Path:
    """The folder of this name; where it is missing, or ``replace`` is set, ``make`` fills a new one first."""
    path = cache_folder(kind) / name
    if path.is_dir() and not replace:
        return path
    unfinished = path.with_name(f".{name}-{uuid.uuid4().hex[:8]}")
    unfinished.mkdir()
    try:
        make(unfinished)
        if replace:
            shutil.rmtree(path, ignore_errors=True)
        _rename(unfinished, path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return path


def array(kind: str, name: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The float32 array of this name; computed and kept where it is missing."""
    path = cache_folder(kind) / f"{name}.npy"
    if path.is_file():
        found: NDArray[np.float32] = np.load(path, allow_pickle=False)
        return found
    values = compute().astype(np.float32)
    unfinished = path.with_name(f".{name}-{uuid.uuid4().hex[:8]}.npy")
    try:
        np.save(unfinished, values, allow_pickle=False)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return values


def _rename(unfinished: Path, path: Path) -> None:
    try:
        unfinished.rename(path)
    except OSError:
        if not path.is_dir():  # otherwise another worker was first, with the same content
            raise
