"""How the drawings are drawn: lines, dots, grids of weights, notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.glossary.examples import STEPS, Floats
from explorer.charts.style import Theme
from explorer.charts.tradeoff import staircase as corners
from explorer.texts import t


def staircase(figure: go.Figure, kept: list[tuple[float, float]], theme: Theme) -> None:
    line(figure, list(zip(*corners(kept, False), strict=True)), style.MUTED[theme], width=2)


def line(figure: go.Figure, points: Sequence[tuple[float, float]], colour: str, **line: Any) -> None:
    x, y = zip(*points, strict=True)
    figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line={"color": colour, **line}, hoverinfo="skip"))


def dots(figure: go.Figure, points: Sequence[tuple[float, float]], colour: str, symbol: str = "circle") -> None:
    x, y = zip(*points, strict=True)
    marker = {"color": colour, "size": 9, "symbol": symbol}
    figure.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, hoverinfo="skip", cliponaxis=False))


def size_and_accuracy(figure: go.Figure, theme: Theme, title: str) -> None:
    figure.update_layout(
        title_text=title,
        xaxis=style.axis(theme, t("glossary.x.size"), range=[0, 104]),
        yaxis=style.axis(theme, t("glossary.y.accuracy"), range=[67, 82]),
    )


def grid(figure: go.Figure, matrix: Floats, left: int, theme: Theme) -> None:
    """Weights as cells, the stronger the larger they are; zeros are empty cells with a nought."""
    rows, columns = matrix.shape
    weak = {"light": "#F7DCC8", "dark": "#5C3A22"}[theme]
    ramp = [[0, style.GRID[theme]], [0.001, weak], [1, style.FAMILY_COLOURS["pruning"]]]
    noughts = [["0" if weight == 0 else "" for weight in row] for row in matrix]
    font = {"size": 12, "color": style.MUTED[theme]}
    places = range(left, left + columns)
    cells(figure, np.abs(matrix), places, range(rows), 2, ramp, text=noughts, texttemplate="%{text}", textfont=font)


def cells(
    figure: go.Figure, z: Floats, x: Iterable[Any], y: Iterable[Any], most: float, ramp: Any, **words: Any
) -> None:
    """A grid of cells, each in the colour of the ramp for its value from 0 to ``most``."""
    look = {"colorscale": ramp, "showscale": False, "xgap": 2, "ygap": 2, "hoverinfo": "skip"}
    figure.add_trace(go.Heatmap(z=z, x=list(x), y=list(y), zmin=0, zmax=most, **look, **words))


def shares(figure: go.Figure, classes: Sequence[str], percent: Floats, colour: str) -> None:
    """Bars for the percent of each class, with their numbers above."""
    bars = {"marker": {"color": colour}, "textposition": "outside", "cliponaxis": False, "hoverinfo": "skip"}
    figure.add_trace(go.Bar(x=list(classes), y=percent, text=[f"{share:.0f}" for share in percent], **bars))


def steps(figure: go.Figure, left: int, values: Floats, step: float, theme: Theme) -> None:
    """Weights as dots over the steps that they are rounded to."""
    right = left + len(values) - 1
    for place in range(-STEPS, STEPS + 1):
        ends = [(left - 0.4, place * step), (right + 0.4, place * step)]
        line(figure, ends, style.INTERVAL[theme], width=1)
    points = [(float(left + place), float(value)) for place, value in enumerate(values)]
    dots(figure, points, style.FAMILY_COLOURS["quantization"])


def bare(figure: go.Figure, title: str, square: bool = True) -> None:
    """No axes: what is drawn has no units."""
    ratio = {"scaleanchor": "x"} if square else {}
    figure.update_layout(title_text=title, xaxis={"visible": False}, yaxis={"visible": False, **ratio})


def note(figure: go.Figure, x: float, y: float, words: str, theme: Theme) -> None:
    font = {"size": 12, "color": style.INK[theme]}
    figure.add_annotation(x=x, y=y, text=style.wrapped(words, 24), showarrow=False, font=font)
