"""What the home folder takes of the disk, and making room: model files go, results stay, and nothing goes at once.

What is removed lies in the trash (``explorer.trash``) and can be brought back until that is emptied; only then is its
room free. ``EXPLORER_QUOTA_GB`` limits the home folder.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from explorer import pareto, trash
from explorer.access import check_may_change
from explorer.errors import BadInput, ExplorerError
from explorer.home import home, runs_folder, writing
from explorer.jobs import processes
from explorer.jobs.disk_guard import SPARE_BYTES, folder_bytes, quota_bytes
from explorer.labels import label
from explorer.quantities import file_size
from explorer.rundir import ACTIVE, RunFolder
from explorer.store import RunRow, Store
from explorer.variants import Variant

ARTEFACT = "artefact"
HUB = "hub"
DAY_S = 86_400.0


@dataclass(frozen=True)
class Use:
    """What belongs together: ``name`` is a study, or ``cache``, ``trash`` or ``hub``; ``items`` are runs or entries.

    ``shared`` runs belong to a study too and count for the ones that they were made for.
    """

    name: str
    items: int
    bytes: int
    shared: int = 0


@dataclass(frozen=True)
class Removed:
    """What lies in the trash: ``what`` is ``run``, ``model files``, ``preset`` or ``story``, ``run`` is its id.

    ``until`` is when it goes (UTC, ISO). A preset or a story has no model.
    """

    run: str
    model: str
    label: str
    what: str
    bytes: int
    until: str


def disk_use() -> list[Use]:
    """The studies, largest first, then cache, trash and, where they lie in the home folder too, models from the hub.

    A run of several studies counts for the one it was made for.
    """
    studies: dict[str, list[int]] = {}
    shared: Counter[str] = Counter()
    for row in Store().runs(with_results=False):
        if not row.recorded:
            studies.setdefault(row.study, []).append(folder_bytes(runs_folder() / row.run))
            shared.update(row.studies[1:])
    names = dict.fromkeys([*studies, *shared])
    uses = [Use(name, len(studies.get(name, ())), sum(studies.get(name, ())), shared[name]) for name in names]
    from explorer.models.hub import hub_cache  # takes a moment

    others = [_use_of(home() / name, name) for name in ("cache", trash.TRASH)]
    if (models := hub_cache()).is_dir() and _is_in_home(models):
        others.append(replace(_use_of(models, HUB), items=len(list(models.glob("models--*")))))
    return sorted(uses, key=lambda use: -use.bytes) + others


def _use_of(folder: Path, name: str) -> Use:
    entries = list(folder.iterdir()) if folder.is_dir() else []
    return Use(name, len(entries), folder_bytes(folder))


def _is_in_home(folder: Path) -> bool:
    return folder.resolve().is_relative_to(home().resolve())


def removable(
    rows: Sequence[RunRow],
    variants: Sequence[Variant],
    older_than_days: float = 0.0,
    keep_front: bool = True,
    keep_best: int = 0,
) -> list[str]:
    """The finished runs whose model files may go: old enough, there, on no front, and not among the best.

    ``keep_front`` keeps what no other run of the same model and data beats in accuracy and file size, or in accuracy
    and latency on any target; ``keep_best`` keeps so many of each model in each study, the most accurate first. A run
    without model files beats none.
    """
    there = {row.run for row in rows if not row.recorded and _artefact(row.run).is_dir()}
    variants = [row for row in variants if row.run in there]
    kept = (_on_fronts(variants) if keep_front else set()) | _best(variants, keep_best)
    loose, now = there - kept, datetime.now(UTC).timestamp()
    found = []
    for row in rows:
        old = row.finished_at is not None and now - _seconds(row.finished_at) >= older_than_days * DAY_S
        if row.state not in ACTIVE and old and row.run in loose:
            found.append(row.run)
    return found


def _on_fronts(variants: Iterable[Variant]) -> set[str]:
    """The runs on any front of what may be compared: latencies of one target, host, batch size and length."""
    fronts: dict[tuple[object, ...], list[tuple[str, float, float]]] = {}
    for row in variants:
        if row.accuracy is None:
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
            if row.accuracy is not None
            for study in row.studies
        }
    )
    kept: set[str] = set()
    for _, group in groupby(ranked, key=lambda one: one[:3]):
        kept |= set(list(dict.fromkeys(one[-1] for one in group))[:number])
    return kept


def model_file_bytes(runs: Iterable[str]) -> int:
    """What the model files of these runs take of the disk."""
    return sum(folder_bytes(_artefact(run)) for run in runs)


@writing()
def remove_artefacts(runs: Iterable[str]) -> tuple[str, ...]:
    """Move the model files of these runs into the trash; returns the runs that had any. Their results stay."""
    check_may_change()
    there = tuple(run for run in runs if _artefact(run).is_dir())
    trash.put_model_files(home(), map(_artefact, there))
    return there


def delete_artefacts(runs: Iterable[str]) -> int:
    """Delete the model files of these runs for good, which a full disk allows; returns the bytes that are free now."""
    check_may_change()
    freed = 0
    for run in runs:
        freed += folder_bytes(_artefact(run))
        shutil.rmtree(_artefact(run), ignore_errors=True)
    return freed


def restorable() -> tuple[list[str], list[str]]:
    """The deleted runs, and the runs whose model files were removed, that can be brought back."""
    return [path.name for path in trash.runs(home())], [path.name for path in trash.model_files(home())]


def restorable_files() -> dict[str, str]:
    """What the deleted presets and stories are called, by the names that ``restore`` takes: ``stories/Talk``."""
    return {_key(path): _title(path) for path in trash.files(home())}


def in_trash() -> list[Removed]:
    """What can be brought back, what goes first being first; labels are in English."""
    found = [_removed(path, "run", path) for path in trash.runs(home())]
    for path in trash.model_files(home()):
        places = (runs_folder() / path.name, home() / trash.TRASH / path.name)
        owner = next((place for place in places if place.is_dir()), None)
        found += [_removed(path, "model files", owner)] if owner else []  # else nothing would have them
    for path in trash.files(home()):
        what = "preset" if path.parent.name == trash.PRESETS else "story"
        found.append(Removed(_key(path), "", _title(path), what, path.stat().st_size, _until(path)))
    return sorted(found, key=lambda one: one.until)


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _title(path: Path) -> str:
    """What a preset is called stands in its file; a story's file has its name."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, TypeError, KeyError):
        return path.stem


