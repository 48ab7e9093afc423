"""What is written down of a recipe that is queued, so that it can be run from any folder and told from others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from explorer.access import visitor
from explorer.errors import BadInput
from explorer.home import local_path
from explorer.rundir import Priority

if TYPE_CHECKING:
    from explorer.recipe import Recipe


def request_of(
    recipe: Recipe, study: str, fresh: bool, time_limit_min: float | None, priority: Priority
) -> dict[str, Any]:
    """The request of a run, but for its place in the queue; see ``jobs.submit``.

    Raises ``BadInput`` where the run could never fit into this machine's memory, and for a time limit that is none.
    """
    limits = {**_memory(recipe), **_time_limit(time_limit_min)}
    recipe = with_full_paths(recipe)
    request: dict[str, Any] = {
        "recipe": recipe.plain(),
        "digest": digest_of(recipe),
        **_begins_with(recipe),
        "study": study,
        "fresh": fresh,
        "cwd": str(Path.cwd()),
        **limits,
    }
    if priority != "normal":
        request["priority"] = priority
    if visitor().name:
        request["by"] = visitor().name
    if _is_provisional(recipe):
        request["provisional_digest"] = True
    return request


def with_full_paths(recipe: Recipe) -> Recipe:
    """The recipe with its local files by their full paths, so that it can be run again from any folder."""
    from explorer.models.zoo import NAMES

    model, data = local_path(recipe.model), local_path(recipe.data or "")
    full: dict[str, str] = {}
    if recipe.model not in NAMES and model.is_dir():
        full["model"] = str(model.absolute())
    if recipe.data and data.exists():
        full["data"] = str(data.absolute())
    return recipe.model_copy(update=full)


def _memory(recipe: Recipe) -> dict[str, int]:
    """What the run is expected to take, where that can be told; raises ``BadInput`` where it could never fit here."""
    from explorer.jobs.engine import on_cluster
    from explorer.jobs.memory_guard import check_fits
    from explorer.planning import memory_bytes

    need = memory_bytes(recipe)
    if need is None:
        return {}
    if not on_cluster():
        check_fits(need)
    return {"memory_bytes": need}


def _time_limit(minutes: float | None) -> dict[str, float]:
    given = os.environ.get("EXPLORER_TIME_LIMIT_MIN") if minutes is None else minutes
    if given in (None, ""):
        return {}
    try:
        limit = float(cast(str, given))
    except ValueError:
        limit = 0.0
    if not 0 < limit < 1e6:
        raise BadInput(f"The time limit is {given}; expected is a number of minutes above 0.")
    return {"time_limit_s": 60 * limit}


def digest_of(recipe: Recipe) -> str:
    """The digest of what the recipe makes, with that of its model and its data."""
    from explorer.models import model_digest
    from explorer.recipe import digest
    from explorer.tasks import task_digest

    return digest(recipe, model_digest(recipe.model), task_digest(recipe.model, recipe.data))


def beginnings(recipe: Recipe) -> list[tuple[str, bool]]:
    """The beginnings of a recipe up to its last step that trains, for those that begin alike (``jobs.beginnings``)."""
    from explorer.models import model_digest
    from explorer.recipe import digest
    from explorer.tasks import task_digest

    trains = [step.stage == "model" and bool({"training", "gradients"} & step.needs) for step in recipe.steps]
    if not any(trains) or _is_provisional(recipe):
        return []
    contents = model_digest(recipe.model), task_digest(recipe.model, recipe.data)
    last = max(number for number, does in enumerate(trains, 1) if does)
    return [(digest(recipe, *contents, steps=number), trains[number - 1]) for number in range(1, last + 1)]


def _begins_with(recipe: Recipe) -> dict[str, Any]:
    found = beginnings(recipe)
    return {"beginnings": found} if found else {}


def _is_provisional(recipe: Recipe) -> bool:
    """Whether the digest names a hub model that is not on this machine yet: the worker knows it once it is."""
    from explorer.models import hub, zoo

    return recipe.model not in zoo.NAMES and not hub.downloaded(recipe.model)
