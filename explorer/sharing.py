"""What recipes that begin alike have in common: which steps are really computed, and what the cache keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from explorer.recipe import Recipe
from explorer.technique import Technique

SLOW_STEP_SECONDS = 1.0
"""A model step that took longer is kept for other recipes that begin alike."""


@dataclass(frozen=True)
class Work:
    """The steps that are computed, and how many beginnings and exports the cache keeps of them for other runs."""

    steps: tuple[Technique, ...]
    beginnings: int
    exports: int


def work(recipes: Sequence[Recipe], done: Sequence[int], keeps: Callable[[Technique], bool]) -> Work:
    """What is left to compute of recipes of one model, of each of which so many first steps are ``done`` before.

    As the pipeline does it: a run goes on from the longest beginning that is kept, and ``keeps`` tells which model
    steps are slow enough for that; what steps on the graph start from is exported once and kept, however quick it was.
    """
    steps: list[Technique] = []
    beginnings, exports = set(), set()
    for recipe, ready in zip(recipes, done, strict=True):
        count = model_steps(recipe)
        names = [(recipe.data, recipe.seed, recipe.steps[:length]) for length in range(count + 1)]
        on_graph = 0 < count < len(recipe.steps)
        shared = next((n for n in range(count, 0, -1) if names[n] in beginnings), 0)
        start = max(ready, count if on_graph and names[-1] in exports else shared)
        steps += recipe.steps[start:]
        beginnings |= {names[n] for n in range(start + 1, count + 1) if keeps(recipe.steps[n - 1])}
        exports |= {names[-1]} if on_graph else set()
    return Work(tuple(steps), len(beginnings), len(exports))


def model_steps(recipe: Recipe) -> int:
    """How many of the recipe's steps change the PyTorch model; these come first."""
    return sum(step.stage == "model" for step in recipe.steps)
