"""What stands on the trade-off chart: marks with all that is known of them, fronts, and what belongs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from explorer import twins
from explorer.budget import Budget
from explorer.charts import style
from explorer.charts.credits import credit
from explorer.charts.tradeoff import words
from explorer.charts.tradeoff.fronts import Axes, Front, Spot, drawable, fronts
from explorer.charts.tradeoff.sizes import USUAL, SizeScale, size_scale
from explorer.labels import shown_name
from explorer.latest import Latest
from explorer.texts import language, t
from explorer.variants import Variant

NO_BUDGET = Budget()
NO_KIN: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Mark:
    """One variant on the chart; ``x`` and ``y`` in the units of the axes, ``diameter`` in pixels.

    Of the selected ones the last is ``shown`` in detail; ``fits`` is False where it breaks a given budget. ``kin`` is
    the same for marks of one recipe; ``ringed`` are those of the second of two targets.
    """

    run: str
    label: str
    model: str
    family: str
    recorded: bool
    imported: bool
    baseline: bool
    noisy: bool
    estimated: bool
    selected: bool
    shown: bool
    on_front: bool
    knee: bool
    x: float
    y: float
    x_interval: tuple[float, float] | None
    y_interval: tuple[float, float] | None
    diameter: float
    hover: str
    fits: bool = True
    target: str = ""
    kin: str = ""
    ringed: bool = False

    @property
    def spot(self) -> Spot:
        """What tells it from the other marks."""
        return self.target, self.run


@dataclass(frozen=True)
class Join:
    """The two marks of one recipe: ``first`` on the first target, ``second`` on the second."""

    first: Mark
    second: Mark

    @property
    def selected(self) -> bool:
        """Whether both are lit up."""
        return self.first.selected and self.second.selected


@dataclass(frozen=True)
class TradeoffInfo:
    """Everything that is drawn; ``empty`` says why there are no marks, ``joins`` is empty for a single target.

    ``sizes`` tells how large marks are by the third quantity, None without one; ``symbols`` the shape of each model's
    marks; ``y_range`` what the axis upwards shows at least, where another chart stands beside this one; ``credit`` who
    measured it and when.
    """

    axes: Axes
    title: str
    subtitle: str
    caption: str
    x_title: str
    y_title: str
    log_x: bool
    log_y: bool
    marks: tuple[Mark, ...]
    fronts: tuple[Front, ...]
    empty: str | None = None
    targets: tuple[str, ...] = ()
    joins: tuple[Join, ...] = ()
    sizes: SizeScale | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    y_range: tuple[float, float] | None = None
    credit: str = ""

    @property
    def knees(self) -> tuple[Mark, ...]:
        """The marks that are called knees: those of one's own fronts on a target, else those of recorded ones there."""
        found = sorted((mark for mark in self.marks if mark.knee), key=lambda mark: (mark.target, mark.x, mark.run))
        own = {mark.target for mark in found if not mark.recorded}
        return tuple(mark for mark in found if not mark.recorded or mark.target not in own)

    @property
    def knee_words(self) -> str:
        """Which variants are knees of what, and what that means; nothing where none is one."""
        several = len({mark.model for mark in self.marks}) > 1
        places = [mark.target if len(self.targets) > 1 else "" for mark in self.knees]
        names = [shown_name(mark, several, place) for mark, place in zip(self.knees, places, strict=True)]
        return t("chart.knee", names=t("word.semicolon").join(names), **self.axes.words) if names else ""


def tradeoff_info(
    rows: Sequence[Variant],
    axes: Axes,
    where: str = "",
    selected: Sequence[str] = (),
    budget: Budget = NO_BUDGET,
    kin: Mapping[str, str] = NO_KIN,
    models: Sequence[str] = (),
) -> TradeoffInfo:
    """Arrange rows of one batch size on one target, or on two whose marks are joined then.

    ``where`` names the place for the subtitle. ``kin`` (see ``twins.kin``) lets a mark light up where its twin is
    selected that was not measured on its target, and joins the two. ``models`` are all that are known, in an order that
    stays: a model's symbol is the same on all charts that are given the same.
    """
    made = language(), axes, where, budget
    arranged = _latest.of((rows, kin), made, lambda: _arranged(rows, axes, where, budget, kin))
    info, (lit, last) = arranged.info, _lit(arranged.there, selected, kin)
    marks = [replace(mark, selected=True, shown=mark.spot in last) if mark.spot in lit else mark for mark in info.marks]
    symbols = _symbols(models, {mark.model for mark in marks})
    return replace(
        info,
        caption=" ".join(filter(None, (info.caption, words.alike(symbols)))),
        marks=tuple(sorted(marks, key=lambda mark: (mark.selected, mark.baseline, mark.on_front))),
        joins=_joins(marks) if len(info.targets) == 2 else (),
        symbols=symbols,
    )


def tradeoffs_by_task(
    rows: Sequence[Variant], axes: Axes, where: str = "", selected: Sequence[str] = (), models: Sequence[str] = ()
) -> list[TradeoffInfo]:
    """A chart per task, since accuracies of two tasks say nothing about each other; one empty chart where no row is.

    Of several each names its models beside ``where``.
    """
    tasks: dict[str, list[Variant]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row)
    if len(tasks) < 2:
        return [tradeoff_info(rows, axes, where, selected, models=models)]
    return [
        tradeoff_info(
            own, axes, f"{where} · {', '.join(dict.fromkeys(row.model for row in own))}", selected, models=models
        )
        for own in tasks.values()
    ]


