"""Which run does what another one is asked for: what counts as equal, so that nothing is done twice.

A run serves where its digest is the same (model, data, steps and seed), it measures all that is wanted, and it is done
with its model file there or on its way. One from elsewhere serves the very same recipe only: its digest is no proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from explorer.errors import ExplorerError
from explorer.home import runs_folder
from explorer.rundir import ACTIVE, RunFolder
from explorer.store import Store

if TYPE_CHECKING:
    from explorer.recipe import Recipe


def equal_run(request: dict[str, Any]) -> str | None:
    """The oldest run that serves as well as the requested one; one whose recipe does not parse serves for none."""
    for row in Store().find(request["digest"], ("done", *ACTIVE)):
        if _serves(RunFolder(runs_folder() / row.run), request):
            return row.run
    return None


def _serves(folder: RunFolder, wanted: dict[str, Any]) -> bool:
    """Whether a run of the same digest measures all that is wanted, and is done (with its model file) or on its way."""
    from explorer.jobs.processes import alive
    from explorer.recipe import Recipe

    request, state = folder.request(), folder.snapshot().state
    if request is None:
        return False
    try:
        recipe, asked = Recipe.parse(request["recipe"]), Recipe.parse(wanted["recipe"])
    except ExplorerError:
        return False  # of a program that knows other techniques, or written by hand
    if not set(asked.targets) <= set(recipe.targets) or not recipe.measure.covers(asked.measure):
        return False
    if request.get("imported") and not _same_work(recipe, asked):
        return False  # a digest from elsewhere is no proof
    if state == "done":
        return not wanted["fresh"] and (folder.path / "artefact" / "model.onnx").is_file()
    if folder.cancel_requested or (wanted["fresh"] and not request.get("fresh")):
        return False
    return state == "queued" or (state == "running" and (alive(folder.worker()) or folder.elsewhere))


def _same_work(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes name the same model, data, steps and seed."""
    made_of = ("model", "data", "steps", "seed")
    return all(getattr(one, name) == getattr(other, name) for name in made_of)
