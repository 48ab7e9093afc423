"""Which label got which answer, as a heatmap for one variant or baseline; several stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.texts import t

MOST_WRITTEN = 15
"""With more classes the cells are too small for their counts, which then only show on hovering."""
TITLE_LETTERS = 36
WHITE_FROM: dict[Theme, float] = {"light": 0.92, "dark": 0.0}
"""The share from which on white has more contrast to a cell's colour than black."""


@dataclass(frozen=True)
class ConfusionInfo:
    """One panel: ``counts[label][answer]``, as shares of each label's inputs in ``shares`` (0 to 1)."""

    title: str
    subtitle: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]
    hovers: tuple[tuple[str, ...], ...]


def confusion_info(
    title: str, subtitle: str, labels: Sequence[str], confusion: Sequence[Sequence[int]]
) -> ConfusionInfo:
    """Arrange a confusion matrix; the shares make classes of different size comparable."""
    sums = [max(1, sum(row)) for row in confusion]
    return ConfusionInfo(
        title=title,
        subtitle=subtitle,
        labels=tuple(labels),
        counts=tuple(tuple(row) for row in confusion),
        shares=tuple(tuple(count / total for count in row) for row, total in zip(confusion, sums, strict=True)),
        hovers=tuple(
            tuple(_hover(label, answer, count, total) for answer, count in zip(labels, row, strict=True))
            for label, row, total in zip(labels, confusion, sums, strict=True)
        ),
    )


def _hover(label: str, answer: str, count: int, total: int) -> str:
    words = {"label": style.plain(label), "answer": style.plain(answer)}
    return t("chart.confusion.hover", count=count, share=f"{100 * count / total:.1f}", **words)


def confusion_figure(info: ConfusionInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` in one colour: the darker (in the dark theme: brighter), the larger the share of the label."""
    names = [style.plain(label) for label in info.labels]
    layout = style.base_layout(theme, info.title, info.subtitle, TITLE_LETTERS)
    figure = go.Figure(layout=layout)
    figure.add_trace(
        go.Heatmap(
            z=info.shares,
            x=names,
            y=names,
            text=_written(info, theme) if len(names) <= MOST_WRITTEN else None,
            texttemplate="%{text}",
            textfont={"size": 13 if len(names) <= 6 else 11},
            customdata=info.hovers,
            hovertemplate="%{customdata}<extra></extra>",
            colorscale=[[0, style.GRID[theme]], [1, style.RAMP]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    broken = max(1, layout["title"]["text"].count("<br>"))  # with one line as with two: cells stand side by side
    figure.update_layout(
        height=320 if len(names) <= 6 else 380,
        margin={"t": 68 + 18 * broken},
        xaxis=style.axis(theme, t("chart.confusion.x"), type="category", showgrid=False),
        yaxis=style.axis(theme, t("chart.confusion.y"), type="category", showgrid=False, autorange="reversed"),
    )
    return figure


def _written(info: ConfusionInfo, theme: Theme) -> list[list[str]]:
    """The counts, each in the colour that can be read on its cell: Plotly's own is too pale on some."""
    inks = [["#FFFFFF" if share >= WHITE_FROM[theme] else "#000000" for share in row] for row in info.shares]
    return [
        [f'<span style="color:{ink}">{count}</span>' for ink, count in zip(row, counts, strict=True)]
        for row, counts in zip(inks, info.counts, strict=True)
    ]
