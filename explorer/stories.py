"""Stories to present: named lists of steps, each a view of the trade-off chart with a title and a sentence.

One JSON file each lies in the home folder's ``stories``; its name is the story's, so names hold letters, digits,
spaces, hyphens and underscores only and no path can lead anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from explorer import trash
from explorer.access import check_may_change
from explorer.errors import BadInput, given
from explorer.home import home, writing
from explorer.rundir import write_whole
from explorer.view import View

LONGEST_NAME, LONGEST_TITLE, LONGEST_SENTENCE = 50, 120, 600
MOST_STEPS = 40
MOST_BYTES = 1_000_000
_NAME = re.compile(rf"\w[\w -]{{0,{LONGEST_NAME - 1}}}")

Runs = Annotated[tuple[Annotated[str, StringConstraints(max_length=200)], ...], Field(max_length=100)]


class Step(BaseModel):
    """One view and what is said of it; the last of ``runs``, which are lit up, is the one whose conclusion is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TITLE)]
    sentence: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_SENTENCE)] = ""
    view: View = View()
    runs: Runs = ()

    @model_validator(mode="before")
    @classmethod
    def _from_former(cls, fields: Any) -> Any:
        """Former versions wrote what is shown among the step's own fields, and one target for device and runtime."""
        if not isinstance(fields, dict) or "view" in fields:
            return fields
        own = {name: value for name, value in fields.items() if name in cls.model_fields}
        shown = {name: value for name, value in fields.items() if name not in own}
        if "target" in shown:
            device, _, runtime = str(shown.pop("target")).partition("-")
            shown |= {"devices": (device,), "runtime": runtime}
        return own | {"view": shown}


class Story(BaseModel):
    """Steps in the order in which they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS)] = ()

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        return checked_name(name)

    def with_step(self, step: Step) -> Story:
        """With one more step at the end; raises ``BadInput`` where there are too many."""
        return story(self.name, [*self.steps, step])

    def replaced(self, place: int, step: Step) -> Story:
        """With ``step`` instead of the one at ``place``, counted from 0."""
        return self.model_copy(update={"steps": (*self.steps[:place], step, *self.steps[place + 1 :])})

    def without(self, place: int) -> Story:
        """Without the step at ``place``, counted from 0."""
        return self.model_copy(update={"steps": (*self.steps[:place], *self.steps[place + 1 :])})

    def moved(self, place: int, to: int) -> Story:
        """With the step at ``place`` at ``to``; a place beyond the ends is the end."""
        steps = list(self.steps)
        step = steps.pop(place)
        steps.insert(max(to, 0), step)
        return self.model_copy(update={"steps": tuple(steps)})


def checked_name(name: str) -> str:
    """A name with single spaces between its words; raises ``BadInput`` for one that cannot name a file safely."""
    tidy = " ".join(str(name).split())
    if not _NAME.fullmatch(tidy):
        raise BadInput(
            f"A story's name has 1 to {LONGEST_NAME} letters, digits, spaces, hyphens or underscores and begins with "
            f"a letter or digit; given was {given(tidy[: LONGEST_NAME + 10])}."
        )
    return tidy


def step(**fields: Any) -> Step:
    """A step from plain values; raises ``BadInput`` with one sentence."""
    if not str(fields.get("title") or "").strip():
        raise BadInput("A step of a story needs a title; given was none.")
    try:
        return Step(**fields)
    except ValidationError as error:
        raise BadInput(f"This is not a step of a story: {_reason(error)}.") from None


def story(name: str, steps: Sequence[Step]) -> Story:
    """A story of these steps; raises ``BadInput`` with one sentence."""
    checked = checked_name(name)
    if len(steps) > MOST_STEPS:
        raise BadInput(f"A story has at most {MOST_STEPS} steps; given were {len(steps)}.")
    return Story(name=checked, steps=tuple(steps))


def new(name: str, first: Step) -> Story:
    """A story of one step; raises ``BadInput`` for a name that is taken, in capitals or not."""
    checked = checked_name(name)
    if checked.lower() in map(str.lower, names()):
        raise BadInput(f"There is a story called '{checked}' already; choose it, or give another name.")
    return story(checked, [first])


def place_of(text: str | None, count: int) -> int:
    """The step that an address asks for, counted from 1 and kept between the first and the last."""
    number = int(text) if text and text.isascii() and text.isdecimal() and len(text) < 6 else 1
    return min(max(number, 1), max(count, 1))


def names() -> list[str]:
    """The names of all stories in the order of the alphabet."""
    found = (path.stem for path in _folder().glob("*.json"))
    return sorted((name for name in found if _NAME.fullmatch(name)), key=str.lower)


def load(name: str) -> Story:
    """The story of this name; raises ``BadInput`` where there is none or where its file is not one."""
    path = _path(name)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"The file of the story '{path.stem}' is larger than {MOST_BYTES:,} bytes.")
        content = path.read_bytes()
    except OSError:
        known = ", ".join(f"'{one}'" for one in names()) or "none yet"
        raise BadInput(f"There is no story '{path.stem}'; known are {known}.") from None
    try:
        read = Story.model_validate_json(content)
    except ValidationError as error:
        raise BadInput(f"The file of the story '{path.stem}' cannot be read: {_reason(error)}.") from None
    return read.model_copy(update={"name": path.stem})


def save(one: Story) -> None:
    """Write the story, in place of one of the same name; raises ``BadInput`` where the disk does not take it."""
    check_may_change()
    try:
        write_whole(_path(one.name), one.model_dump_json(indent=1) + "\n")
    except OSError as error:
        cause = (error.strerror or type(error).__name__).lower()
        raise BadInput(f"The story '{one.name}' cannot be saved: {cause}.") from None


@writing()
def delete(name: str) -> None:
    """Put a story into the trash; nothing happens where it is gone."""
    check_may_change()
    path = _path(name)
    if path.is_file():
        trash.put_file(home(), path)


def _path(name: str) -> Path:
    return _folder() / f"{checked_name(name)}.json"


def _folder() -> Path:
    folder = home() / "stories"
    folder.mkdir(exist_ok=True)
    return folder


def _reason(error: ValidationError) -> str:
    """The first mistake in words: where it is and what was expected."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    words = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"'{place}': {words}" if place else words
