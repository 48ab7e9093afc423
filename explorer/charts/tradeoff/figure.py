"""The trade-off chart drawn: fronts as lines, marks by family, the same variant on two targets joined."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.labelling import LAPTOP, Area
from explorer.charts.style import Theme, plain
from explorer.charts.tradeoff.fronts import Front
from explorer.charts.tradeoff.info import Join, Mark, TradeoffInfo
from explorer.charts.tradeoff.labels import labels, on_axis, spread
from explorer.charts.tradeoff.sizes import MANY_MARKS, add_size_legend, thinned
from explorer.texts import t

WEBGL_MARKS = 1500
RING_PX = 8
"""How much wider than its mark the ring is that marks the second of two targets."""
ESTIMATED = {symbol: f"{symbol}-cross-open" for symbol in ("circle", "square", "diamond")}
"""Estimates as hollow marks with a cross in them, for those shapes that Plotly has so; the others are only hollow."""


def tradeoff_figure(
    info: TradeoffInfo,
    theme: Theme = "light",
    height: int = 460,
    see_through: bool = False,
    areas: Sequence[Area] = (LAPTOP,),
) -> go.Figure:
    """Draw ``info``; each mark's ``customdata`` is its run id.

    ``see_through`` draws selected marks no larger than others and lets what lies below them be seen. Words beside marks
    stand where they cover no mark in any of the ``areas`` as large as which the figure will be shown.
    """
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    _add_baseline_line(figure, info, theme)
    _add_joins(figure, info, False, style.INTERVAL[theme], 1.0)
    _add_marks(figure, [mark for mark in info.marks if not _ahead(mark)], info, theme, see_through)
    _add_joins(figure, info, True, style.INK[theme], 2.0)
    for front in info.fronts:
        figure.add_trace(_front_trace(front, info, theme))
    _add_marks(figure, [mark for mark in info.marks if _ahead(mark)], info, theme, see_through)
    _add_legend(figure, info, theme)
    _add_labels(figure, info, theme, areas)
    if info.sizes:
        add_size_legend(figure, info.sizes, theme)
    figure.update_layout(
        height=height,
        hovermode="closest",
        xaxis=style.axis(theme, info.x_title, **_scale(info, "x", info.log_x)),
        yaxis=style.axis(theme, info.y_title, **_scale(info, "y", info.log_y)),
    )
    if info.y_range:
        low, high = spread([on_axis(y, info.log_y) for y in info.y_range])
        positive = info.y_range[0] >= 0 and not info.log_y
        figure.update_yaxes(range=(max(low, 0) if positive else low, high))
    return figure


def _scale(info: TradeoffInfo, place: str, log: bool) -> dict[str, str]:
    """An axis of what is nowhere negative does not reach below zero."""
    if log:
        return {"type": "log", "dtick": "D2"}
    values = (getattr(mark, place) for mark in info.marks)
    lowest = (interval[0] for mark in info.marks if (interval := getattr(mark, f"{place}_interval")))
    return {"rangemode": "nonnegative" if min((*values, *lowest), default=0) >= 0 else "normal"}


def drawing(info: TradeoffInfo) -> dict[str, Any]:
    """How Plotly should draw so many marks, for the chart's configuration.

    Its WebGL draws four times the pixels by default, and without a graphics card every click waits for them.
    """
    return {"plotGlPixelRatio": 1} if _many(info) else {}


def _many(info: TradeoffInfo) -> bool:
    return len(info.marks) > WEBGL_MARKS


def _scatter(info: TradeoffInfo) -> Any:
    """What draws marks and lines. Plotly puts all that WebGL draws above the rest, so all of a chart is drawn alike."""
    return go.Scattergl if _many(info) else go.Scatter


def _shrunk(info: TradeoffInfo, thin: float) -> float:
    """What is left of the diameter of marks that others beat; sizes that mean something stay."""
    return 1.0 if info.sizes else math.sqrt(thin)


def _ahead(mark: Mark) -> bool:
    """Whether it lies on the lines of the fronts, in front of all that others beat."""
    return mark.selected or mark.on_front or mark.baseline


def _add_marks(figure: go.Figure, marks: Sequence[Mark], info: TradeoffInfo, theme: Theme, see_through: bool) -> None:
    """Marks in layers by family, those of the second target in their rings; what is selected lies on top.

    Of many marks each layer has those that look alike, which are checked, sent and drawn together.
    """
    layers: dict[tuple[Any, ...], list[Mark]] = {}
    for mark in marks:
        look = (mark.recorded, mark.estimated, mark.noisy, mark.model) if _many(info) else ()
        layers.setdefault((mark.selected, mark.fits, mark.baseline, mark.family, *look), []).append(mark)
    for key in sorted(layers):
        ringed = [mark for mark in layers[key] if mark.ringed]
        if ringed:
            figure.add_trace(_rings_trace(ringed, info, style.family_colour(ringed[0].family, theme)))
        figure.add_trace(_marks_trace(layers[key], info, theme, see_through))


def _marks_trace(marks: list[Mark], info: TradeoffInfo, theme: Theme, see_through: bool) -> Any:
    colour = style.family_colour(marks[0].family, theme) if marks[0].fits else style.INTERVAL[theme]
    detailed = _ahead(marks[0]) or len(info.marks) <= MANY_MARKS
    many, thin = _many(info), 1.0 if _ahead(marks[0]) else thinned(len(info.marks))
    listed: Callable[[list[Any]], Any] = _strings if many else list
    each: Callable[[Iterable[Any]], Any] = _alike if many else list
    return _scatter(info)(
        x=[mark.x for mark in marks],
        y=[mark.y for mark in marks],
        mode="markers",
        name=_family_title(marks[0].family),
        customdata=listed([[mark.run, mark.kin] for mark in marks]),
        text=listed([mark.hover for mark in marks]),
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        legendgroup=marks[0].family,
        error_x=_error_bars(marks, "x", theme) if detailed else None,
        error_y=_error_bars(marks, "y", theme) if detailed else None,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1 if _ahead(marks[0]) else 0.55 * thin}},
        marker={
            "symbol": each(_symbol(info.symbols[mark.model], mark) for mark in marks),
            "size": each(
                _shrunk(info, thin) * mark.diameter + (4 if mark.selected and not see_through else 0) for mark in marks
            ),
            "color": each(_fill(mark, colour, see_through) for mark in marks),
            "opacity": each(thin * _opacity(mark) for mark in marks),
            "line": {
                "width": each(_outline(mark, thin, see_through) for mark in marks),
                "color": each(_edge(mark, colour, theme) for mark in marks),
            },
        },
    )


def _alike(values: Iterable[Any]) -> Any:
    """One value where all are alike, which is drawn and sent in a fraction of the time; else the list."""
    listed = list(values)
    return listed[0] if len(set(listed)) == 1 else listed


def _strings(values: list[Any]) -> Any:
    """As an array: Plotly looks at every string of a list, over and over."""
    return np.array(values, dtype=object)


def _symbol(shape: str, mark: Mark) -> str:
    """Open marks were recorded elsewhere, those with a cross are estimates, a dot marks a noisy measurement."""
    if mark.estimated:
        return ESTIMATED.get(shape, f"{shape}-open")
    return shape + ("-open" if mark.recorded else "") + ("-dot" if mark.noisy else "")


def _fill(mark: Mark, colour: str, see_through: bool) -> str:
    """What others beat steps back, in full colour at its edge only; an open mark is all edge."""
    if mark.selected:
        return style.faded(colour) if see_through and not _open(mark) else colour
    return colour if _ahead(mark) or _open(mark) else style.faded(colour, 0.55)


def _open(mark: Mark) -> bool:
    """Whether it is all edge, through which one sees anyway."""
    return mark.recorded or mark.estimated


def _edge(mark: Mark, colour: str, theme: Theme) -> str:
    """The selected ones' is that of words; what lies on the lines of the fronts is cut out of what lies below."""
    if mark.selected and not mark.recorded:
        return style.INK[theme]
    return style.BACKGROUNDS[theme] if _ahead(mark) and not mark.recorded else colour


