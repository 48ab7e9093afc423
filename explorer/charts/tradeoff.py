"""The trade-off chart: every variant as a mark, the front as a line, the baseline marked.

Points that were recorded elsewhere and the reader's own measurements never share a front; where an axis is a
measured time, neither do two hosts. Variants of different tasks never share one, and where an axis is relative
to the baseline, neither do different models. An estimated time is on no front at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import log10
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from explorer import pareto
from explorer.budget import Budget
from explorer.charts import style
from explorer.charts.labelling import GAP_PX, Place, Spot, Wish, place_labels
from explorer.charts.style import Theme, plain
from explorer.quantities import QUANTITIES, Quantity, significant
from explorer.texts import t
from explorer.variants import Estimate, Variant

SMALLEST, LARGEST, USUAL = 8.0, 28.0, 11.0
MANY_MARKS = 60
LINE_LETTERS = 34
WEBGL_MARKS = 1500

ESTIMATED = {symbol: f"{symbol}-cross-open" for symbol in ("circle", "square", "diamond")}
"""Estimates as hollow marks with a cross in them, for those shapes that Plotly has so; the others are only hollow."""
ESTIMATED_DIGITS = 2
NO_BUDGET = Budget()


@dataclass(frozen=True)
class Axes:
    """Which quantities stand on the axes and in the size of the marks (keys of ``QUANTITIES``)."""

    x: str = "file_size"
    y: str = "accuracy"
    size: str = "none"
    log_x: bool = False

    @property
    def x_quantity(self) -> Quantity:
        return QUANTITIES[self.x]

    @property
    def y_quantity(self) -> Quantity:
        return QUANTITIES[self.y]


@dataclass(frozen=True)
class Mark:
    """One variant on the chart; ``x`` and ``y`` in the units of the axes, ``diameter`` in pixels.

    Of the selected ones the last is ``shown`` in detail; ``fits`` is False where it breaks a given budget.
    """

    run: str
    label: str
    model: str
    family: str
    recorded: bool
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


@dataclass(frozen=True)
class Front:
    """The border of what is possible as a staircase: ``xs``, ``ys`` are its corners, ``runs`` its variants."""

    name: str
    recorded: bool
    runs: tuple[str, ...]
    xs: tuple[float, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True)
class TradeoffInfo:
    """Everything that is drawn; ``empty`` says why there are no marks."""

    title: str
    subtitle: str
    caption: str
    x_title: str
    y_title: str
    log_x: bool
    marks: tuple[Mark, ...]
    fronts: tuple[Front, ...]
    empty: str | None = None


def tradeoff_info(
    rows: Sequence[Variant], axes: Axes, where: str = "", selected: Sequence[str] = (), budget: Budget = NO_BUDGET
) -> TradeoffInfo:
    """Arrange rows of one target and batch size; ``where`` names that target for the subtitle."""
    x, y = axes.x_quantity, axes.y_quantity
    shown = [row for row in rows if row.available and x.of(row) is not None and y.of(row) is not None]
    fronts: list[Front] = []
    on_front: set[str] = set()
    knees: set[str] = set()
    for name, group in _groups(shown, axes):
        front, knee = _front(name, group, axes)
        fronts.append(front)
        on_front.update(front.runs)
        knees.update(knee)
    diameters = _diameters(shown, axes.size)
    marks = [
        replace(
            _mark(row, axes, diameter, selected, row.run in on_front, row.run in knees),
            fits=row.baseline or budget.fits(row),
        )
        for row, diameter in zip(shown, diameters, strict=True)
    ]
    return TradeoffInfo(
        title=t("chart.tradeoff.title", y=y.title, x=x.title.lower()),
        subtitle=where,
        caption=_caption(shown),
        x_title=_axis_title(x, "x"),
        y_title=_axis_title(y, "y"),
        log_x=axes.log_x,
        marks=tuple(sorted(marks, key=lambda mark: (mark.selected, mark.baseline, mark.on_front))),
        fronts=tuple(fronts),
        empty=None if marks else _why_empty(rows),
    )


def _groups(rows: list[Variant], axes: Axes) -> list[tuple[str, list[Variant]]]:
    """The rows that may stand on one front together, with the front's name."""
    by_host = axes.x_quantity.on_target
    by_model = axes.x_quantity.relative or axes.y_quantity.relative

    def key(row: Variant) -> tuple[str, bool, bool, str, str]:
        elsewhere = by_host and row.reported  # another machine may have the same processor's name
        return row.task, row.recorded, elsewhere, row.host if by_host else "", row.model if by_model else ""

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
    front = Front(name, rows[0].recorded, tuple(rows[index].run for index in kept), xs, ys)
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


