"""The trade-off chart for a wall: the same figure with larger words and marks."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.labelling import Area
from explorer.charts.style import Theme
from explorer.charts.tradeoff import TradeoffInfo, labels, tradeoff_figure

FACTOR = 1.4
HEIGHT_PX = 560
PHONE = Area(280 / FACTOR, 200 / FACTOR)
"""What a phone leaves between the axes, of letters that are not enlarged."""
TITLE_LETTERS, SUBTITLE_LETTERS = 40, 46
"""Letters in a line of a title, which Plotly does not wrap by itself."""


def presented_figure(info: TradeoffInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` with every font and mark ``FACTOR`` times as large as on the Trade-offs page."""
    figure = tradeoff_figure(info, theme, HEIGHT_PX)
    figure.layout.title.text = style.wrapped(info.title, TITLE_LETTERS)
    figure.layout.title.subtitle.text = style.wrapped(info.subtitle, SUBTITLE_LETTERS)
    figure.layout.margin.t = round(figure.layout.margin.t * FACTOR)
    for font in _fonts(figure.layout):
        if font.size:
            font.size = round(font.size * FACTOR)
    for note in figure.layout.annotations:
        for offset in ("ax", "ay", "xshift", "yshift", "width"):
            if note[offset] is not None:
                note[offset] = note[offset] * FACTOR
    for shape in figure.layout.shapes:
        if shape.xsizemode == "pixel":
            shape.update({end: shape[end] * FACTOR for end in ("x0", "x1", "y0", "y1")})
    for trace in figure.data:
        if trace.mode == "markers":
            trace.marker.size = _scaled(trace.marker.size)
        else:
            trace.line.width = trace.line.width * FACTOR
    return figure


def crowded(info: TradeoffInfo) -> list[int]:
    """Which words beside marks, by their place among the figure's annotations, would cover something on a phone."""
    fitting = {(label.mark.spot, label.place.side) for label in labels(info, PHONE)}
    shown = [(label.mark.spot, label.place.side) for label in labels(info)]
    return [place for place, words in enumerate(shown) if words not in fitting]


def _fonts(layout: Any) -> list[Any]:
    texts = [layout, layout.title, layout.title.subtitle, layout.legend, layout.hoverlabel, *layout.annotations]
    axes = [font for axis in (layout.xaxis, layout.yaxis) for font in (axis.tickfont, axis.title.font)]
    return [*(text.font for text in texts), *axes]


def _scaled(size: Any) -> Any:
    """One diameter, or one for each mark."""
    return size * FACTOR if isinstance(size, (int, float)) else [one * FACTOR for one in size]
