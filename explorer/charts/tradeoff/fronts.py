"""The axes of the trade-off chart and the fronts on them: which variants may share one, and what it makes possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from explorer import pareto
from explorer.quantities import QUANTITIES, Quantity
from explorer.variants import Variant

Spot = tuple[str, str]
"""A mark's target and run."""


@dataclass(frozen=True)
class Axes:
    """Which quantities stand on the axes and in the size of the marks (keys of ``QUANTITIES``)."""

    x: str = "file_size"
    y: str = "accuracy"
    size: str = "none"
    log_x: bool = False
    log_y: bool = False

    @property
    def x_quantity(self) -> Quantity:
        return QUANTITIES[self.x]

    @property
    def y_quantity(self) -> Quantity:
        return QUANTITIES[self.y]

    @property
    def words(self) -> dict[str, str]:
        """What stands on the axes ``x`` and ``y``, in words that go into a sentence."""
        return {"x": self.x_quantity.title.lower(), "y": self.y_quantity.title.lower()}


@dataclass(frozen=True)
class Front:
    """The border of what is possible as a staircase: ``xs``, ``ys`` are its corners, ``runs`` its variants."""

    name: str
    recorded: bool
    runs: tuple[str, ...]
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    target: str = ""


def front_runs(rows: Sequence[Variant], axes: Axes) -> frozenset[str]:
    """The runs on a front of these rows."""
    shown = [row for row in rows if drawable(row, axes)]
    return frozenset(run for front in fronts(shown, axes)[0] for run in front.runs)


def drawable(row: Variant, axes: Axes) -> bool:
    """Whether both quantities of the axes are known of it."""
    return row.available and axes.x_quantity.of(row) is not None and axes.y_quantity.of(row) is not None


def fronts(rows: list[Variant], axes: Axes) -> tuple[tuple[Front, ...], set[Spot]]:
    """The front of each group that may share one, and the marks at their knees."""
    found, knees = [], set()
    for name, group in _groups(rows, axes):
        front, knee = _front(name, group, axes)
        found.append(front)
        knees |= {(front.target, run) for run in knee}
    return tuple(found), knees


def _groups(rows: list[Variant], axes: Axes) -> list[tuple[str, list[Variant]]]:
    """The rows that may stand on one front together, with the front's name."""
    by_host = axes.x_quantity.on_target or axes.y_quantity.on_target
    by_model = axes.x_quantity.relative or axes.y_quantity.relative

    def key(row: Variant) -> tuple[str, str, bool, bool, str, str]:
        elsewhere = by_host and row.reported  # another machine may have the same processor's name
        host, model = row.host if by_host else "", row.model if by_model else ""
        return row.task, row.target, row.recorded, elsewhere, host, model

    measured = sorted((row for row in rows if not row.estimated), key=key)
    return [(task, list(group)) for (task, *_), group in groupby(measured, key=key)]


def _front(name: str, rows: list[Variant], axes: Axes) -> tuple[Front, set[str]]:
    """The front of one group and, if it has one, the run at its knee."""
    x, y = axes.x_quantity, axes.y_quantity
    points = [(x.of(row) or 0.0, y.of(row) or 0.0) for row in rows]
    better = (x.higher_is_better, y.higher_is_better)
    kept = [index for index, stands in enumerate(pareto.front(points, better)) if stands]
    kept.sort(key=lambda index: points[index])
    xs, ys = staircase([points[index] for index in kept], x.higher_is_better)
    knee = pareto.knee(points, better)
    runs = tuple(rows[index].run for index in kept)
    front = Front(name, rows[0].recorded, runs, xs, ys, rows[0].target)
    return front, set() if knee is None else {rows[knee].run}


def staircase(
    points: list[tuple[float, float]], x_higher_is_better: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Corners of the border of what ``points`` (a front sorted by x, more y is better) make possible.

    Between two points one gets the y of the one that costs no more x: the left one where less x is better,
    the right one where more is.
    """
    xs, ys = [], []
    for i, (x, y) in enumerate(points):
        if i:
            xs.append(points[i - 1][0] if x_higher_is_better else x)
            ys.append(y if x_higher_is_better else points[i - 1][1])
        xs.append(x)
        ys.append(y)
    return tuple(xs), tuple(ys)