def _diameters(rows: list[Variant], size: str) -> list[float]:
    """Marks whose area grows with the quantity ``size``; all alike without one or where it is unknown."""
    values = [QUANTITIES[size].of(row) if size in QUANTITIES else None for row in rows]
    top = max((value for value in values if value), default=0.0)
    return [max(SMALLEST, LARGEST * (value / top) ** 0.5) if value else USUAL for value in values]


def _mark(row: Variant, axes: Axes, diameter: float, selected: Sequence[str], on_front: bool, knee: bool) -> Mark:
    x, y = axes.x_quantity, axes.y_quantity
    lit = row.run in selected and not row.derived
    return Mark(
        run=row.run,
        label=row.label,
        model=row.model,
        family=row.family,
        recorded=row.recorded,
        baseline=row.baseline,
        noisy=row.noisy and x.on_target,
        estimated=row.estimated and x.on_target,
        selected=lit,
        shown=lit and row.run == selected[-1],
        on_front=on_front,
        knee=knee and not row.baseline,
        x=x.of(row) or 0.0,
        y=y.of(row) or 0.0,
        x_interval=x.interval(row),
        y_interval=y.interval(row),
        diameter=diameter,
        hover=_hover(row),
    )


def _hover(row: Variant) -> str:
    keys = ("accuracy", "difference", "file_size", "parameters", "latency", "speedup")
    lines = [f"<b>{plain(row.label)}</b>", plain(row.model)]
    lines += [f"{QUANTITIES[key].title}: {_written(row, key)}" for key in keys if QUANTITIES[key].of(row) is not None]
    if row.within_noise and not row.baseline:
        lines.append(t("chart.within_noise"))
    if row.noisy:
        lines.append(t("chart.noisy", reason=plain(row.noise_reason or t("chart.noisy.unknown"))))
    if row.reported:
        lines.append(t("chart.reported", device=plain(row.host)))
    if row.estimated:
        lines += [style.wrapped(words, 60) for words in _estimate_lines(row.estimate)]
    elif row.recorded:
        lines.append(t("chart.recorded", date=row.date))
    return "<br>".join(lines)


def _written(row: Variant, key: str) -> str:
    """A quantity in words; an estimated one is rounded, since it knows no more digits."""
    quantity = QUANTITIES[key]
    value = quantity.of(row)
    if not (row.estimated and quantity.on_target) or value is None:
        return quantity.write(row)
    unit = quantity.unit
    return t("chart.about", value=f"{significant(value, ESTIMATED_DIGITS)}{'' if unit == '×' else ' '}{unit}")


def _estimate_lines(estimate: Estimate | None) -> list[str]:
    """What an estimate rests on and how far it is off where it can be checked."""
    if estimate is None:
        return [t("chart.legend.estimated")]
    lines = [t(f"chart.estimated.{estimate.bound}", device=estimate.device)]
    lines += [t("chart.estimated.substitute", precision=name, used=used) for name, used in estimate.substitutes]
    return [*lines, _calibration_words(estimate)]


def _calibration_words(estimate: Estimate) -> str:
    calibration = estimate.calibration
    if calibration is None:
        return t("chart.estimated.ideal")
    return t(
        "chart.estimated.calibrated",
        points=calibration.points,
        model=estimate.model or t("chart.estimated.all_models"),
        host=estimate.host,
        median=significant(100 * calibration.median_error, ESTIMATED_DIGITS),
        ninety=significant(100 * calibration.ninety_error, ESTIMATED_DIGITS),
    )


