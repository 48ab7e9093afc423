"""The learning curve of a run: loss and accuracy while it trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.texts import t
from explorer.texts.sentences import sentence

AT_MOST = 400


@dataclass(frozen=True)
class LearningInfo:
    """Seconds since the first report and, by metric, its values at some of them: ``{name: [(seconds, value), …]}``."""

    title: str
    x_title: str
    series: dict[str, list[tuple[float, float]]]


def learning_info(events: Iterable[dict[str, Any]]) -> LearningInfo:
    """Collect the metrics of a run's events; long series are thinned evenly."""
    series: dict[str, list[tuple[float, float]]] = {}
    start: float | None = None
    for event in events:
        for name, value in (event.get("metrics") or {}).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                start = event["time"] if start is None else start
                series.setdefault(name, []).append((event["time"] - start, float(value)))
    curves = {name: _thinned(points) for name, points in series.items() if len(points) > 1}
    return LearningInfo(t("chart.learning.title"), t("chart.learning.x"), curves)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    every = -(-len(points) // AT_MOST)
    return points[::every] if points[::every][-1] == points[-1] else [*points[::every], points[-1]]


def learning_figure(info: LearningInfo, theme: Theme = "light", height: int = 260) -> go.Figure:
    """Draw ``info``: one line per metric, those with other units on an axis of their own."""
    figure = go.Figure(layout=style.base_layout(theme, info.title))
    for index, (name, points) in enumerate(info.series.items()):
        figure.add_trace(
            go.Scatter(
                x=[seconds for seconds, _ in points],
                y=[value for _, value in points],
                mode="lines",
                name=style.plain(sentence(name.replace("_", " "))),
                yaxis="y" if index == 0 else "y2",
                line={"color": style.SERIES_COLOURS[index % len(style.SERIES_COLOURS)], "width": 2},
            )
        )
    first = style.plain(sentence(next(iter(info.series), "").replace("_", " ")))
    first = first[:1].upper() + first[1:]
    figure.update_layout(
        height=height,
        hovermode="x unified",
        showlegend=len(info.series) > 1,
        xaxis=style.axis(theme, info.x_title),
        yaxis=style.axis(theme, first),
    )
    if len(info.series) > 1:
        figure.update_layout(yaxis2=style.axis(theme, "", overlaying="y", side="right", showgrid=False))
    return figure
