"""What belongs to a run's artefact on this machine: its files, its digests, its recipe, its baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from explorer import cache
from explorer.errors import BadInput
from explorer.recipe import Recipe, digest
from explorer.rundir import RunFolder
from explorer.sharing import model_steps
from explorer.tasks.base import hash_files

MODEL_FILE = "model.onnx"


def model_sha256(path: Path) -> str:
    """The digest of a model file, read once per size and modification time; raises ``OSError``."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


def artefact_files(artefact: Path) -> dict[str, int]:
    """The bytes of each file of an artefact by its place in it; none where there is no artefact."""
    return {path.relative_to(artefact).as_posix(): path.stat().st_size for path in _files(artefact)}


def artefact_digest(artefact: Path) -> str:
    """The digest of all files of an artefact."""
    return hash_files(_files(artefact))


def recipe_of(run_folder: Path) -> Recipe:
    """The recipe of a run, its relative paths seen from where it was submitted; raises ``BadInput``."""
    from explorer.models.zoo import NAMES

    request = RunFolder(run_folder).request()
    if request is None:
        raise BadInput(f"The request of run '{run_folder.name}' is missing or unreadable.")
    recipe, start = Recipe.parse(request["recipe"]), Path(request.get("cwd") or ".")
    named = {"model": recipe.model, "data": recipe.data}
    places = {field: start / name for field, name in named.items() if name and name not in NAMES}
    moved = {field: str(place) for field, place in places.items() if place.exists() and start.absolute() != Path.cwd()}
    return recipe.model_copy(update=moved)


def baseline_file(run_folder: Path) -> Path | None:
    """The uncompressed model's file, where this machine still has it in its cache."""
    try:
        recipe = recipe_of(run_folder)
    except BadInput:  # its request is gone
        return None
    folder = baseline_folder(recipe)
    return folder / MODEL_FILE if folder else None


def baseline_folder(recipe: Recipe) -> Path | None:
    """The artefact of the recipe's uncompressed model, where this machine has it in its cache."""
    contents = _contents(recipe)
    if contents is None:
        return None
    # as the pipeline names it: without steps, and without a seed since nothing is drawn
    return cache.find("baselines", digest(recipe.model_copy(update={"seed": 0}), *contents, steps=0))


def finished_steps(recipe: Recipe) -> int:
    """How many of the recipe's first steps lie in the cache, to be taken from there; 0 where its model is not here."""
    return finished_in([recipe])[0]


def finished_in(recipes: Sequence[Recipe]) -> list[int]:
    """``finished_steps`` of each of these recipes, which are of one model and its data: these are looked at once."""
    contents = _contents(recipes[0]) if recipes else None
    return [_finished(recipe, contents) if contents else 0 for recipe in recipes]


def _finished(recipe: Recipe, contents: tuple[str, str]) -> int:
    """The length of the longest beginning that is kept: its model, or the export that steps on the graph start from."""
    count = model_steps(recipe)
    if 0 < count < len(recipe.steps) and cache.find("exports", digest(recipe, *contents, steps=count)):
        return count
    lengths = range(count, 0, -1)
    return next((n for n in lengths if cache.find("prefixes", digest(recipe, *contents, steps=n))), 0)


def _contents(recipe: Recipe) -> tuple[str, str] | None:
    """The digests of the recipe's model and its data; None where they are not here."""
    from explorer.models import model_digest
    from explorer.tasks import task_digest

    try:
        return model_digest(recipe.model), task_digest(recipe.model, recipe.data)
    except (BadInput, OSError):
        return None


def _files(artefact: Path) -> list[Path]:
    return sorted(path for path in artefact.rglob("*") if path.is_file())


@lru_cache(maxsize=4096)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
