"""The best variants so far of one model, for people who want three numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explorer.variants import Variant


@dataclass(frozen=True)
class Highlights:
    """The smallest and the fastest (measured quietly) of those whose accuracy is within noise of the baseline's.

    ``baseline`` is what they are compared with; each is None where there is none. ``variants`` counts all.
    """

    baseline: Variant | None
    smallest: Variant | None
    fastest: Variant | None
    variants: int


def highlights(rows: Iterable[Variant]) -> Highlights:
    """Pick from rows of one model, one target and one batch size."""
    known = [row for row in rows if row.available]
    safe = [row for row in known if row.within_noise and not row.baseline]
    baseline = next((row for row in known if row.baseline), None)
    smaller = [row for row in safe if baseline and row.file_bytes < baseline.file_bytes]
    faster = [row for row in safe if row.speedup and row.speedup > 1 and not row.noisy and not row.estimated]
    return Highlights(
        baseline,
        min(smaller, key=lambda row: row.file_bytes, default=None),
        max(faster, key=lambda row: row.speedup or 0, default=None),
        sum(not row.baseline for row in known),
    )
