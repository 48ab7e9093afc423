"""Drawings of words about charts and estimates."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer import sweeps
from explorer.charts import style
from explorer.charts.glossary import examples, pens
from explorer.charts.style import Theme
from explorer.texts import t


def elbow(figure: go.Figure, theme: Theme) -> None:
    """A sweep's curve, the line between its ends, and the point that lies farthest on the better side."""
    curve = examples.SWEEP
    place = sweeps.elbow([x for x, _ in curve], [y for _, y in curve])
    pens.line(figure, [curve[0], curve[-1]], style.MUTED[theme], dash="dash", width=1)
    pens.line(figure, curve, style.FAMILY_COLOURS["pruning"], width=2)
    pens.dots(figure, curve, style.FAMILY_COLOURS["pruning"])
    if place is not None:
        marker = {"color": style.INK[theme], "size": 18, "symbol": "circle-open", "line": {"width": 2}}
        x, y = curve[place]
        figure.add_trace(go.Scatter(x=[x], y=[y], mode="markers", marker=marker, hoverinfo="skip"))
    figure.update_layout(
        title_text=t("glossary.elbow.drawn"),
        xaxis=style.axis(theme, t("glossary.elbow.x"), range=[-4, 96]),
        yaxis=style.axis(theme, t("glossary.y.accuracy"), range=[62, 83]),
    )


def parallel(figure: go.Figure, theme: Theme) -> None:
    """Variants as lines across an axis for each quantity, from its lowest value below to its highest above."""
    values = np.array(examples.LINES, dtype=float)
    low, high = values.min(axis=0), values.max(axis=0)
    places = (values - low) / (high - low)
    count = values.shape[1]
    for axis in range(count):
        pens.line(figure, [(axis, 0.0), (axis, 1.0)], style.MUTED[theme], width=1)
        for y, end in ((-0.1, low[axis]), (1.1, high[axis])):
            pens.note(figure, axis, y, f"{end:g}", theme)
    for row in places.tolist():
        pens.line(figure, list(enumerate(row)), style.FAMILY_COLOURS["quantization"], width=2)
    names = [t("glossary.elbow.x"), t("glossary.x.size"), t("glossary.y.accuracy")]
    figure.update_layout(
        title_text=t("glossary.parallel.drawn", variants=len(values)),
        xaxis=style.axis(theme, "", tickvals=list(range(count)), ticktext=names, showgrid=False, range=[-0.4, 2.4]),
        yaxis=style.axis(theme, "", showticklabels=False, showgrid=False, range=[-0.2, 1.2]),
    )


def roofline(figure: go.Figure, theme: Theme) -> None:
    """What a device reaches by how much is computed with each byte, and two layers on it."""
    ridge = examples.PEAK_GFLOPS / examples.BANDWIDTH_GB_S
    roof = [(x, examples.attainable_gflops(x)) for x in (0.5, ridge, 200.0)]
    layers = [(x, examples.attainable_gflops(x)) for x in examples.LAYERS]
    pens.line(figure, roof, style.INK[theme], width=2)
    pens.dots(figure, layers, style.FAMILY_COLOURS["quantization"])
    for (x, y), key in zip(layers, ("memory", "compute"), strict=True):
        pens.note(figure, np.log10(x) + 0.5, np.log10(y) - 0.2, t(f"glossary.roofline.{key}"), theme)
    figure.update_layout(
        title_text=t("glossary.roofline.drawn"),
        xaxis=style.axis(theme, t("glossary.roofline.x"), type="log", dtick=1, showgrid=False),
        yaxis=style.axis(theme, t("glossary.roofline.y"), type="log", dtick=1, showgrid=False, range=[1, 2.9]),
    )
