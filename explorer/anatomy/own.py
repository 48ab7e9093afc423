"""Models on somebody's own data that a check found to be good: one JSON file each in the home folder's ``models``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from explorer.access import check_may_change
from explorer.home import home, writing
from explorer.jobs.request import with_full_paths
from explorer.recipe import Recipe
from explorer.rundir import write_whole
from explorer.tasks.base import Kind
from explorer.technique import ModelKind


class Own(BaseModel):
    """What a check found of a model and its data, whose local files go by their full paths.

    ``data`` is None for the data of a built-in model, ``task`` is what results on the same data share, ``splits`` are
    inputs by split; ``checked_at`` is ISO 8601 in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    data: str | None
    description: str
    kind: Kind
    model_kind: ModelKind
    task: str
    labels: tuple[str, ...]
    parameters: int
    splits: dict[str, int]
    checked_at: str


def name_of(model: str, data: str) -> str:
    """A file's name for these two, as they are given."""
    return hashlib.sha256(f"{model}\n{data}".encode()).hexdigest()[:16]


def full_paths(model: str, data: str | None) -> tuple[str, str | None]:
    """The two as a run writes them down."""
    recipe = with_full_paths(Recipe(model=model, data=data))
    return recipe.model, recipe.data


def now() -> str:
    """The time of a check."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@writing()
def remember(one: Own) -> None:
    """Keep a model with its data; what was known of the two before is replaced. Raises ``BadInput`` for a guest."""
    check_may_change()
    write_whole(_file(one.model, one.data or ""), one.model_dump_json())


def remembered() -> list[Own]:
    """The models that are kept, the latest check first; a file that cannot be read is passed over."""
    found = [one for path in _folder().glob("*.json") if (one := _read(path)) is not None]
    return sorted(found, key=lambda one: one.checked_at, reverse=True)


@writing()
def forget(model: str, data: str) -> None:
    """Keep the two no longer; their files and runs stay. Raises ``BadInput`` for a guest."""
    check_may_change()
    _file(model, data).unlink(missing_ok=True)


def _file(model: str, data: str) -> Path:
    return _folder() / f"{name_of(model, data)}.json"


def _folder() -> Path:
    folder = home() / "models"
    folder.mkdir(exist_ok=True)
    return folder


def _read(path: Path) -> Own | None:
    try:
        return Own.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
