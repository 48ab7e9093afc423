"""Tasks: the built-in ones, and one made of the user's own files. Imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Callable

from explorer.errors import BadInput
from explorer.tasks import digits, tweets, user
from explorer.tasks.base import SPLITS, Kind, Split, Task
from explorer.tasks.user import check_data, user_task

__all__ = ["SPLITS", "Kind", "Split", "Task", "check_data", "load_task", "task_digest", "task_of", "user_task"]

BUILT_IN: dict[str, tuple[Callable[[], Task], Callable[[], str]]] = {
    "tweets": (tweets.load, tweets.digest),
    "digits": (digits.load, digits.digest),
}
"""How each built-in task is loaded, and how its content is named."""


def load_task(name: str) -> Task:
    """A built-in task by name; raises ``BadInput`` listing the known ones."""
    if name not in BUILT_IN:
        raise BadInput(f"There is no task '{name}'; known are {', '.join(BUILT_IN)}.")
    load, _ = BUILT_IN[name]
    return load()


def task_of(model: str) -> str | None:
    """The task of a built-in model, which is the last part of its name (``minilm-tweets``); None for others."""
    task = model.rsplit("-", 1)[-1]
    return task if task in BUILT_IN and "/" not in model else None


def task_digest(model: str, data: str | None) -> str:
    """A hash over the content of the data that a recipe names; reads files, loads nothing.

    Raises ``BadInput`` when the data are not there, or are needed and not given.
    """
    if data is not None:
        return user.digest(data)
    task = task_of(model)
    if task is None:
        raise BadInput(needs_data(model))
    _, digest = BUILT_IN[task]
    return digest()


def needs_data(model: str) -> str:
    """The sentence for a model that comes without data."""
    return (
        f"'{model}' comes without data; give your own as 'data': a CSV file with the columns text and label, "
        "or a folder of images with one sub-folder per class."
    )
