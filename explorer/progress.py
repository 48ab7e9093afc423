"""How far a whole run is, from the stage it is in and how far that is."""

from __future__ import annotations

from datetime import UTC, datetime

STAGES = {"load": 1.0, "apply": 1.0, "train": 10.0, "export": 2.0, "evaluate": 4.0, "measure": 6.0}
"""About how long each takes beside the others, in their order, as runs of the built-in models showed."""


def overall(stage: str | None, fraction: float | None, trains: bool) -> float | None:
    """The share of the whole run that is done, from 0 to 1; None where its stage does not say (it waits).

    ``trains`` tells whether any of the recipe's steps does.
    """
    weights = {name: weight for name, weight in STAGES.items() if trains or name != "train"}
    if stage not in weights:
        return None
    names = list(weights)
    before = sum(weights[name] for name in names[: names.index(stage)])
    within = min(max(fraction or 0.0, 0.0), 1.0) * weights[stage]
    return (before + within) / sum(weights.values())


def elapsed_s(started_at: str | None, now: datetime | None = None) -> float | None:
    """Seconds since a run began (an ISO 8601 time); None for one that has not."""
    if started_at is None:
        return None
    return max(((now or datetime.now(UTC)) - datetime.fromisoformat(started_at)).total_seconds(), 0.0)


def left_s(expected_s: float | None, since_s: float | None, stage_left_s: float | None) -> float | None:
    """Seconds until a whole run is over, judging by what runs like it took; None where none has, or it takes longer.

    What is left of its present stage (None where that is not known) is the least.
    """
    if expected_s is None or since_s is None:
        return None
    left = max(expected_s - since_s, stage_left_s or 0.0)
    return left if left > 0 else None
