"""Who measured what a chart shows, and when: a line at the edge of its picture, which may leave its caption behind."""

from __future__ import annotations

from collections.abc import Iterable

import plotly.graph_objects as go

from explorer.charts import style
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variant import Variant

NAME = "credit"
USUAL_HEIGHT_PX, LETTER_PX, LINE_PX, EDGE_PX = 400, 5.2, 14, 8
SHARE = 0.55
"""Of a figure's height; more may be taken by its legend below the axes, and some are drawn less high than they say."""


def credit(rows: Iterable[Variant]) -> str:
    """The machines that measured ``rows``, each with its days, and the devices that others are estimated for."""
    days: dict[str, list[str]] = {}
    devices: dict[str, None] = {}
    for row in rows:
        if row.estimate is not None:
            devices[row.estimate.device] = None
        elif row.available:
            days.setdefault(sentence(row.host), []).append(row.date)
    spans = {host: (min(own), max(own)) for host, own in days.items()}
    places = [f"{host}, {first if first == last else f'{first} – {last}'}" for host, (first, last) in spans.items()]
    measured = t("chart.credit", places=t("word.semicolon").join(places)) if places else ""
    estimated = t("chart.credit.estimated", devices=t("word.semicolon").join(devices)) if devices else ""
    return " ".join(filter(None, (measured, estimated)))


def add_credit(figure: go.Figure, words: str) -> int:
    """Write ``words`` upwards along the right edge, in the grey of the subtitle.

    Returns the line's place among the figure's annotations; a figure that has one keeps it.
    """
    for place, annotation in enumerate(figure.layout.annotations):
        if annotation.name == NAME:
            return place
    height = figure.layout.height or USUAL_HEIGHT_PX
    text = style.wrapped(words, int(SHARE * height / LETTER_PX))
    figure.add_annotation(
        name=NAME,
        text=text,
        textangle=-90,
        align="left",
        showarrow=False,
        font={"size": 11, "color": figure.layout.title.subtitle.font.color},
        **{"x": 1, "xref": "paper", "xanchor": "left", "xshift": EDGE_PX / 2},
        **{"y": 0, "yref": "paper", "yanchor": "bottom"},
    )
    room = EDGE_PX + LINE_PX * (1 + text.count("<br>"))
    figure.update_layout(margin={"r": max(figure.layout.margin.r or 0, room)})
    return len(figure.layout.annotations) - 1