def _axis_title(quantity: Quantity, place: str) -> str:
    direction = "higher" if quantity.higher_is_better else "lower"
    unit = f" ({quantity.unit})" if quantity.unit else ""
    return f"{quantity.title}{unit}   {t(f'axis.{place}.{direction}')}"


def _caption(rows: list[Variant]) -> str:
    """Which machine measured what is shown, and when; what estimates rest on."""
    estimates = dict.fromkeys(row.estimate for row in rows if row.estimate is not None)
    parts = list(dict.fromkeys(_estimate_caption(estimate) for estimate in estimates))
    dates: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: row.recorded):
        if row.estimate is None:
            kind = "reported" if row.reported else "recorded" if row.recorded else "own"
            dates.setdefault((kind, row.host), []).append(row.date)
    for (kind, host), days in dates.items():
        span = min(days) if min(days) == max(days) else f"{min(days)} – {max(days)}"
        parts.append(t(f"chart.caption.{kind}", host=host, dates=span))
    return " ".join(parts)


def _estimate_caption(estimate: Estimate) -> str:
    words = _calibration_words(estimate)
    key = "chart.caption.estimated" if estimate.calibration else "chart.caption.ideal"
    return t(key, device=estimate.device, calibration=words)


def _why_empty(rows: Sequence[Variant]) -> str:
    reasons = dict.fromkeys(row.reason for row in rows if not row.available and row.reason)
    return t("chart.unavailable", reason="; ".join(reasons)) if reasons else t("chart.empty")


def tradeoff_figure(info: TradeoffInfo, theme: Theme = "light", height: int = 460) -> go.Figure:
    """Draw ``info``; each mark's ``customdata`` is its run id."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    for front in info.fronts:
        figure.add_trace(_front_trace(front, theme))
    _add_baseline_line(figure, info, theme)
    for marks in _layers(info.marks):
        figure.add_trace(_marks_trace(marks, info, theme))
    _add_legend(figure, info, theme)
    _add_labels(figure, info, theme)
    figure.update_layout(
        height=height,
        hovermode="closest",
        clickmode="event+select",
        xaxis=style.axis(
            theme, info.x_title, **({"type": "log", "dtick": "D2"} if info.log_x else {"rangemode": "normal"})
        ),
        yaxis=style.axis(theme, info.y_title),
    )
    return figure


def _layers(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks by family, those beaten by others first so that the front lies on top."""
    layers: dict[tuple[bool, bool, bool, str], list[Mark]] = {}
    for mark in marks:
        layers.setdefault((mark.fits, _in_front(mark), mark.baseline, mark.family), []).append(mark)
    return [layers[key] for key in sorted(layers)]


def _in_front(mark: Mark) -> bool:
    return mark.selected or mark.on_front or mark.baseline


def _marks_trace(marks: list[Mark], info: TradeoffInfo, theme: Theme) -> Any:
    symbols = _symbols(info.marks)
    colour = style.family_colour(marks[0].family, theme) if marks[0].fits else style.INTERVAL[theme]
    detailed = _in_front(marks[0]) or len(info.marks) <= MANY_MARKS
    kind = go.Scattergl if len(info.marks) > WEBGL_MARKS else go.Scatter
    return kind(
        x=[mark.x for mark in marks],
        y=[mark.y for mark in marks],
        mode="markers",
        name=_family_title(marks[0].family),
        customdata=[[mark.run] for mark in marks],
        text=[mark.hover for mark in marks],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        legendgroup=marks[0].family,
        error_x=_error_bars(marks, "x", theme) if detailed else None,
        error_y=_error_bars(marks, "y", theme) if detailed else None,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1 if _in_front(marks[0]) else 0.55}},
        marker={
            "symbol": [_symbol(symbols[mark.model], mark) for mark in marks],
            "size": [mark.diameter + (4 if mark.selected else 0) for mark in marks],
            "color": colour,
            "opacity": [_opacity(mark) for mark in marks],
            "line": {
                "width": [_outline(mark) for mark in marks],
                "color": [
                    colour if mark.recorded else style.INK[theme] if mark.selected else style.BACKGROUNDS[theme]
                    for mark in marks
                ],
            },
        },
    )


