"""How important each attention head is: a heatmap of layers and heads, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.anatomy import tint
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t


@dataclass(frozen=True)
class HeadsInfo:
    """Scores of attention heads, ``[layer][head]``, each over its layer's mean; layers may differ in their heads."""

    title: str
    subtitle: str
    values: tuple[tuple[float | None, ...], ...]
    hovers: tuple[tuple[str, ...], ...]


def heads_info(scores: Sequence[Sequence[float]], importance: str) -> HeadsInfo:
    """Arrange scores ``[layer][head]``; each is divided by its layer's mean, as pruning does to compare layers."""
    widest = max((len(row) for row in scores), default=0)
    means = [sum(row) / len(row) or 1.0 if row else 1.0 for row in scores]
    values = [
        tuple(score / mean for score in row) + (None,) * (widest - len(row))
        for row, mean in zip(scores, means, strict=True)
    ]
    return HeadsInfo(
        title=t("models.heads.chart"),
        subtitle=t(f"models.heads.by.{importance}"),
        values=tuple(values),
        hovers=tuple(
            tuple(_head_hover(layer, head, value, scores) for head, value in enumerate(row))
            for layer, row in enumerate(values)
        ),
    )


def _head_hover(layer: int, head: int, value: float | None, scores: Sequence[Sequence[float]]) -> str:
    if value is None:
        return ""
    score = significant(scores[layer][head])
    return t("models.heads.hover", layer=layer, head=head, value=significant(value), score=score)


def heads_words(info: HeadsInfo) -> str:
    """Which head matters least and which most, in a sentence; empty where there are none."""
    places = [
        (value, layer, head)
        for layer, row in enumerate(info.values)
        for head, value in enumerate(row)
        if value is not None
    ]
    if not places:
        return ""
    (least, *low), (most, *high) = min(places), max(places)
    words = {"low_layer": low[0], "low_head": low[1], "high_layer": high[0], "high_head": high[1]}
    return t("models.heads.words", least=significant(least), most=significant(most), **words)


def heads_figure(info: HeadsInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info``, a row for each layer: the stronger the colour, the more important the head."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    widest = max((len(row) for row in info.values), default=0)
    figure.add_trace(
        go.Heatmap(
            z=info.values,
            x=[str(head) for head in range(widest)],
            y=[str(layer) for layer in range(len(info.values))],
            text=[["" if value is None else f"{value:.2f}" for value in row] for row in info.values],
            texttemplate="%{text}",
            textfont={"size": 12, "color": style.INK[theme]},
            customdata=info.hovers,
            hovertemplate="%{customdata}<extra></extra>",
            colorscale=[
                [0, tint(style.RAMP, theme, 0.04)],
                [1, tint(style.RAMP, theme, 0.6)],
            ],
            zmin=0,
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    figure.update_layout(
        height=170 + 34 * len(info.values),
        xaxis=style.axis(theme, t("models.heads.x"), type="category", showgrid=False),
        yaxis=style.axis(theme, t("models.heads.y"), type="category", showgrid=False, autorange="reversed"),
    )
    return figure
