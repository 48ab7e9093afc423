"""Chosen variants side by side as shares of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t

LABEL_SHARE = 0.2
"""How much of the axis a label takes where the window is narrow."""
BETWEEN, APART = 0.7, "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}"
"""Room between two categories in bars, and what keeps a label from its bar and the line."""
AROUND_PX, ROW_PX, LINE_PX, AXIS_PX = 190, 20, 16, 58
"""What stands around the bars, one bar, a line of a quantity's name, and the numbers and the title below them."""
NAME_LETTERS = 18
"""As many letters of a quantity's name stand in one line."""


@dataclass(frozen=True)
class Bars:
    """One variant: by quantity its share of the baseline in percent (None: not measured) and its figures in words.

    ``intervals`` are the 95 % ones of those shares that have one, in percent.
    """

    run: str
    label: str
    shares: dict[str, float | None]
    words: dict[str, str]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def end(self, category: str) -> float | None:
        """Where its bar ends, with its interval."""
        share = self.shares.get(category)
        return None if share is None else max(share, *self.intervals.get(category, ()), share)


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
    """Draw ``info`` as grouped horizontal bars with a line at the baseline; what was not measured takes no room."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    names = [style.wrapped(category, NAME_LETTERS) for category in info.categories]
    rows, middles, last = _rows(info, names)
    longest = max([100.0, *(end for bars in info.variants for name in info.categories if (end := bars.end(name)))])
    across = (1 + LABEL_SHARE) * longest
    for index, bars in enumerate(info.variants):
        measured = {name: rows[index, name] for name in info.categories if (index, name) in rows}
        colour = style.SERIES_COLOURS[index % len(style.SERIES_COLOURS)]
        figure.add_trace(_labels_trace(index, bars, measured, across, theme))
        figure.add_trace(_bars_trace(index, bars, measured, colour, theme))
    figure.add_vline(x=100, line={"color": style.INK[theme], "width": 1.4, "dash": "dash"})
    ticks = {"tickmode": "array", "tickvals": middles, "ticktext": names}
    figure.update_layout(
        height=AROUND_PX + round(ROW_PX * last),
        barmode="overlay",
        xaxis=style.axis(theme, info.x_title, range=[0, across], ticksuffix=" %"),
        yaxis=style.axis(theme, "", range=[last - 0.5, -0.5], showgrid=False, **ticks),
        legend={"traceorder": "normal", "y": -AXIS_PX / (ROW_PX * last)},
    )
    return figure


def _rows(info: CompareInfo, names: Sequence[str]) -> tuple[dict[tuple[int, str], float], list[float], float]:
    """Where the bar of each variant (by its number) and quantity lies, the middle of each quantity, and the end.

    All are counted in bars from above. A quantity takes the room of its bars or of the lines of its name.
    """
    rows: dict[tuple[int, str], float] = {}
    middles, start = [], 0.0
    for category, name in zip(info.categories, names, strict=True):
        present = [index for index, bars in enumerate(info.variants) if bars.shares.get(category) is not None]
        room = BETWEEN + max(len(present), (1 + name.count("<br>")) * LINE_PX / ROW_PX)
        middles.append(start + (room - 1) / 2)
        rows |= {(i, category): middles[-1] + place - (len(present) - 1) / 2 for place, i in enumerate(present)}
        start += room
    return rows, middles, start


def _bars_trace(index: int, bars: Bars, rows: dict[str, float], colour: str, theme: Theme) -> go.Bar:
    """One variant's bars with their intervals."""
    shares = [bars.shares[name] or 0.0 for name in rows]
    ends = [bars.intervals.get(name) for name in rows]
    return go.Bar(
        y=list(rows.values()),
        x=shares,
        width=0.9,
        orientation="h",
        name=style.wrapped(bars.label, 40),
        legendgroup=str(index),
        customdata=[[bars.run]] * len(rows),
        hovertext=[style.plain(f"{bars.label} · {name}: {bars.words.get(name, '')}") for name in rows],
        hoverinfo="text",
        marker={"color": colour},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [pair and pair[1] - share for share, pair in zip(shares, ends, strict=True)],
            "arrayminus": [pair and share - pair[0] for share, pair in zip(shares, ends, strict=True)],
            "color": style.INK[theme],
            "thickness": 1.5,
            "width": 0,
        },
    )


def _labels_trace(index: int, bars: Bars, rows: dict[str, float], across: float, theme: Theme) -> go.Scatter:
    """The percent at the ends of one variant's bars, or beyond the baseline's line, which none may cross."""
    ends = [bars.end(name) or 0.0 for name in rows]
    return go.Scatter(
        y=list(rows.values()),
        x=[100.0 if 100 - LABEL_SHARE * across < end < 100 else end for end in ends],
        mode="text",
        text=[f"{APART}{significant(bars.shares[name] or 0.0)} %" for name in rows],
        textposition="middle right",
        textfont={"size": 12, "color": style.MUTED[theme]},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        legendgroup=str(index),
    )