def _symbol(shape: str, mark: Mark) -> str:
    """Open marks were recorded elsewhere, those with a cross are estimates, a dot marks a noisy measurement."""
    if mark.estimated:
        return ESTIMATED.get(shape, f"{shape}-open")
    return shape + ("-open" if mark.recorded else "") + ("-dot" if mark.noisy else "")


def _opacity(mark: Mark) -> float:
    """What others beat steps back; an outline alone needs more of its colour to be seen."""
    if not mark.fits and not mark.selected:
        return 0.5
    if _in_front(mark) or mark.estimated:
        return 1.0
    return 0.85 if mark.recorded else 0.6


def _outline(mark: Mark) -> float:
    if mark.selected:
        return 3.0
    if mark.estimated:
        return 1.2
    return 1.6 if mark.recorded else 1.0


def _error_bars(marks: list[Mark], place: str, theme: Theme) -> dict[str, Any] | None:
    intervals = [getattr(mark, f"{place}_interval") for mark in marks]
    values = [getattr(mark, place) for mark in marks]
    if not any(intervals):
        return None
    upper = [max(pair[1] - value, 0) if pair else 0 for pair, value in zip(intervals, values, strict=True)]
    lower = [max(value - pair[0], 0) if pair else 0 for pair, value in zip(intervals, values, strict=True)]
    colour = style.INTERVAL[theme]
    return {
        "type": "data",
        "array": upper,
        "arrayminus": lower,
        "symmetric": False,
        "color": colour,
        "thickness": 1,
        "width": 0,
    }


def _front_trace(front: Front, theme: Theme) -> go.Scatter:
    dash = "dot" if front.recorded else "solid"
    return go.Scatter(
        x=front.xs,
        y=front.ys,
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        name=front.name,
        line={"color": style.MUTED[theme], "width": 1.4 if front.recorded else 2, "dash": dash},
    )


def _add_baseline_line(figure: go.Figure, info: TradeoffInfo, theme: Theme) -> None:
    """A thin line at the accuracy to keep, when there is only one such accuracy."""
    levels = {round(mark.y, 6) for mark in info.marks if mark.baseline}
    if len(levels) == 1:
        figure.add_hline(
            y=levels.pop(), line={"color": style.INTERVAL[theme], "width": 1, "dash": "dash"}, layer="below"
        )


def _add_legend(figure: go.Figure, info: TradeoffInfo, theme: Theme) -> None:
    """What colours, shapes and lines mean; entries that draw nothing themselves."""
    present = {mark.family for mark in info.marks}
    for family in [family for family in (*style.FAMILY_COLOURS, "baseline") if family in present]:
        marker = {"color": style.family_colour(family, theme), "size": 10, "symbol": "circle"}
        figure.add_trace(_legend_entry(_family_title(family), marker, family))
    symbols = _symbols(info.marks)
    if len(symbols) > 1:
        for model, symbol in symbols.items():
            figure.add_trace(_legend_entry(plain(model), {"color": style.MUTED[theme], "size": 10, "symbol": symbol}))
    if any(mark.estimated for mark in info.marks):
        marker = {"color": style.MUTED[theme], "size": 11, "symbol": ESTIMATED["circle"], "line": {"width": 1.2}}
        figure.add_trace(_legend_entry(t("chart.legend.estimated"), marker))
    if any(mark.recorded and not mark.estimated for mark in info.marks):
        marker = {"color": style.MUTED[theme], "size": 10, "symbol": "circle-open", "line": {"width": 1.6}}
        figure.add_trace(_legend_entry(t("chart.legend.recorded"), marker))
    if any(mark.noisy for mark in info.marks):
        figure.add_trace(
            _legend_entry(
                t("chart.legend.noisy"), {"color": style.MUTED[theme], "size": 10, "symbol": "circle-open-dot"}
            )
        )


