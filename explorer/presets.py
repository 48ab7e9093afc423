"""Steps to start from: some for common wishes, and those that people saved under a name.

A preset has no model: it is offered for every kind that all of its steps work on. Saved ones are one JSON file each in
the home folder's ``presets``.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer import trash
from explorer.access import check_may_change
from explorer.combinations import Combination
from explorer.errors import BadInput
from explorer.home import home, writing
from explorer.rundir import write_whole
from explorer.technique import ModelKind, Technique, build

LONGEST_NAME = 60
MOST_STEPS = 20
_FILE = re.compile(r"[0-9a-f]{32}\.json")


def _step(technique: str, **settings: Any) -> dict[str, Any]:
    return {"technique": technique, **settings}


@dataclass(frozen=True)
class Wish:
    """What somebody wants and the steps for it by kind of model, chosen by the table of accuracies in the docs."""

    name: str
    steps: dict[ModelKind, tuple[dict[str, Any], ...]]


_STUDENT_INT8 = (_step("distill-student"), _step("int8-dynamic"))
WISHES = (
    Wish(
        "fast",
        {
            "text transformer": _STUDENT_INT8,
            "vision transformer": _STUDENT_INT8,
            "CNN": (_step("prune-neurons"), _step("fine-tune")),
        },
    ),
    Wish(
        "small",
        {
            "text transformer": (_step("trim-vocabulary"), _step("distill-student"), _step("weight-bits", bits=4)),
            "vision transformer": (_step("distill-student"), _step("weight-bits", bits=4)),
            "CNN": (_step("prune-neurons"), _step("fine-tune"), _step("cluster-weights", bits=4)),
        },
    ),
    Wish(
        "lossless",
        {
            "text transformer": (_step("weight-bits", bits=4, rounding="hqq"),),
            "vision transformer": (_step("int8-dynamic"),),
            "CNN": (_step("weight-bits", bits=4),),
        },
    ),
)
"""The wishes in the words of the texts: fast on the CPU, smallest file, no accuracy lost."""


def for_wish(wish: Wish, kind: ModelKind | None) -> list[Technique]:
    """The steps for a kind of model; for an unknown kind those of a text transformer.

    Those of a CNN suit whatever takes images.
    """
    return [build(dict(step)) for step in wish.steps[kind or "text transformer"]]


def saved() -> list[Combination]:
    """The presets that people saved, by name; a file that cannot be read is passed over."""
    found = [one for path in _folder().iterdir() if _FILE.fullmatch(path.name) and (one := _read(path)) is not None]
    return sorted(found, key=lambda one: one.title.lower())


def save(name: str, steps: Sequence[Technique]) -> None:
    """Keep steps under a name; raises ``BadInput`` for a name that is empty, too long or taken, or without steps."""
    check_may_change()
    title = " ".join(name.split())
    if not title or len(title) > LONGEST_NAME:
        raise BadInput(f"A preset needs a name of 1 to {LONGEST_NAME} letters; given were {len(title)}.")
    if not steps:
        raise BadInput("A preset needs one step or more; add a technique first.")
    if any(one.title.lower() == title.lower() for one in saved()):
        raise BadInput(f"There is a preset called '{title}' already; delete it or give another name.")
    fields = {"name": title, "steps": [step.step() for step in steps]}
    write_whole(_folder() / f"{uuid.uuid4().hex}.json", json.dumps(fields))


@writing()
def delete(name: str) -> None:
    """Put the preset of this key, ``Combination.name``, into the trash; nothing happens where it is gone."""
    check_may_change()
    path = _folder() / f"{name}.json"
    if _FILE.fullmatch(path.name) and path.is_file():
        trash.put_file(home(), path)


def _folder() -> Path:
    folder = home() / "presets"
    folder.mkdir(exist_ok=True)
    return folder


def _read(path: Path) -> Combination | None:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        steps = tuple(build(dict(step)).step() for step in fields["steps"][:MOST_STEPS])
        return Combination(path.stem, str(fields["name"])[:LONGEST_NAME], "", steps)
    except (OSError, ValueError, TypeError, KeyError, BadInput):
        return None