def side_by_side(infos: Sequence[TradeoffInfo]) -> list[TradeoffInfo]:
    """The charts with one scale upwards, so that a height means the same on all of them.

    Where each target has its own figures upwards, or a chart is empty, they stay as they are.
    """
    if any(info.empty or info.axes.y_quantity.on_target for info in infos):
        return list(infos)
    values = [y for info in infos for mark in info.marks for y in (mark.y, *(mark.y_interval or ()))]
    return [replace(info, y_range=(min(values), max(values))) for info in infos]


def _symbols(models: Sequence[str], shown: set[str]) -> dict[str, str]:
    """Those of the models that are shown."""
    known = style.symbols([*models, *sorted(shown)])
    return {model: symbol for model, symbol in known.items() if model in shown}


@dataclass(frozen=True)
class _Arranged:
    """A chart before anything is selected: its marks in the order of the rows, no joins, and which runs are there."""

    info: TradeoffInfo
    there: Mapping[str, Mapping[str, None]]


_latest: Latest[_Arranged] = Latest(2)


def _arranged(rows: Sequence[Variant], axes: Axes, where: str, budget: Budget, kin: Mapping[str, str]) -> _Arranged:
    """All that does not depend on what is selected: ten thousand marks are not made again for a click."""
    x, y = axes.x_quantity, axes.y_quantity
    shown = [row for row in rows if drawable(row, axes)]
    targets = tuple(dict.fromkeys(row.target for row in shown))
    found, knees = fronts(shown, axes)
    on_front = {(front.target, run) for front in found for run in front.runs}
    marks, sizes = [], size_scale(shown, axes.size)
    for row in shown:
        spot = row.target, row.run
        diameter = sizes.diameter(sizes.quantity.of(row)) if sizes else USUAL
        known = {
            "on_front": spot in on_front,
            "knee": spot in knees and not row.baseline,
            "fits": row.baseline or budget.fits(row),
            "kin": _kin(row, kin),
            "ringed": row.target in targets[1:],
        }
        marks.append(_mark(row, axes, diameter, len(targets) > 1, known))
    info = TradeoffInfo(
        axes=axes,
        title=t("chart.tradeoff.title", y=y.title, x=x.title.lower()),
        subtitle=words.with_length(where, shown, axes),
        caption=" ".join(filter(None, (words.caption(shown, axes), words.lines(found)))),
        x_title=words.axis_title(x, "x"),
        y_title=words.axis_title(y, "y"),
        log_x=axes.log_x and all(mark.x > 0 for mark in marks),
        log_y=axes.log_y and all(mark.y > 0 for mark in marks),
        marks=tuple(marks),
        fronts=found,
        empty=None if marks else words.why_empty(rows),
        targets=targets,
        sizes=sizes,
        credit=credit(shown),
    )
    return _Arranged(info, _there(shown))


def _there(rows: list[Variant]) -> dict[str, dict[str, None]]:
    """By target the runs that can light up."""
    there: dict[str, dict[str, None]] = {}
    for row in rows:
        if not row.derived:
            there.setdefault(row.target, {})[row.run] = None
    return there


def _lit(
    there: Mapping[str, Mapping[str, None]], selected: Sequence[str], kin: Mapping[str, str]
) -> tuple[set[Spot], set[Spot]]:
    """What lights up of the selected variants on each target, and of that what stands for the last one."""
    found = [
        {(target, one) for target, runs in there.items() for one in twins.standing_for(run, runs, kin)}
        for run in selected
    ]
    return set().union(*found), found[-1] if found else set()


def _kin(row: Variant, kin: Mapping[str, str]) -> str:
    """Baselines of a model belong together even where they were read off other runs' results."""
    return f"baseline of {row.model}, {row.task}" if row.baseline else kin.get(row.run, row.run)


def _joins(marks: list[Mark]) -> tuple[Join, ...]:
    """Each mark with the one of the same recipe on the other target: of the same run, else of the same origin."""
    by_kin: dict[tuple[bool, str], list[Mark]] = {}
    for mark in marks:
        by_kin.setdefault((mark.ringed, mark.kin), []).append(mark)
    found: dict[tuple[str, str], Join] = {}
    for mark in marks:
        others = by_kin.get((not mark.ringed, mark.kin), [])
        if others:
            other = min(others, key=lambda one: (one.run != mark.run, one.recorded != mark.recorded))
            join = Join(other, mark) if mark.ringed else Join(mark, other)
            found[join.first.run, join.second.run] = join
    return tuple(found.values())


def _mark(row: Variant, axes: Axes, diameter: float, several_targets: bool, known: Mapping[str, Any]) -> Mark:
    """A row as a mark that is not lit; ``known`` is what depends on the others."""
    x, y = axes.x_quantity, axes.y_quantity
    on_target = x.on_target or y.on_target
    return Mark(
        run=row.run,
        label=row.label,
        model=row.model,
        family=row.family,
        recorded=row.recorded,
        imported=row.imported,
        baseline=row.baseline,
        noisy=row.noisy and on_target,
        estimated=row.estimated and on_target,
        selected=False,
        shown=False,
        x=x.of(row) or 0.0,
        y=y.of(row) or 0.0,
        x_interval=x.interval(row),
        y_interval=y.interval(row),
        diameter=diameter,
        hover=words.hover(row, several_targets, (axes.x, axes.y, axes.size)),
        target=row.target,
        **known,
    )
