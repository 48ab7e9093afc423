"""What the home folder takes of the disk, and making room: model files go, results stay, and nothing goes at once.

What is removed lies in the trash and can be brought back until that is emptied. ``EXPLORER_QUOTA_GB`` limits the home
folder.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from explorer import pareto
from explorer.access import check_may_change
from explorer.errors import BadInput, ExplorerError
from explorer.home import home, runs_folder
from explorer.jobs.disk_guard import SPARE_BYTES, folder_bytes, quota_bytes
from explorer.quantities import file_size
from explorer.rundir import ACTIVE
from explorer.store import RunRow, Store
from explorer.variants import Variant

ARTEFACT, TRASH, MODEL_FILES = "artefact", "trash", "artefacts"
DAY_S = 86_400.0


@dataclass(frozen=True)
class Use:
    """What belongs together: ``name`` is a study, or ``cache`` or ``trash``; ``items`` are runs or entries."""

    name: str
    items: int
    bytes: int


def disk_use() -> list[Use]:
    """The studies, largest first, then cache and trash. A run of several studies counts for the one it was made for."""
    studies: dict[str, list[int]] = {}
    for row in Store().runs(with_results=False):
        if not row.recorded:
            studies.setdefault(row.study, []).append(folder_bytes(runs_folder() / row.run))
    uses = [Use(name, len(sizes), sum(sizes)) for name, sizes in studies.items()]
    others = [_use_of(home() / name) for name in ("cache", TRASH)]
    return sorted(uses, key=lambda use: -use.bytes) + others


def _use_of(folder: Path) -> Use:
    entries = list(folder.iterdir()) if folder.is_dir() else []
    return Use(folder.name, len(entries), folder_bytes(folder))


def removable(
    rows: Iterable[RunRow],
    variants: Sequence[Variant],
    older_than_days: float = 0.0,
    keep_front: bool = True,
    keep_best: int = 0,
) -> list[str]:
    """The finished runs whose model files may go: old enough, there, on no front, and not among the best.

    ``keep_front`` keeps what no other run of the same model and data beats in accuracy and file size, or in accuracy
    and latency on any target; ``keep_best`` keeps so many of each model in each study, the most accurate first.
    """
    kept = (_on_fronts(variants) if keep_front else set()) | _best(variants, keep_best)
    now = datetime.now(UTC).timestamp()
    found = []
    for row in rows:
        old = row.finished_at is not None and now - _seconds(row.finished_at) >= older_than_days * DAY_S
        if row.state not in ACTIVE and not row.recorded and old and row.run not in kept and _artefact(row.run).is_dir():
            found.append(row.run)
    return found


def _on_fronts(variants: Iterable[Variant]) -> set[str]:
    """The runs on any front of what may be compared: latencies of one target, host, batch size and length."""
    fronts: dict[tuple[object, ...], list[tuple[str, float, float]]] = {}
    for row in variants:
        if row.accuracy is None or row.recorded:
            continue
        subject, accuracy = (row.model, row.task), row.accuracy
        fronts.setdefault((*subject, row.target), []).append((row.run, row.file_bytes, accuracy))
        if row.p50_ms is not None and not row.estimated:
            length = row.lengths if row.lengths == "real" else row.sequence
            place = (*subject, row.target, row.host, row.reported, row.batch, length)
            fronts.setdefault(place, []).append((row.run, row.p50_ms, accuracy))
    kept: set[str] = set()
    for points in fronts.values():
        mask = pareto.front([point[1:] for point in points], (False, True))
        kept |= {run for (run, *_), stands in zip(points, mask, strict=True) if stands}
    return kept


def _best(variants: Iterable[Variant], number: int) -> set[str]:
    """The ``number`` most accurate runs of each model in each study, of equal ones the smallest."""
    ranked = sorted(
        {
            (study, row.model, row.task, -row.accuracy, row.file_bytes, row.run)
            for row in variants
            if row.accuracy is not None and not row.recorded
            for study in row.studies
        }
    )
    kept: set[str] = set()
    for _, group in groupby(ranked, key=lambda one: one[:3]):
        kept |= set(list(dict.fromkeys(one[-1] for one in group))[:number])
    return kept


def remove_artefacts(runs: Iterable[str]) -> tuple[str, ...]:
    """Move the model files of these runs into the trash; returns the runs that had any. Their results stay."""
    check_may_change()
    place = home() / TRASH / MODEL_FILES
    place.mkdir(parents=True, exist_ok=True)
    there = tuple(run for run in runs if _artefact(run).is_dir())
    for run in there:
        shutil.rmtree(place / run, ignore_errors=True)
        _artefact(run).rename(place / run)
        os.utime(place / run)
    return there


def restorable() -> tuple[list[str], list[str]]:
    """The deleted runs, and the runs whose model files were removed, that can be brought back."""
    trash = home() / TRASH
    runs = [path.name for path in _entries(trash) if (path / "request.json").is_file()]
    return runs, [path.name for path in _entries(trash / MODEL_FILES)]


def restore(run: str) -> None:
    """Bring back a deleted run or removed model files; raises ``BadInput`` where there is nothing of it."""
    check_may_change()
    runs, artefacts = restorable()
    if run in runs:
        (home() / TRASH / run).rename(runs_folder() / run)
        with suppress(ExplorerError):  # whoever looks next finds it all the same
            Store().refresh(run)
    elif run in artefacts and (runs_folder() / run).is_dir() and not _artefact(run).exists():
        (home() / TRASH / MODEL_FILES / run).rename(_artefact(run))
    else:
        raise BadInput(f"There is nothing of a run '{run}' in the trash that could be brought back.")


def empty_trash(older_than_days: float = 0.0) -> int:
    """Delete for good what has lain in the trash for longer; returns the bytes that are free now."""
    check_may_change()
    trash, now, freed = home() / TRASH, time.time(), 0
    for path in [*_entries(trash / MODEL_FILES), *_entries(trash)]:
        if path.name != MODEL_FILES and now - path.stat().st_mtime >= older_than_days * DAY_S:
            freed += folder_bytes(path)
            shutil.rmtree(path, ignore_errors=True)
    return freed


def empty_cache() -> int:
    """Delete everything that can be computed again, while nothing runs; returns the bytes that are free now."""
    check_may_change()
    if Store().active():
        raise BadInput("Runs are queued or running, which use the cache; empty it when they are done.")
    freed = folder_bytes(home() / "cache")
    shutil.rmtree(home() / "cache", ignore_errors=True)
    return freed


def check_space(needed_bytes: int = 0) -> None:
    """Raise ``ExplorerError`` where this much more would exceed the quota, or leave too little of the disk."""
    free = shutil.disk_usage(home()).free
    if free - needed_bytes < SPARE_BYTES:
        raise ExplorerError(
            f"The disk has {file_size(free)} left, of which {file_size(SPARE_BYTES)} should stay free and "
            f"{file_size(needed_bytes)} are needed; remove model files of old runs, or empty the trash."
        )
    quota = quota_bytes()
    used = folder_bytes(home()) if quota else 0
    if quota and used + needed_bytes > quota:
        raise ExplorerError(
            f"EXPLORER_HOME holds {file_size(used)} and would hold {file_size(used + needed_bytes)}, more than the "
            f"quota of {file_size(quota)}; remove model files of old runs, or empty the trash."
        )


def _artefact(run: str) -> Path:
    return runs_folder() / run / ARTEFACT


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0
