"""How sure a model is of each class, for one input: bars to be read from the back of a room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.texts import t

MOST = 3
"""So many of the most probable classes have bars of their own."""
FAINT = 0.45
LARGEST = 145
"""Percent at the axis' end: beside a full bar there is room for "> 99 %" also where two charts stand side by side."""


@dataclass(frozen=True)
class ConfidenceInfo:
    """Percent by class in the order of the classes, at last all others together.

    ``best`` is the place of the most probable class, ``family`` that of the model, for its colour.
    """

    title: str
    x_title: str
    labels: tuple[str, ...]
    percent: tuple[float, ...]
    best: int
    family: str
    alt: str


def confidence_info(
    name: str, labels: Sequence[str], probabilities: Sequence[float], family: str, right: int | None = None
) -> ConfidenceInfo:
    """The bars of one model, called ``name``: the most probable three classes, the ``right`` one, and the others.

    ``right`` is the number of the right class, None where nobody knows it. One other class has a bar of its own.
    """
    ranked = sorted(range(len(probabilities)), key=lambda place: -probabilities[place])
    shown = sorted({*ranked[:MOST], *([] if right is None else [right])})
    others = [place for place in ranked if place not in shown]
    if len(others) == 1:
        shown, others = sorted(shown + others), []
    rest = [(t("chart.confidence.others", count=len(others)), sum(probabilities[place] for place in others))]
    bars = [(labels[place], probabilities[place]) for place in shown] + (rest if others else [])
    words = ", ".join(f"{labels[place]} {_percent(100 * probabilities[place])}" for place in ranked[:3])
    return ConfidenceInfo(
        title=t("chart.confidence.title"),
        x_title=t("chart.confidence.x"),
        labels=tuple(label for label, _ in bars),
        percent=tuple(100 * share for _, share in bars),
        best=shown.index(ranked[0]),
        family=family,
        alt=t("chart.confidence.alt", name=name, words=words),
    )


def confidence_figure(info: ConfidenceInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` as horizontal bars, the most probable class in full colour."""
    figure = go.Figure(layout=style.base_layout(theme, info.title))
    places = range(len(info.labels))
    figure.add_trace(
        go.Bar(
            y=list(places),
            x=info.percent,
            orientation="h",
            text=[_percent(share) for share in info.percent],
            textposition="outside",
            textfont={"size": 15, "color": style.INK[theme]},
            cliponaxis=False,
            hoverinfo="skip",
            marker={
                "color": style.family_colour(info.family, theme),
                "opacity": [1.0 if place == info.best else FAINT for place in places],
            },
        )
    )
    ticks = {"tickvals": list(places), "ticktext": [style.wrapped(label, 24) for label in info.labels]}
    figure.update_layout(
        height=96 + 30 * len(info.labels),
        bargap=0.25,
        showlegend=False,
        xaxis=style.axis(
            theme, info.x_title, range=[0, LARGEST], tickvals=[0, 50, 100], ticksuffix=" %", fixedrange=True
        ),
        yaxis=style.axis(theme, "", autorange="reversed", showgrid=False, fixedrange=True, **ticks),
    )
    figure.update_yaxes(tickfont={"size": 15, "color": style.INK[theme]})
    return figure


def _percent(share: float) -> str:
    """Never a round 100 or 0 for what is not quite that."""
    if 99.5 <= share < 100 or 0 < share < 0.5:
        return "> 99 %" if share > 50 else "< 1 %"
    return f"{share:.0f} %"
