"""A sweep: one slider as a curve with intervals and its elbow, two sliders as a heatmap whose cells can be clicked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import QUANTITIES
from explorer.sweeps import Axis, Sweep, elbow
from explorer.technique import techniques
from explorer.texts import t, technique_title
from explorer.texts.sentences import sentence, setting
from explorer.variants import Variant

LOW, HIGH = style.RAMP, "#F0E442"


@dataclass(frozen=True)
class SweepInfo:
    """One point or cell per run: ``places[i]`` are its numbers, ``values[i]`` the quantity in its unit.

    ``intervals`` are 95 % ones, None where there is none; ``elbow`` is the index of the point where a curve bends most.
    ``runs`` are those of the points, ``words`` what is written in a cell or behind a point.
    """

    title: str
    subtitle: str
    axis_titles: tuple[str, ...]
    value_title: str
    runs: tuple[str, ...]
    places: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]
    intervals: tuple[tuple[float, float] | None, ...]
    words: tuple[str, ...]
    fractions: tuple[bool, ...]
    higher_is_better: bool
    selected: tuple[bool, ...]
    elbow: int | None = None


def sweep_info(
    sweep: Sweep, rows: Mapping[str, Variant], key: str, where: str = "", selected: tuple[str, ...] = ()
) -> SweepInfo:
    """Arrange a sweep by the quantity ``key``; ``rows`` are its runs' rows on one target, by run.

    Runs without a row or without that quantity are left out.
    """
    quantity = QUANTITIES[key]
    known = [(places, run, rows[run]) for places, run in sorted(sweep.runs.items()) if run in rows]
    shown = [(places, run, row) for places, run, row in known if quantity.of(row) is not None]
    values = tuple(quantity.of(row) or 0.0 for _, _, row in shown)
    intervals, curve = tuple(quantity.interval(row) for _, _, row in shown), len(sweep.axes) == 1
    xs = [places[0] for places, _, _ in shown]
    title = quantity.title if not quantity.unit else f"{quantity.title} ({quantity.unit})"
    return SweepInfo(
        title=t("chart.sweep.title", y=quantity.title, x=t("word.and").join(axis_words(one) for one in sweep.axes)),
        subtitle=" · ".join(part for part in (sweep.model, where) if part),
        axis_titles=tuple(_axis_title(axis) for axis in sweep.axes),
        value_title=title,
        runs=tuple(run for _, run, _ in shown),
        places=tuple(places for places, _, _ in shown),
        values=values,
        intervals=intervals,
        words=tuple(quantity.write(row) if curve else quantity.bare(quantity.of(row) or 0.0) for _, _, row in shown),
        fractions=tuple(_unit(axis) == "fraction" for axis in sweep.axes),
        higher_is_better=quantity.higher_is_better,
        selected=tuple(run in selected for _, run, _ in shown),
        elbow=elbow(xs, values, quantity.higher_is_better, intervals) if curve else None,
    )


def axis_words(axis: Axis) -> str:
    """``sparsity of Magnitude pruning``."""
    _, technique, name = axis
    known = techniques().get(technique)
    title = technique_title(known) if known else technique
    return t("chart.sweep.of", name=setting(name).lower(), technique=title)


def _axis_title(axis: Axis) -> str:
    unit = _unit(axis)
    words = axis_words(axis)
    shown = "%" if unit == "fraction" else unit
    return f"{words} ({sentence(shown)})" if shown and shown not in axis[2] else words


def _unit(axis: Axis) -> str:
    known = techniques().get(axis[1])
    return next((one.unit for one in known.parameters() if one.name == axis[2]), "") if known else ""


def sweep_figure(info: SweepInfo, theme: Theme = "light", height: int = 420) -> go.Figure:
    """Draw ``info``; each point's ``customdata`` is its run id."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    if len(info.axis_titles) == 1:
        _draw_curve(figure, info, theme)
    else:
        _draw_cells(figure, info, theme)
    figure.update_layout(height=height, showlegend=False, hovermode="closest")
    return figure


def _shown(info: SweepInfo, axis: int) -> list[float]:
    """The numbers on an axis as people read them: fractions in percent."""
    return [100 * places[axis] if info.fractions[axis] else places[axis] for places in info.places]