def _opacity(mark: Mark) -> float:
    """What breaks the budget is hardly there."""
    return 1.0 if mark.fits or mark.selected else 0.5


def _outline(mark: Mark, thin: float, see_through: bool) -> float:
    if mark.selected:
        return 1.5 if see_through and not _open(mark) else 3.0
    if mark.estimated:
        return 1.2
    return 1.6 if mark.recorded else thin


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


def _front_trace(front: Front, info: TradeoffInfo, theme: Theme) -> Any:
    """Lines of dots were recorded, those of long dashes belong to the second target."""
    dashes = ("longdash", "longdashdot") if front.target in info.targets[1:] else ("solid", "dot")
    return _scatter(info)(
        x=front.xs,
        y=front.ys,
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        name=front.name,
        line={
            "color": style.MUTED[theme],
            "width": 1.4 if front.recorded else 2,
            "dash": dashes[front.recorded],
        },
    )


def _add_joins(figure: go.Figure, info: TradeoffInfo, selected: bool, colour: str, width: float) -> None:
    """A thin line from each mark of the first target to that of the same recipe on the second."""
    joins = [join for join in info.joins if join.selected == selected]
    for family in dict.fromkeys(join.second.family for join in joins):
        figure.add_trace(
            _joins_trace([join for join in joins if join.second.family == family], info, family, colour, width)
        )


