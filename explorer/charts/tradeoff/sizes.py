"""The third quantity of the trade-off chart: how large it makes the marks, and the few marks that explain it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.labelling import width_px
from explorer.charts.style import Theme, plain
from explorer.quantities import GAINS, QUANTITIES, Band, Quantity
from explorer.texts import t
from explorer.variant import Variant

MANY_MARKS = 60
SMALLEST, LARGEST, USUAL = 8.0, 28.0, 11.0
GAP_PX, ROW_PX = 5.0, LARGEST + 8


@dataclass(frozen=True)
class SizeScale:
    """Diameters in pixels by a quantity between its least and its largest value, ``low`` and ``high``.

    ``shrunk`` makes all of them smaller where there are many.

    Areas of costs are in proportion to the values, as an eye compares them; where the least would be too small to be
    seen then, the diameter grows by the same step each time the value is multiplied by the same factor. Accuracies
    differ by too little for that, and differences can be negative: their diameters grow evenly between the two ends.
    """

    quantity: Quantity
    low: float
    high: float
    shrunk: float = 1.0

    @property
    def evenly(self) -> bool:
        """Whether diameters grow evenly from ``low`` to ``high``."""
        return self.quantity.key in GAINS

    @property
    def by_factors(self) -> bool:
        """Whether diameters follow the logarithm."""
        return not self.evenly and self.low * (LARGEST / SMALLEST) ** 2 < self.high

    def diameter(self, value: float | None) -> float:
        """Of one mark; what is not known has the usual one."""
        if value is None or not has_size(self.quantity, value):
            return USUAL * self.shrunk
        if self.evenly:
            share = (value - self.low) / (self.high - self.low) if self.low < self.high else 0.5
            return (SMALLEST + (LARGEST - SMALLEST) * share) * self.shrunk
        if not self.by_factors:
            return LARGEST * math.sqrt(value / self.high) * self.shrunk
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return (SMALLEST + (LARGEST - SMALLEST) * share) * self.shrunk

    def steps(self) -> tuple[float, ...]:
        """The values that explain it: the least, one between in size, and the largest; one where all are alike."""
        if self.low == self.high:
            return (self.high,)
        return self.low, self._value(0.5), self.high

    def bands(self) -> tuple[Band, ...]:
        """The values that look most like each step: up to half-way, in size, to the next."""
        ends = [-math.inf, *(self._value(share) for share in (0.25, 0.75) if self.low < self.high), math.inf]
        return tuple(Band(self.quantity, *pair) for pair in pairwise(ends))

    def _value(self, share: float) -> float:
        """The value whose diameter lies so far between the smallest and the largest."""
        if self.evenly:
            return self.low + (self.high - self.low) * share
        if self.by_factors:
            return float(self.low * (self.high / self.low) ** share)
        low, high = math.sqrt(self.low), math.sqrt(self.high)
        return (low + (high - low) * share) ** 2


def size_scale(rows: Sequence[Variant], size: str) -> SizeScale | None:
    """By the quantity ``size`` of these rows; None without one and where it is not known of any."""
    quantity = QUANTITIES.get(size)
    if not quantity:
        return None
    values = [value for row in rows if (value := quantity.of(row)) is not None and has_size(quantity, value)]
    if not values:
        return None
    return SizeScale(quantity, min(values), max(values), math.sqrt(thinned(len(rows))))


def has_size(quantity: Quantity, value: float) -> bool:
    """Whether a value can be the size of a mark: a cost of nothing or less cannot."""
    return value > 0 or quantity.key in GAINS


def thinned(count: int) -> float:
    """How much of their colour and area marks keep that stand among so many."""
    return min(1.0, math.pow(MANY_MARKS / count, 0.2))


def add_size_legend(figure: go.Figure, scale: SizeScale, theme: Theme) -> None:
    """A row between the title and the plotting area: the quantity's name, and marks beside their values.

    Plotly's own legend draws no mark larger than 16 pixels. What a page filters away when a mark is clicked is the name
    of the annotation on it: marks of about that size.
    """
    figure.layout.margin.t += ROW_PX
    unit = f" ({scale.quantity.unit})" if scale.quantity.unit else ""
    name = t("chart.size", quantity=f"{scale.quantity.title}{unit}")
    left = _write(figure, name, 0.0, theme) + GAP_PX
    bands = scale.bands()
    for value, band in zip(scale.steps(), bands, strict=True):
        across = scale.diameter(value)
        figure.add_shape(
            type="circle",
            xref="paper",
            yref="paper",
            xsizemode="pixel",
            ysizemode="pixel",
            xanchor=0,
            yanchor=1,
            x0=left,
            x1=left + across,
            y0=(ROW_PX - across) / 2,
            y1=(ROW_PX + across) / 2,
            fillcolor=style.MUTED[theme],
            line={"width": 0},
        )
        words = scale.quantity.bare(value)
        entry = {"width": across + GAP_PX + width_px(words), "align": "right", "borderpad": 0}
        clicked = _clicked(band, figure.layout.hoverlabel) if len(bands) > 1 else {}
        left = _write(figure, words, left, theme, **entry, **clicked) + 2 * GAP_PX


def _clicked(band: Band, hoverlabel: Any) -> dict[str, Any]:
    """What makes an annotation that can be clicked and says under the pointer what it stands for."""
    looks = {key: hoverlabel.to_plotly_json()[key] for key in ("bgcolor", "bordercolor", "font")}
    return {"name": str(band), "hovertext": plain(band.title), "hoverlabel": looks, "captureevents": True}


def _write(figure: go.Figure, words: str, left: float, theme: Theme, **more: Any) -> float:
    """Words in the row from ``left`` pixels on, with ``more`` properties of the annotation; returns where they end."""
    figure.add_annotation(
        text=plain(words),
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="middle",
        xshift=left,
        yshift=ROW_PX / 2,
        showarrow=False,
        font={"size": 12, "color": style.MUTED[theme]},
        **more,
    )
    return left + float(more.get("width", width_px(words)))