def _legend_entry(name: str, marker: dict[str, Any], group: str | None = None) -> go.Scatter:
    return go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=marker, legendgroup=group, hoverinfo="skip")


def _add_labels(figure: go.Figure, info: TradeoffInfo, theme: Theme) -> None:
    """Words beside the marks that everybody looks for, as far as there is room: the shown one, baseline, knee."""
    for label in labels(info):
        place, aside = label.place, label.mark.diameter / 2 + GAP_PX
        figure.add_annotation(
            x=_on_axis(label.mark.x, info.log_x),
            y=label.mark.y,
            text="<br>".join(plain(line) for line in label.lines),
            showarrow=False,
            align={1: "left", 0: "center", -1: "right"}[place.across],
            xanchor={1: "left", 0: "center", -1: "right"}[place.across],
            yanchor={1: "bottom", 0: "middle", -1: "top"}[place.up],
            xshift=place.across * aside,
            yshift=place.up * aside,
            font={"size": 12, "color": style.INK[theme] if label.mark.selected else style.MUTED[theme]},
        )


@dataclass(frozen=True)
class Label:
    """Words beside a mark, as lines."""

    mark: Mark
    lines: tuple[str, ...]
    place: Place


def labels(info: TradeoffInfo) -> list[Label]:
    """The words that find room beside their marks: those of the shown one first, then of baselines, knees, the rest."""
    own_knee = any(mark.knee and not mark.recorded for mark in info.marks)
    several = len({mark.model for mark in info.marks}) > 1
    said = [(mark, words) for mark in info.marks if (words := _words(mark, own_knee, several))]
    said.sort(key=lambda pair: (not pair[0].shown, not pair[0].baseline, not pair[0].knee))
    spots = _spots(info)
    wishes = [Wish(spots[mark.run], tuple(wrap(words, LINE_LETTERS)), mark.shown) for mark, words in said]
    placed = zip(said, wishes, place_labels(wishes, list(spots.values())), strict=True)
    return [Label(mark, wish.lines, place) for (mark, _), wish, place in placed if place is not None]


def _spots(info: TradeoffInfo) -> dict[str, Spot]:
    """Where each mark is on the plotting area, which Plotly stretches a little beyond marks and intervals."""
    xs = _spread([_on_axis(x, info.log_x) for mark in info.marks for x in (mark.x, *(mark.x_interval or ()))])
    ys = _spread([y for mark in info.marks for y in (mark.y, *(mark.y_interval or ()))])

    def share(value: float, ends: tuple[float, float]) -> float:
        return (value - ends[0]) / (ends[1] - ends[0])

    return {
        mark.run: Spot(share(_on_axis(mark.x, info.log_x), xs), share(mark.y, ys), mark.diameter / 2)
        for mark in info.marks
    }


def _spread(values: list[float]) -> tuple[float, float]:
    low, high = min(values, default=0), max(values, default=1)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _words(mark: Mark, own_knee: bool, several_models: bool) -> str:
    """What is written beside a mark; a recorded knee only where the reader has none."""
    if mark.baseline:
        return t("chart.label.baseline_of", model=mark.model) if several_models else t("chart.label.baseline")
    if mark.selected:
        return mark.label
    return t("chart.label.knee") if mark.knee and not (mark.recorded and own_knee) else ""


def _on_axis(x: float, log: bool) -> float:
    """Plotly wants the logarithm in annotations on a logarithmic axis."""
    return log10(x) if log and x > 0 else x


def _symbols(marks: Sequence[Mark]) -> dict[str, str]:
    models = sorted({mark.model for mark in marks})
    return {model: style.SYMBOLS[index % len(style.SYMBOLS)] for index, model in enumerate(models)}


def _family_title(family: str) -> str:
    return t(f"family.{family}")
