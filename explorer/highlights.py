"""The best variants so far of one model, for people who want three numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explorer.variants import Variant


@dataclass(frozen=True)
class Highlights:
    """The smallest and the fastest (measured quietly) of those whose accuracy is not below the baseline's by more than
    noise.

    The fastest is one of the reader's own where there is any, since speeds of other machines are no measure for it; of
    files that are equally small, the reader's own is taken.
    ``baseline`` is what they are compared with; each is None where there is none. ``variants`` counts all.
    """

    baseline: Variant | None
    smallest: Variant | None
    fastest: Variant | None
    variants: int


def highlights(rows: Iterable[Variant]) -> Highlights:
    """Pick from rows of one model, one target and one batch size."""
    known = [row for row in rows if row.available]
    safe = [row for row in known if lost_nothing(row) and not row.baseline]
    baseline = next((row for row in known if row.baseline), None)
    smaller = [row for row in safe if baseline and row.file_bytes < baseline.file_bytes]
    faster = [row for row in safe if row.speedup and row.speedup > 1 and not row.noisy and not row.estimated]
    own = [row for row in faster if not row.recorded and not row.reported]
    return Highlights(
        baseline,
        min(smaller, key=lambda row: (row.file_bytes, row.recorded), default=None),
        max(own or faster, key=lambda row: row.speedup or 0, default=None),
        sum(not row.baseline for row in known),
    )


def lost_nothing(row: Variant) -> bool:
    """Whether a test found the accuracy within noise of the baseline's, or better."""
    return row.within_noise is not None and (row.within_noise or (row.difference or 0) > 0)
