"""The trash of a home folder: what was deleted lies there for a week and can be brought back, then goes for good.

Only the standard library is imported, since the supervisor lives on it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from explorer.jobs.disk_guard import folder_bytes

TRASH, MODEL_FILES, PRESETS, STORIES = "trash", "artefacts", "presets", "stories"
KEPT_DAYS = 7
"""How long what was deleted can be brought back; emptied by age when a supervisor starts and when more is deleted."""
_DAY_S = 86_400.0


def put_run(home: Path, folder: Path) -> None:
    """Move a run's folder into the trash of ``home``, and empty that of what is old."""
    _put(folder, home / TRASH / folder.name)
    empty(home, KEPT_DAYS)


def put_model_files(home: Path, artefacts: Iterable[Path]) -> None:
    """Move the folders of runs' model files into the trash of ``home``, and empty that of what is old."""
    for artefact in artefacts:
        _put(artefact, home / TRASH / MODEL_FILES / artefact.parent.name)
    empty(home, KEPT_DAYS)


def put_file(home: Path, path: Path) -> None:
    """Move the file of a preset or a story into the trash of ``home``, and empty that of what is old."""
    _put(path, home / TRASH / path.parent.name / path.name)
    empty(home, KEPT_DAYS)


def runs(home: Path) -> list[Path]:
    """The folders of deleted runs."""
    return [path for path in _folders(home / TRASH) if (path / "request.json").is_file()]


def model_files(home: Path) -> list[Path]:
    """The folders of removed model files, each under the name of its run."""
    return _folders(home / TRASH / MODEL_FILES)


def files(home: Path) -> list[Path]:
    """The files of deleted presets and stories, each in a folder of the same name as at home."""
    return [path for kind in (PRESETS, STORIES) for path in sorted((home / TRASH / kind).glob("*.json"))]


def kept_until(path: Path) -> float:
    """Until when a folder or a file in the trash can be brought back at least, in seconds since 1970."""
    return path.stat().st_mtime + KEPT_DAYS * _DAY_S


def empty(home: Path, older_than_days: float = 0.0) -> int:
    """Delete for good what has lain in the trash for longer; returns the bytes that are free now."""
    now, freed = time.time(), 0
    others = [path for path in _folders(home / TRASH) if path.name not in (MODEL_FILES, PRESETS, STORIES)]
    for path in [*model_files(home), *others, *files(home)]:
        with suppress(OSError):  # another process was faster
            if now - path.stat().st_mtime >= older_than_days * _DAY_S:
                freed += path.stat().st_size if path.is_file() else folder_bytes(path)
                _remove(path)
    return freed


def _put(path: Path, place: Path) -> None:
    """Move a folder or a file there; its time tells from then on when that was."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove(place)  # of the same name, deleted before
    os.utime(path)
    path.rename(place)


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
