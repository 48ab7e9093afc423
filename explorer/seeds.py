"""Runs that differ in nothing but the seed: what that does to a recipe's accuracy, and how they are told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from explorer.runlike import RunLike, remembered
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import FALLBACK_TARGET, own_rows

ENOUGH = 3
"""With so many seeds nothing more is offered."""


@dataclass(frozen=True)
class TrainingNoise:
    """Validation accuracy over seeds on one target, fractions; ``deviation`` is that of a sample (n - 1)."""

    target: str
    seeds: tuple[int, ...]
    mean: float
    deviation: float
    low: float
    high: float


def training_noise(run: RunLike, runs: Iterable[RunLike]) -> TrainingNoise | None:
    """The spread over the seeds of ``run``'s recipe; None with fewer than two of them.

    ``runs`` are in order of creation: where a seed was run twice, the later one counts. All are measured on the same
    target: the usual one where each run has it, else the first that all of them have.
    """
    found = {seed: _accuracies(other) for seed, other in _by_seed(run, runs).items()}
    target = _common_target(list(found.values()))
    if target is None or len(found) < 2:
        return None
    values = [accuracies[target] for accuracies in found.values()]
    return TrainingNoise(target, tuple(sorted(found)), fmean(values), stdev(values), min(values), max(values))


def further_seeds(run: RunLike, runs: Iterable[RunLike], wanted: int = ENOUGH) -> list[int]:
    """The smallest seeds that are missing to ``wanted`` ones; always the same, so that asking twice adds nothing."""
    known = set(_by_seed(run, runs))
    free = (seed for seed in range(len(known) + wanted) if seed not in known)
    return [next(free) for _ in range(wanted - len(known))]


def names_of(runs: Iterable[RunLike]) -> dict[str, str]:
    """By run its label in the reader's language, with the seed where another one differs from it in nothing else."""
    alike: dict[tuple[str, str], list[RunLike]] = {}
    for run in runs:
        alike.setdefault((run.label, run.model), []).append(run)
    names = {}
    for (label, _), group in alike.items():
        known: dict[str, set[int]] = {}
        for run in group if len(group) > 1 else ():
            known.setdefault(_apart_from_seed(run), set()).add(_seed(run))
        for run in group:
            told = len(group) > 1 and len(known[_apart_from_seed(run)]) > 1
            names[run.run] = t("seeds.name", label=sentence(label), seed=_seed(run)) if told else sentence(label)
    return names


def words(noise: TrainingNoise) -> str:
    """The spread in one sentence that says which noise is meant."""
    mean, deviation, low, high = (100 * share for share in (noise.mean, noise.deviation, noise.low, noise.high))
    return t(
        "seeds.spread",
        seeds=len(noise.seeds),
        mean=f"{mean:.1f}",
        deviation=f"{deviation:.2f}",
        low=f"{low:.1f}",
        high=f"{high:.1f}",
    )


def _by_seed(run: RunLike, runs: Iterable[RunLike]) -> dict[int, RunLike]:
    """By seed the latest run of the same recipe, own and recorded ones apart; only those with an accuracy."""
    wanted = _apart_from_seed(run)
    same = (other for other in runs if _alike(other, run) and _apart_from_seed(other) == wanted)
    return {_seed(other): other for other in same if _accuracies(other)}


def _seed(run: RunLike) -> int:
    return remembered(run, "seed", lambda: int(run.recipe.get("seed", 0)))


def _alike(one: RunLike, other: RunLike) -> bool:
    """Whether two runs may have one recipe, from what is quickly compared."""
    return one.label == other.label and one.model == other.model and one.recorded == other.recorded


def _apart_from_seed(run: RunLike) -> str:
    """What makes the artefact, without the seed; where it is measured plays no part."""

    def made_of() -> str:
        recipe = run.recipe
        return json.dumps({key: recipe.get(key) for key in ("model", "data", "steps")}, sort_keys=True)

    return remembered(run, "apart from seed", made_of)


def _accuracies(run: RunLike) -> dict[str, float]:
    """By target the validation accuracy on undisturbed inputs, as this machine measured it."""
    rows = (row for row in own_rows(run) if not row.reported) if run.finished else ()
    return {row.accuracy_target: row.accuracy for row in rows if row.accuracy_target and row.accuracy is not None}


def _common_target(found: list[dict[str, float]]) -> str | None:
    common = [target for target in (found[0] if found else ()) if all(target in other for other in found)]
    return FALLBACK_TARGET if FALLBACK_TARGET in common else next(iter(common), None)