def _joins_trace(joins: Sequence[Join], info: TradeoffInfo, family: str, colour: str, width: float) -> Any:
    return _scatter(info)(
        x=[x for join in joins for x in (join.first.x, join.second.x, None)],
        y=[y for join in joins for y in (join.first.y, join.second.y, None)],
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=family,
        name="joins",
        line={"color": colour, "width": width},
    )


def _rings_trace(ringed: Sequence[Mark], info: TradeoffInfo, colour: str) -> Any:
    thin = 1.0 if _ahead(ringed[0]) else thinned(len(info.marks))
    return _scatter(info)(
        x=[mark.x for mark in ringed],
        y=[mark.y for mark in ringed],
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=ringed[0].family,
        name="rings",
        unselected={"marker": {"opacity": 1}},
        marker={
            "symbol": [f"{info.symbols[mark.model]}-open" for mark in ringed],
            "size": [_shrunk(info, thin) * mark.diameter + RING_PX + (4 if mark.selected else 0) for mark in ringed],
            "color": colour,
            "opacity": [thin * _opacity(mark) for mark in ringed],
            "line": {"width": 1.2},
        },
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
        figure.add_trace(_legend_entry(_family_title(family), marker, family, {"family": family}))
    if len(info.symbols) > 1:
        for model, symbol in info.symbols.items():
            marker = {"color": style.MUTED[theme], "size": 10, "symbol": symbol}
            figure.add_trace(_legend_entry(plain(model), marker, leaves_out={"model": model}))
    if any(mark.estimated for mark in info.marks):
        marker = {"color": style.MUTED[theme], "size": 11, "symbol": ESTIMATED["circle"], "line": {"width": 1.2}}
        figure.add_trace(_legend_entry(t("chart.legend.estimated"), marker))
    if any(mark.recorded and not mark.estimated for mark in info.marks):
        marker = {"color": style.MUTED[theme], "size": 10, "symbol": "circle-open", "line": {"width": 1.6}}
        figure.add_trace(_legend_entry(t("chart.legend.recorded"), marker))
    if any(mark.noisy for mark in info.marks):
        marker = {"color": style.MUTED[theme], "size": 10, "symbol": "circle-dot"}
        figure.add_trace(_legend_entry(t("chart.legend.noisy"), marker))
    if len(info.targets) > 1:
        marker = {"color": style.MUTED[theme], "size": 12, "symbol": "circle-open-dot", "line": {"width": 1.2}}
        figure.add_trace(_legend_entry(t("chart.legend.ringed"), marker))


def _legend_entry(
    name: str, marker: dict[str, Any], group: str | None = None, leaves_out: dict[str, str] | None = None
) -> go.Scatter:
    """One entry; ``leaves_out`` is what a page filters away when it is clicked, and goes along as ``meta``."""
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        name=name,
        marker=marker,
        legendgroup=group,
        hoverinfo="skip",
        meta={"leaves_out": leaves_out} if leaves_out else None,
    )


def _add_labels(figure: go.Figure, info: TradeoffInfo, theme: Theme, areas: Sequence[Area]) -> None:
    """Words beside the marks that everybody looks for, as far as there is room: the shown one, baseline, knee."""
    for label in labels(info, areas):
        place, colour = label.place, style.INK[theme] if label.mark.selected else style.MUTED[theme]
        across, up = place.across * place.away, place.up * place.away
        line = {"ax": across, "ay": -up, "arrowhead": 6, "arrowsize": 0.6, "arrowwidth": 1, "arrowcolor": colour}
        figure.add_annotation(
            x=on_axis(label.mark.x, info.log_x),
            y=on_axis(label.mark.y, info.log_y),
            text="<br>".join(plain(line) for line in label.lines),
            align={1: "left", 0: "center", -1: "right"}[place.across],
            xanchor={1: "left", 0: "center", -1: "right"}[place.across],
            yanchor={1: "bottom", 0: "middle", -1: "top"}[place.up],
            font={"size": 12, "color": colour},
            showarrow=bool(place.line),
            **(line if place.line else {"xshift": across, "yshift": up}),
        )


def _family_title(family: str) -> str:
    return t(f"family.{family}")
