"""The same variant under several runs: made of one recipe, whichever machine measured it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import partial

from explorer.runlike import RunLike, remembered

MADE_OF = ("model", "data", "steps", "seed")
"""Fields of a recipe that decide what comes out; where and how it is measured does not."""


def kin(runs: Iterable[RunLike]) -> dict[str, str]:
    """By finished run the digest that it shares with its twins.

    Twins have equal digests, or equal recipes and digests that differ because other engines made them. Where one engine
    gave two digests for a recipe, its model or data were changed in between, and only equal digests count.
    """
    made = {run.run: made_of(run) for run in runs if run.finished}
    digests: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for recipe, engine, digest in made.values():
        digests[recipe][engine].add(digest)
    return {run: _shared(digests[recipe], digest) for run, (recipe, _, digest) in made.items()}


def standing_for(run: str, there: Collection[str], known: Mapping[str, str]) -> list[str]:
    """Who of ``there`` stands for ``run``: the run itself, else its twins by ``known`` (see ``kin``)."""
    if run in there:
        return [run]
    return [one for one in there if one in known and known[one] == known.get(run)]


def made_of(run: RunLike) -> tuple[str, str, str]:
    """Of a finished run the recipe as far as it decides what comes out, the engine that made it, and its digest."""
    return remembered(run, "made", partial(_made, run))


def _made(run: RunLike) -> tuple[str, str, str]:
    result = run.result or {}
    recipe = {key: result["recipe"].get(key) for key in MADE_OF}
    return json.dumps(recipe, sort_keys=True), str(result.get("engine")), result["digest"]


def _shared(by_engine: Mapping[str, set[str]], digest: str) -> str:
    """The least digest of a recipe that every engine gave one only."""
    plain = all(len(digests) == 1 for digests in by_engine.values())
    return min(min(digests) for digests in by_engine.values()) if plain else digest
