"""What one is willing to give and wants to get: which variants fit, and the best of those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from explorer.variants import Variant

MEGABYTE = 1e6


@dataclass(frozen=True)
class Budget:
    """Limits that a variant must keep; None where anything goes.

    ``lost_points`` are percentage points of accuracy that it may lose against its baseline, ``file_mb`` megabytes that
    its file may take, ``speedup`` how many times as fast as its baseline it must be: on the row's own target, or where
    ``fast`` is given on another one, where these runs are so fast (see ``fast_runs``).
    """

    lost_points: float | None = None
    file_mb: float | None = None
    speedup: float | None = None
    fast: frozenset[str] | None = None

    @property
    def given(self) -> bool:
        """Whether it limits anything."""
        return (self.lost_points, self.file_mb, self.speedup) != (None, None, None)

    def fits(self, row: Variant) -> bool:
        """Whether a row keeps every limit; what was not measured keeps none that speaks of it."""
        if self.file_mb is not None and row.file_bytes > self.file_mb * MEGABYTE:
            return False
        if self.lost_points is not None and not _at_least(row.difference, -self.lost_points / 100):
            return False
        if self.speedup is None or self.fast is None:
            return self.speedup is None or _at_least(row.speedup, self.speedup)
        return row.run in self.fast


def fast_runs(rows: Iterable[Variant], speedup: float) -> frozenset[str]:
    """The runs that are at least ``speedup`` times as fast as their baselines, by their rows of one target."""
    return frozenset(row.run for row in rows if row.available and _at_least(row.speedup, speedup))


def _at_least(value: float | None, limit: float) -> bool:
    """Differences are quotients of whole numbers: what is equal but for rounding counts as equal."""
    return value is not None and value >= limit - 1e-9


@dataclass(frozen=True)
class Picks:
    """The best of what fits, each None where there is none; ``count`` of ``total`` compressed variants fit.

    ``per_megabyte`` saves most megabytes for each point that is lost against the baseline, those that lose nothing by
    what they save alone.
    """

    count: int
    total: int
    most_accurate: Variant | None
    smallest: Variant | None
    fastest: Variant | None
    per_megabyte: Variant | None


LEAST_LOSS_POINTS = 0.1
"""Losses below this are taken as this: the splits are too small to tell them apart."""


def picks(rows: Sequence[Variant], budget: Budget) -> Picks:
    """Choose among rows of one target and batch size; baselines, estimates and disturbed timings are not chosen.

    Of equals one's own is chosen, whose files are here.
    """
    compressed = [row for row in rows if row.available and not row.baseline]
    fitting = [row for row in compressed if budget.fits(row)]
    measured = [row for row in fitting if row.accuracy is not None]
    before = partial(baseline_bytes, rows)
    timed = [row for row in fitting if row.speedup is not None and not row.noisy and not row.estimated]
    return Picks(
        len(fitting),
        len(compressed),
        max(measured, key=lambda row: (row.accuracy or 0.0, -row.file_bytes, not row.recorded), default=None),
        min(fitting, key=lambda row: (row.file_bytes, row.recorded), default=None),
        max(timed, key=lambda row: (row.speedup or 0.0, not row.recorded), default=None),
        max(measured, key=lambda row: (_saved_per_point(row, before(row)), not row.recorded), default=None),
    )


def baseline_bytes(rows: Iterable[Variant], row: Variant) -> int:
    """The file of the row's baseline in bytes; its own where no baseline is among ``rows``."""
    found = (one.file_bytes for one in rows if one.baseline and (one.model, one.task) == (row.model, row.task))
    return next(found, row.file_bytes)


def _saved_per_point(row: Variant, before: int) -> float:
    lost = max(-100 * (row.difference or 0.0), LEAST_LOSS_POINTS)
    return (before - row.file_bytes) / MEGABYTE / lost
