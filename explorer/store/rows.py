"""One run as pages see it, and its result as the index keeps it: short, and packed."""

from __future__ import annotations

import json
import sqlite3
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Any

from explorer.rundir import ACTIVE, FINISHED, State

IDENTITY = ("run", "digest", "model", "studies", "state", "imported", "launched_by")
TIMES = ("created_at", "started_at", "finished_at")
PROGRESS = ("stage", "text", "fraction", "samples_per_s", "seconds_left", "reason", "paused")
SHOWN = (*IDENTITY, *TIMES, *PROGRESS)
_UNPACKED, _SUM_BYTES = 16, 4
USUAL = Path(__file__).with_name("usual_result.txt").read_bytes()
"""The text of a long result with all its figures at zero: what results have in common need not lie in each of them."""


class Spoilt(sqlite3.DatabaseError):
    """What the index holds is not what was written into it, though SQLite finds nothing wrong with it."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as pages and commands see it; times are ISO 8601 in UTC, ``fraction`` is from 0 to 1.

    ``order`` grows with the time of creation, ``studies`` begins with the one that the run was made for,
    ``launched_by`` are the names of who launched it, and who else an equal one, by commas, None where nobody logs in.
    ``recorded`` came with the program, ``imported`` is what a study's file from elsewhere brought. ``packed`` is
    the result as the index has it, None where it was not asked for; it and ``recipe_text``, which is JSON, are read
    when somebody asks, since there may be ten thousand rows. ``recipe`` and ``result`` are shared between callers: do
    not change them.
    """

    run: str
    digest: str
    model: str
    label: str
    studies: tuple[str, ...]
    state: State
    launched_by: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    imported: bool
    stage: str | None
    text: str | None
    fraction: float | None
    samples_per_s: float | None
    seconds_left: float | None
    reason: str | None
    paused: bool
    recipe_text: str
    packed: bytes | None
    recorded: bool
    families: tuple[str, ...]
    order: int
    memo: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.state == "done"

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe as it was given."""
        return _read(self.recipe_text)

    @property
    def result(self) -> dict[str, Any] | None:
        """The result as ``slim`` leaves it, unpacked when it is asked for; whole where ``Store.run`` gave it."""
        return unpacked(self.packed) if self.packed else None

    @property
    def study(self) -> str:
        """The study that the run was made for."""
        return self.studies[0]

    def plain(self) -> dict[str, Any]:
        """All of it as JSON can hold it, its recipe and result among it."""
        return {name: getattr(self, name) for name in (*SHOWN, "label", "families", "recorded", "recipe", "result")}


def run_row(fields: dict[str, Any], recipe: str, packed: bytes | None, recorded: bool) -> RunRow:
    """A row from its fields as the index has them, ``SHOWN``, and its recipe as JSON; raises ``Spoilt``."""
    try:
        steps, studies, order = _steps(recipe), _names(fields["studies"]), _order(fields["created_at"])
        recipe = intern(recipe)  # SQLite gives bytes where the kind of a value is spoilt
    except (ValueError, TypeError, AttributeError) as error:
        raise Spoilt(f"a run's row cannot be read ({error})") from error
    if fields["state"] not in ACTIVE + FINISHED or (packed is not None and not _is_whole(packed)):
        raise Spoilt("a run's row is not as it was written")
    label, families = _named(steps)
    marks = {name: bool(fields[name]) for name in ("paused", "imported")}
    words: dict[str, Any] = {"label": label, "families": families, "recipe_text": recipe}
    return RunRow(**{**fields, **marks, "studies": studies}, **words, packed=packed, recorded=recorded, order=order)


def slim(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what only the details of a single run show: answers one by one, times by operator and layer.

    A thousand results stand in the dashboard's memory; the whole ones stay in their folders.
    """
    answers = ("baseline_confusion", "confusion", "flipped", "per_class")
    accuracy = [{key: entry[key] for key in entry if key not in answers} for entry in result.get("accuracy", ())]
    profile = result.get("profile")
    short = {**profile, "by_operator": [], "by_layer": []} if profile else None
    return {**result, "accuracy": accuracy, **({"profile": short} if profile else {})}


def storable(text: str) -> str:
    """``text`` as SQLite, files and browsers can take it: halves of characters, as in odd file names, become ``?``."""
    return text.encode(errors="replace").decode()


def written(value: Any) -> str:
    """A value as JSON, storable."""
    return storable(json.dumps(value, ensure_ascii=False))


def packed(result: dict[str, Any]) -> bytes:
    """A result as bytes, a fifth as long as its text, behind their check sum; ``USUAL`` is needed to read them."""
    packer = zlib.compressobj(level=6, zdict=USUAL)
    data = packer.compress(written(result).encode()) + packer.flush()
    return _sum(data) + data


@lru_cache(maxsize=_UNPACKED)
def unpacked(data: bytes) -> dict[str, Any]:
    """What ``packed`` packed; do not change it."""
    result: dict[str, Any] = json.loads(zlib.decompressobj(zdict=USUAL).decompress(data[_SUM_BYTES:]))
    return result


def _is_whole(data: bytes) -> bool:
    """Whether this is what ``packed`` gave, at a hundredth of what unpacking takes."""
    return isinstance(data, bytes) and _sum(data[_SUM_BYTES:]) == data[:_SUM_BYTES]


def _sum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_SUM_BYTES, "big")


@lru_cache(maxsize=1024)
def _read(recipe: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recipe)
    return found


@lru_cache(maxsize=1024)
def _names(studies: str) -> tuple[str, ...]:
    return tuple(json.loads(studies))


def _steps(recipe: str) -> str:
    return json.dumps(json.loads(recipe).get("steps"))


@lru_cache(maxsize=8192)
def _named(steps: str) -> tuple[str, tuple[str, ...]]:
    from explorer.labels import families, label  # pydantic, which the supervisor does without

    recipe = {"steps": json.loads(steps)}
    return label(recipe), families(recipe)


def _order(created_at: str) -> int:
    """Microseconds since 1970; 0 for a time that cannot be read."""
    try:
        return int(datetime.fromisoformat(created_at).timestamp() * 1_000_000)
    except ValueError:
        return 0
