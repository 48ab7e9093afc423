"""What a task is: data in fixed splits, its labels and its metric. Numpy only."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from explorer.errors import ExplorerError

Kind = Literal["text", "image"]
Inputs = list[str] | NDArray[np.uint8]

SPLITS = ("train", "calibration", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Inputs with their labels.

    ``inputs`` are texts, or images as uint8 ``[N, H, W]`` (grey) or ``[N, H, W, 3]``; ``labels`` are int64 ``[N]``.
    """

    inputs: Inputs
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Split:
        """These rows, in this order."""
        if isinstance(self.inputs, list):
            return Split([self.inputs[row] for row in rows], self.labels[rows])
        return Split(self.inputs[rows], self.labels[rows])

    def subset(self, n: int, seed: int) -> Split:
        """``n`` rows drawn without replacement by ``seed``; the whole split when it has no more than ``n``."""
        if n >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:n]))


@dataclass(frozen=True)
class Task:
    """A dataset with fixed splits (``SPLITS``), labels and a metric; ``digest`` names its content.

    ``own`` marks one made of the user's files, whose ``name`` others may have too.
    No input may be in two splits: ``ExplorerError`` names the two and says how many they share.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    splits: dict[str, Split]
    digest: str
    metric: str = field(default="accuracy")
    higher_is_better: bool = field(default=True)
    own: bool = field(default=False)

    @property
    def key(self) -> str:
        """What results on the same data share, and no others: the name, with a part of the digest for own files."""
        return f"{self.name}-{self.digest[:8]}" if self.own else self.name

    def __post_init__(self) -> None:
        keys = {name: _keys(split) for name, split in self.splits.items()}
        for one, other in combinations(keys, 2):
            shared = len(keys[one] & keys[other])
            if shared:
                raise ExplorerError(
                    f"The split '{one}' of the task '{self.name}' leaks into '{other}': {shared:,} inputs are in both, "
                    "expected is none."
                )


def _keys(split: Split) -> set[Hashable]:
    """What an input is recognised by in another split."""
    if isinstance(split.inputs, list):
        return {normalise(text) for text in split.inputs}
    return {image.tobytes() for image in split.inputs}


def normalise(text: str) -> str:
    """The text as duplicates are recognised: without case and runs of white space."""
    return " ".join(text.casefold().split())


def first_of_each(keys: Iterable[Hashable]) -> NDArray[np.int64]:
    """The row of every key's first occurrence, in order."""
    first: dict[Hashable, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    return np.fromiter(first.values(), dtype=np.int64, count=len(first))


def cut(everything: Split, sizes: dict[str, int], seed: int) -> dict[str, Split]:
    """Shuffle by ``seed`` and cut into splits of these sizes; what is left over is ``train``."""
    order = np.random.default_rng(seed).permutation(len(everything))
    return _cut_in_order(everything, order, sizes)


def cut_stratified(everything: Split, sizes: dict[str, int], seed: int) -> dict[str, Split]:
    """As ``cut``, with every label spread evenly, so that each split has each label's share."""
    shuffled = np.random.default_rng(seed).permutation(len(everything))
    labels = everything.labels[shuffled]
    position = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        position[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return _cut_in_order(everything, shuffled[np.argsort(position, kind="stable")], sizes)


def _cut_in_order(everything: Split, order: NDArray[np.int64], sizes: dict[str, int]) -> dict[str, Split]:
    splits, start = {}, 0
    for name, size in sizes.items():
        splits[name] = everything.take(order[start : start + size])
        start += size
    splits["train"] = everything.take(order[start:])
    return {name: splits[name] for name in SPLITS}


@lru_cache(maxsize=4096)
def _hash_file(path: Path, size: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Sequence[Path], *, salt: str = "") -> str:
    """16 hexadecimal digits over names and contents; a file is read once per size and modification time."""
    parts = [salt]
    for path in paths:
        stat = path.stat()
        folder = path.absolute().parent.name  # a relative path and an absolute one are the same file
        parts.append(f"{folder}/{path.name} {_hash_file(path, stat.st_size, stat.st_mtime_ns)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def package_file(package: str, *parts: str) -> Path | None:
    """A file that an installed package carries, found without importing it; None when it is not there."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, *parts)
        if path.exists():
            return path
    return None
