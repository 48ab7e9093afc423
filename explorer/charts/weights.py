"""How the values of one weight lie: a histogram, and the same in words."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.anatomy import Spread
from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t


@dataclass(frozen=True)
class HistogramInfo:
    """One histogram: counts between neighbours of ``edges``."""

    title: str
    subtitle: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def histogram_info(name: str, spread: Spread) -> HistogramInfo:
    """Arrange the histogram of one weight."""
    subtitle = t("models.histogram.subtitle", name=name, count=f"{spread.count:,}")
    return HistogramInfo(t("models.histogram.title"), subtitle, spread.edges, spread.counts)


def spread_words(spread: Spread) -> str:
    """Mean, standard deviation, extremes and what is near zero, in sentences."""
    low, high, mean = (_signed(value) for value in (spread.low, spread.high, spread.mean))
    near, zero = (_percent(share) for share in (spread.near_zero, spread.zero))
    parts = [
        t("models.spread", mean=mean, deviation=significant(spread.deviation), low=low, high=high),
        t("models.spread.near", share=near),
    ]
    parts += [t("models.spread.zero", share=zero)] if spread.zero else []
    parts += [t("models.spread.outside", count=f"{spread.outside:,}")] if spread.outside else []
    return " ".join(parts)


def _percent(share: float) -> str:
    """A share in percent; of one that hardly is any, its digits say nothing."""
    return "< 0.01" if 0 < share < 1e-4 else significant(100 * share)


def _signed(value: float) -> str:
    return ("−" if value < 0 else "") + significant(abs(value))


def histogram_figure(info: HistogramInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` as bars without gaps and a line at zero."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    pairs = list(zip(info.edges[:-1], info.edges[1:], strict=True))
    hovers = [
        t("models.histogram.hover", low=_signed(low), high=_signed(high), count=f"{number:,}")
        for (low, high), number in zip(pairs, info.counts, strict=True)
    ]
    figure.add_trace(
        go.Bar(
            x=[(low + high) / 2 for low, high in pairs],
            y=info.counts,
            width=[high - low for low, high in pairs],
            marker={"color": style.SERIES_COLOURS[0], "line": {"width": 0}},
            customdata=hovers,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    if info.edges[0] <= 0 <= info.edges[-1]:
        figure.add_vline(x=0, line={"color": style.INK[theme], "width": 1.2, "dash": "dash"})
    figure.update_layout(
        height=340,
        bargap=0,
        showlegend=False,
        xaxis=style.axis(theme, t("models.histogram.x"), showgrid=False),
        yaxis=style.axis(theme, t("models.histogram.y"), rangemode="tozero"),
    )
    return figure