def _until(path: Path) -> str:
    return datetime.fromtimestamp(trash.kept_until(path), UTC).isoformat(timespec="seconds")


def _removed(path: Path, what: str, owner: Path) -> Removed:
    recipe = (RunFolder(owner).request() or {"recipe": {}})["recipe"]
    return Removed(path.name, str(recipe.get("model", "")), label(recipe), what, folder_bytes(path), _until(path))


@writing()
def restore(run: str) -> None:
    """Bring back a deleted run, removed model files, or a preset or story by its name in ``restorable_files``.

    Raises ``BadInput`` where there is nothing of it, it came from elsewhere since, or a story of its name was made.
    """
    check_may_change()
    deleted = {path.name: path for path in trash.runs(home())}
    removed = {path.name: path for path in trash.model_files(home())}
    files = {_key(path): path for path in trash.files(home())}
    here = (runs_folder() / run).is_dir()
    if run in deleted and not here:
        deleted[run].rename(runs_folder() / run)
        with suppress(ExplorerError):  # whoever looks next finds it all the same
            Store().refresh(run)
    elif run in removed and here and not _artefact(run).exists():
        removed[run].rename(_artefact(run))
    elif run in files and not (home() / f"{run}.json").exists():
        (home() / run).parent.mkdir(exist_ok=True)
        files[run].rename(home() / f"{run}.json")
    elif run in deleted:
        raise BadInput(f"The run '{run}' is here, and the one in the trash cannot be brought back.")
    else:
        raise BadInput(f"There is nothing of '{run}' in the trash that could be brought back.")


def empty_trash() -> int:
    """Delete for good what lies in the trash; returns the bytes that are free now."""
    check_may_change()
    return trash.empty(home())


def empty_cache() -> int:
    """Delete everything that can be computed again, while no run is at work; returns the bytes that are free now.

    It is moved aside first: a run that starts meanwhile, since there is room again, finds an empty one.
    """
    check_may_change()
    if any(map(_is_at_work, Store().in_state(*ACTIVE))):
        raise BadInput("Runs are at work, which use the cache; empty it when they are done.")
    cache, aside = home() / "cache", home() / "cache-removed"
    freed = folder_bytes(aside)
    shutil.rmtree(aside, ignore_errors=True)  # by one that was ended before it was through
    if cache.is_dir():
        cache.rename(aside)
        freed += folder_bytes(aside)
        shutil.rmtree(aside, ignore_errors=True)
    return freed


def _is_at_work(run: str) -> bool:
    """Whether an active run has a worker: one that waits has none, nor one whose end could not be written down yet."""
    folder = RunFolder(runs_folder() / run)
    return folder.elsewhere or processes.alive(folder.worker())


def check_space(needed_bytes: int = 0, folder: Path | None = None) -> None:
    """Raise ``ExplorerError`` where this much more would exceed the quota, or leave too little of the disk.

    It goes to the home folder, or to another ``folder``, which no quota limits unless it lies in there.
    """
    place = folder or home()
    there = next(path for path in (place, *place.parents) if path.exists())
    free, spare, needed = shutil.disk_usage(there).free, file_size(SPARE_BYTES), file_size(needed_bytes)
    quota = quota_bytes() if _is_in_home(place) else 0
    used = folder_bytes(home()) if quota else 0
    if free < SPARE_BYTES:
        raise ExplorerError(
            f"The disk has {file_size(free)} left, and {spare} should stay free; remove model files of old runs and "
            "empty the trash."
        )
    if free - needed_bytes < SPARE_BYTES:
        raise ExplorerError(
            f"The disk has {file_size(free)} left, and {needed} more are needed and {spare} should stay free; remove "
            "model files of old runs and empty the trash."
        )
    if quota and used > quota:
        raise ExplorerError(
            f"EXPLORER_HOME holds {file_size(used)}, more than the quota of {file_size(quota)}; remove model files of "
            "old runs and empty the trash."
        )
    if quota and used + needed_bytes > quota:
        raise ExplorerError(
            f"EXPLORER_HOME holds {file_size(used)}, and {needed} more would exceed the quota of {file_size(quota)}; "
            "remove model files of old runs and empty the trash."
        )


def _artefact(run: str) -> Path:
    return runs_folder() / run / ARTEFACT


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0