def _draw_curve(figure: go.Figure, info: SweepInfo, theme: Theme) -> None:
    xs, colour = _shown(info, 0), style.SERIES_COLOURS[0]
    pairs = [pair or (value, value) for pair, value in zip(info.intervals, info.values, strict=True)]
    sizes = [15 if lit else 10 for lit in info.selected]
    edges = {
        "width": [3.0 if lit else 1.5 for lit in info.selected],
        "color": [style.INK[theme] if lit else style.BACKGROUNDS[theme] for lit in info.selected],
    }
    figure.add_trace(
        go.Scatter(
            x=xs,
            y=info.values,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": sizes, "color": colour, "line": edges},
            customdata=[[run] for run in info.runs],
            text=info.words,
            hovertemplate="%{x:g}: %{text}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - value for (_, high), value in zip(pairs, info.values, strict=True)],
                "arrayminus": [value - low for (low, _), value in zip(pairs, info.values, strict=True)],
                "color": style.INTERVAL[theme],
                "thickness": 1,
                "width": 0,
            },
        )
    )
    if info.elbow is not None:
        figure.add_annotation(
            x=xs[info.elbow],
            y=info.values[info.elbow],
            text=t("chart.sweep.elbow"),
            showarrow=True,
            arrowcolor=style.MUTED[theme],
            ax=0,
            ay=-38,
            font={"size": 12, "color": style.INK[theme]},
        )
    figure.update_layout(xaxis=style.axis(theme, info.axis_titles[0]), yaxis=style.axis(theme, info.value_title))


def _draw_cells(figure: go.Figure, info: SweepInfo, theme: Theme) -> None:
    """A heatmap cannot be clicked in Plotly, so marks that nobody sees lie on its cells, and the nearest is taken.

    The nearest to any place in a cell is its own, since all cells are equal; one without a run has an empty mark.
    """
    xs, ys = ([f"{value:g}" for value in _shown(info, axis)] for axis in (0, 1))
    colours = [LOW, HIGH] if info.higher_is_better else [HIGH, LOW]
    figure.add_trace(
        go.Heatmap(
            x=xs,
            y=ys,
            z=info.values,
            colorscale=[[0, colours[0]], [1, colours[1]]],
            colorbar={"title": {"text": ""}, "thickness": 10, "outlinewidth": 0, "tickfont": {"size": 12}},
            xgap=3,
            ygap=3,
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=xs,
            y=ys,
            mode="markers+text",
            text=info.words,
            textfont={"size": 13, "color": _on_cells(info, colours)},
            marker={
                "size": 34,
                "symbol": "square",
                "color": "rgba(0,0,0,0)",
                "line": {"width": [3 if lit else 0 for lit in info.selected], "color": style.INK[theme]},
            },
            customdata=[[run] for run in info.runs],
            hovertemplate="%{x}, %{y}: %{text}<extra></extra>",
            unselected={"marker": {"opacity": 1}, "textfont": {"color": None}},
        )
    )
    order = [sorted({places[axis] for places in info.places}) for axis in (0, 1)]
    names = [[f"{100 * value if info.fractions[axis] else value:g}" for value in order[axis]] for axis in (0, 1)]
    empty = sorted(set(product(*names)) - set(zip(xs, ys, strict=True)))
    if empty:
        across, up = zip(*empty, strict=True)
        nothing = {"x": across, "y": up, "mode": "markers", "marker": {"size": 1, "opacity": 0}, "hoverinfo": "none"}
        figure.add_trace(go.Scatter(**nothing))
    category: list[dict[str, Any]] = [
        {"type": "category", "categoryorder": "array", "categoryarray": names[axis], "showgrid": False}
        for axis in (0, 1)
    ]
    figure.update_layout(
        xaxis=style.axis(theme, info.axis_titles[0], **category[0]),
        yaxis=style.axis(theme, info.axis_titles[1], **category[1]),
        hoverdistance=-1,
    )


def _on_cells(info: SweepInfo, colours: list[str]) -> list[str]:
    """Black on the yellow half of the scale, white on the blue one."""
    low, high = min(info.values, default=0.0), max(info.values, default=1.0)
    middle = low + 0.45 * (high - low)
    bright_high = colours[1] == HIGH
    return ["#111111" if (value >= middle) == bright_high else "#FFFFFF" for value in info.values]
