"""Recipes that begin alike: a run whose beginning another one computes waits for it in the queue, without a place.

A request's ``beginnings`` name the recipe's first step, its first two and so on as the cache does, up to the last step
that trains, each with whether its last step does. Only the standard library is imported, since the supervisor lives on
it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from explorer.file_locks import lock
from explorer.home import cache_folder, cache_lock
from explorer.rundir import RunFolder

PREFIXES = "prefixes"
"""The kind of what the cache keeps of beginnings."""
AT_STEPS, BEHIND_THEM = ("apply", "train"), ("evaluate", "measure")
"""The stages of a run that is at its steps, and of one that has done them."""


def computed_by(folder: RunFolder, running: Sequence[RunFolder]) -> RunFolder | None:
    """The run at work that computes, or is about to, what a queued one begins with; None where there is none."""
    mine = _beginnings(folder)
    if not mine or folder.worker() is not None:
        return None
    return next((other for other in running if other.run != folder.run and _computes(other, mine)), None)


def _computes(other: RunFolder, mine: list[tuple[str, bool]]) -> bool:
    pairs = zip(mine, _beginnings(other), strict=False)
    common = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    while common and not common[-1][1]:
        common.pop()
    if not common or (cache_folder(PREFIXES) / common[-1][0]).is_dir():
        return False
    if any(_is_held(cache_lock(PREFIXES, name)) for name, _ in common):
        return True
    return other.snapshot().stage not in AT_STEPS + BEHIND_THEM


def _beginnings(folder: RunFolder) -> list[tuple[str, bool]]:
    found = (folder.request() or {}).get("beginnings")
    try:
        return [(str(name), bool(trains)) for name, trains in found or ()]
    except (TypeError, ValueError):  # written by hand
        return []


def _is_held(path: Path) -> bool:
    """Whether a worker holds the lock; whoever wants it in this very moment looks again a little later."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not lock(descriptor, shared=True)
    finally:
        os.close(descriptor)
