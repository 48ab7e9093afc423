"""Chosen variants side by side as shares of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t

LABEL_SHARE = 0.14
"""How much of the axis a label takes where the window is narrow."""
BETWEEN, APART = 0.3, "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}"
"""Share of a category that is left free, and what keeps a label from its bar and the line."""
AROUND_PX, ROW_PX, AXIS_PX = 190, 24, 58
"""What stands around the bars, one bar with its share of the gaps, and the numbers and the title below them."""


@dataclass(frozen=True)
class Bars:
    """One variant: by quantity its share of the baseline in percent (None: not measured) and its figures in words."""

    run: str
    label: str
    shares: dict[str, float | None]
    words: dict[str, str]


@dataclass(frozen=True)
class CompareInfo:
    """Bars of all variants; ``categories`` are the quantities in order."""

    title: str
    subtitle: str
    x_title: str
    categories: tuple[str, ...]
    variants: tuple[Bars, ...]


def compare_info(variants: Sequence[Bars]) -> CompareInfo:
    """Arrange the variants; a category that none of them has is left out."""
    categories = dict.fromkeys(key for bars in variants for key, share in bars.shares.items() if share is not None)
    return CompareInfo(
        t("chart.compare.title"), t("chart.compare.subtitle"), t("chart.compare.x"), tuple(categories), tuple(variants)
    )


def compare_figure(info: CompareInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` as grouped horizontal bars with a line at the baseline."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    names = [style.wrapped(category, 18) for category in info.categories]
    longest = max([100.0, *(share for bars in info.variants for share in bars.shares.values() if share)])
    across = (1 + LABEL_SHARE) * longest
    for index, bars in enumerate(info.variants):
        shares = [bars.shares.get(category) for category in info.categories]
        figure.add_trace(_labels_trace(index, names, shares, across, theme))
        figure.add_trace(
            go.Bar(
                y=names,
                x=shares,
                orientation="h",
                name=style.wrapped(bars.label, 40),
                legendgroup=str(index),
                offsetgroup=str(index),
                customdata=[[bars.run]] * len(names),
                hovertext=[style.plain(f"{bars.label} · {c}: {bars.words.get(c, '')}") for c in info.categories],
                hoverinfo="text",
                marker={"color": style.SERIES_COLOURS[index % len(style.SERIES_COLOURS)]},
            )
        )
    figure.add_vline(x=100, line={"color": style.INK[theme], "width": 1.4, "dash": "dash"})
    rows = max(len(info.categories) * len(info.variants), 1)
    figure.update_layout(
        height=AROUND_PX + ROW_PX * rows,
        bargap=BETWEEN,
        scattermode="group",
        scattergap=BETWEEN,
        xaxis=style.axis(theme, info.x_title, range=[0, across], ticksuffix=" %"),
        yaxis=style.axis(theme, "", autorange="reversed", showgrid=False),
        legend={"traceorder": "normal", "y": -AXIS_PX / (ROW_PX * rows)},
    )
    return figure


def _labels_trace(
    index: int, names: list[str], shares: Sequence[float | None], across: float, theme: Theme
) -> go.Scatter:
    """The percent at the ends of one variant's bars, or beyond the baseline's line, which none may cross."""
    return go.Scatter(
        y=names,
        x=[100.0 if share and 100 - LABEL_SHARE * across < share < 100 else share for share in shares],
        orientation="h",
        mode="text",
        text=["" if share is None else f"{APART}{significant(share)} %" for share in shares],
        textposition="middle right",
        textfont={"size": 11, "color": style.MUTED[theme]},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        legendgroup=str(index),
        offsetgroup=str(index),
    )
