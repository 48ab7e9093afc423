"""Drawings of words by which figures are judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.glossary import examples, pens
from explorer.charts.style import Theme
from explorer.measure.statistics import mcnemar_p
from explorer.measure.statistics import wilson as wilson_interval
from explorer.quantities import significant
from explorer.texts import t


def interval(figure: go.Figure, theme: Theme) -> None:
    found = [examples.difference(*flips) for flips in examples.FLIPS.values()]
    colours = [style.MUTED[theme] if noise else style.FAMILY_COLOURS["pruning"] for *_, noise in found]
    for place, ((value, low, high, _), colour) in enumerate(zip(found, colours, strict=True)):
        bar = {"type": "data", "array": [high - value], "arrayminus": [value - low], "thickness": 2, "color": colour}
        marker = {"color": colour, "size": 10}
        figure.add_trace(go.Scatter(x=[value], y=[place], error_x=bar, mode="markers", marker=marker, hoverinfo="skip"))
    figure.add_vline(x=0, line={"color": style.INK[theme], "width": 1, "dash": "dash"})
    ticks = [t(f"glossary.interval.{'noise' if noise else 'real'}") for *_, noise in found]
    figure.update_layout(
        title_text=t("glossary.interval.drawn", inputs=f"{examples.INPUTS:,}"),
        xaxis=style.axis(theme, t("glossary.interval.x")),
        yaxis=style.axis(theme, "", tickvals=[0, 1], ticktext=ticks, range=[-0.6, 1.6], showgrid=False),
    )


def latency(figure: go.Figure, theme: Theme) -> None:
    p50, p95 = examples.latency_quantile(0.5), examples.latency_quantile(0.95)
    times = np.linspace(examples.latency_quantile(0.001), examples.latency_quantile(0.998), 120)
    density = np.exp(-0.5 * (np.log(times / examples.MEDIAN_MS) / examples.SPREAD) ** 2) / times
    colour = style.FAMILY_COLOURS["quantization"]
    slow = times >= p95
    pens.line(figure, list(zip(times.tolist(), density.tolist(), strict=True)), colour, width=2)
    tail: dict[str, Any] = {"fill": "tozeroy", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=times[slow], y=density[slow], fillcolor=style.faded(colour, 0.35), **tail))
    for value, name in ((p50, "p50"), (p95, "p95")):
        label = {"text": f"{name} {significant(value)} ms", "font": {"size": 12, "color": style.INK[theme]}}
        line = {"color": style.INK[theme], "width": 1, "dash": "dash"}
        figure.add_vline(x=value, line=line, annotation=label, annotation_position="top right")
    figure.update_layout(
        title_text=t("glossary.latency.drawn"),
        xaxis=style.axis(theme, t("glossary.latency.x"), showgrid=False),
        yaxis=style.axis(theme, "", showticklabels=False, showgrid=False, range=[0, 1.35 * float(density.max())]),
    )


def mcnemar(figure: go.Figure, theme: Theme) -> None:
    """Answers that two variants lost and gained, and how likely such a split is by chance."""
    flips = list(examples.FLIPS.values())
    names = [_p_words(mcnemar_p(*pair)) for pair in flips]
    for place, (key, colour) in enumerate((("lost", "pruning"), ("gained", "distillation"))):
        counts = [pair[place] for pair in flips]
        words = [t(f"glossary.mcnemar.{key}", count=count) for count in counts]
        bar = {"marker": {"color": style.FAMILY_COLOURS[colour]}, "hoverinfo": "skip", "cliponaxis": False}
        figure.add_trace(go.Bar(x=counts, y=names, orientation="h", text=words, textposition="outside", **bar))
    most = max(max(pair) for pair in flips)
    figure.update_layout(
        title_text=t("glossary.mcnemar.drawn", inputs=f"{examples.INPUTS:,}"),
        xaxis=style.axis(theme, t("glossary.mcnemar.x"), range=[0, 1.3 * most]),
        yaxis=style.axis(theme, "", showgrid=False),
    )


def _p_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}"


def wilson(figure: go.Figure, theme: Theme) -> None:
    """The interval of one share from fewer and from more inputs."""
    share, colour = examples.RIGHT_SHARE, style.FAMILY_COLOURS["quantization"]
    names = [f"{count:,}" for count in examples.SAMPLES]
    ends = [wilson_interval(round(share * count), count) for count in examples.SAMPLES]
    figure.add_trace(
        go.Scatter(
            x=[100 * share] * len(names),
            y=names,
            mode="markers",
            marker={"color": colour, "size": 10},
            error_x={
                "type": "data",
                "array": [100 * (high - share) for _, high in ends],
                "arrayminus": [100 * (share - low) for low, _ in ends],
                "thickness": 2,
                "color": colour,
            },
            hoverinfo="skip",
        )
    )
    figure.update_layout(
        title_text=t("glossary.wilson.drawn", share=f"{100 * share:g}"),
        xaxis=style.axis(theme, t("glossary.y.accuracy")),
        yaxis=style.axis(theme, t("glossary.wilson.y"), type="category", showgrid=False),
    )


def macro_f1(figure: go.Figure, theme: Theme) -> None:
    """F1 of three classes, one of them rare, and their mean."""
    scores, mean = examples.f1_of_classes()
    names = [t("glossary.macro_f1.class", count=f"{sum(row):,}") for row in examples.ANSWERS]
    figure.add_trace(
        go.Bar(
            x=names,
            y=scores,
            text=[f"{score:.0f}" for score in scores],
            textposition="outside",
            cliponaxis=False,
            marker={"color": style.FAMILY_COLOURS["quantization"]},
            hoverinfo="skip",
        )
    )
    figure.add_hline(y=mean, line={"color": style.INK[theme], "width": 2, "dash": "dash"})
    right = sum(row[place] for place, row in enumerate(examples.ANSWERS))
    accuracy = 100 * right / sum(map(sum, examples.ANSWERS))
    figure.update_layout(
        title_text=t("glossary.macro_f1.drawn", mean=f"{mean:.0f}", accuracy=f"{accuracy:.0f}"),
        xaxis=style.axis(theme, "", showgrid=False),
        yaxis=style.axis(theme, "F1 (%)", range=[0, 105]),
    )


def calibration(figure: go.Figure, theme: Theme) -> None:
    """Confidence against the share of right answers, and how far it is from the diagonal."""
    points = [(100 * share, 100 * hits / count) for share, count, hits in examples.CONFIDENT]
    pens.line(figure, [(50, 50), (100, 100)], style.MUTED[theme], dash="dash", width=1)
    for confidence, right in points:
        pens.line(figure, [(confidence, confidence), (confidence, right)], style.FAMILY_COLOURS["pruning"], width=3)
    pens.dots(figure, points, style.FAMILY_COLOURS["quantization"])
    figure.update_layout(
        title_text=t("glossary.calibration.drawn", error=f"{examples.calibration_of_answers():.1f}"),
        xaxis=style.axis(theme, t("glossary.calibration.x"), range=[48, 102]),
        yaxis=style.axis(theme, t("glossary.calibration.y"), range=[48, 102]),
    )
