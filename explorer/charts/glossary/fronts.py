"""Drawings of words about fronts."""

from __future__ import annotations

import plotly.graph_objects as go

from explorer import pareto
from explorer.charts import style
from explorer.charts.glossary import examples, pens
from explorer.charts.style import Theme
from explorer.charts.tradeoff import staircase
from explorer.texts import t


def front(figure: go.Figure, theme: Theme) -> None:
    kept = examples.front_of_examples()
    beaten = [point for point in examples.VARIANTS if point not in kept]
    pens.staircase(figure, kept, theme)
    pens.dots(figure, beaten, style.INTERVAL[theme])
    pens.dots(figure, kept, style.FAMILY_COLOURS["quantization"])
    pens.size_and_accuracy(figure, theme, t("glossary.front.drawn", kept=len(kept), beaten=len(beaten)))


def knee(figure: go.Figure, theme: Theme) -> None:
    kept = examples.front_of_examples()
    place = pareto.knee(kept, examples.BETTER)
    pens.line(figure, [kept[0], kept[-1]], style.MUTED[theme], dash="dash", width=1)
    pens.dots(figure, kept, style.FAMILY_COLOURS["quantization"])
    if place is not None:
        marker = {"color": style.INK[theme], "size": 18, "symbol": "circle-open", "line": {"width": 2}}
        x, y = kept[place]
        figure.add_trace(go.Scatter(x=[x], y=[y], mode="markers", marker=marker, hoverinfo="skip"))
    pens.size_and_accuracy(figure, theme, t("glossary.knee.drawn"))


def hypervolume(figure: go.Figure, theme: Theme) -> None:
    kept = examples.front_of_examples()
    xs, ys = staircase(kept, False)
    corners = [(kept[0][0], examples.WORST[1]), *zip(xs, ys, strict=True), (examples.WORST[0], ys[-1]), examples.WORST]
    fill = style.faded(style.FAMILY_COLOURS["quantization"], 0.25)
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in corners],
            y=[y for _, y in corners],
            fill="toself",
            fillcolor=fill,
            mode="lines",
            line={"width": 0},
            hoverinfo="skip",
        )
    )
    pens.staircase(figure, kept, theme)
    pens.dots(figure, kept, style.FAMILY_COLOURS["quantization"])
    pens.dots(figure, [examples.WORST], style.INK[theme], "x")
    whole = examples.WORST[0] * (kept[-1][1] - examples.WORST[1])
    share = 100 * pareto.hypervolume(kept, examples.WORST, examples.BETTER) / whole
    pens.size_and_accuracy(figure, theme, t("glossary.hypervolume.drawn", share=round(share)))
