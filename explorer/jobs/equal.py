"""Which run does what another one is asked for: what counts as equal, so that nothing is done twice.

A run serves where its digest is the same (model, data, steps and seed), it measures all that is wanted, and it is done
with its model file there or on its way. One from elsewhere serves the very same recipe only: its digest is no proof.
"""

from __future__ import annotations

from typing import Any

from explorer.home import runs_folder
from explorer.rundir import ACTIVE, RunFolder
from explorer.store import Store


def equal_run(request: dict[str, Any]) -> str | None:
    """The oldest run that serves as well as the requested one."""
    for row in Store().find(request["digest"], ("done", *ACTIVE)):
        if _serves(RunFolder(runs_folder() / row.run), request):
            return row.run
    return None


def _serves(folder: RunFolder, wanted: dict[str, Any]) -> bool:
    """Whether a run of the same digest measures all that is wanted, and is done (with its model file) or on its way."""
    from explorer.jobs.processes import alive

    request, state = folder.request(), folder.snapshot().state
    if request is None or not _measures(request["recipe"], wanted["recipe"]):
        return False
    if request.get("imported") and not _same_work(request["recipe"], wanted["recipe"]):
        return False  # a digest from elsewhere is no proof
    if state == "done":
        return not wanted["fresh"] and (folder.path / "artefact" / "model.onnx").is_file()
    if folder.cancel_requested or (wanted["fresh"] and not request.get("fresh")):
        return False
    return state == "queued" or (state == "running" and (alive(folder.worker()) or folder.elsewhere))


def _same_work(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two recipes name the same model, data, steps and seed."""
    from explorer.recipe import Recipe

    first, second = Recipe.parse(one), Recipe.parse(other)
    made_of = ("model", "data", "steps", "seed")
    return all(getattr(first, name) == getattr(second, name) for name in made_of)


def _measures(recipe: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether the first recipe's targets, shapes and the like hold those of the second."""
    from explorer.recipe import Measuring

    enough, asked = (Measuring.model_validate(fields.get("measure", {})) for fields in (recipe, wanted))
    return set(wanted["targets"]) <= set(recipe.get("targets", ())) and enough.covers(asked)
