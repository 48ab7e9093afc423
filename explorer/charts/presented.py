"""The trade-off chart for a wall: the same figure with larger words and marks."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.labelling import Area
from explorer.charts.style import Theme
from explorer.charts.tradeoff import TradeoffInfo, covering, labels, tradeoff_figure

TypeSize = Literal["normal", "large", "largest"]
FACTORS: dict[TypeSize, float] = {"normal": 1.4, "large": 1.75, "largest": 2.1}
"""How many times as large as on the Trade-offs page words and marks are."""
HEIGHT_PX = 560
STAGE = tuple(Area(width, height) for width in (400, 560, 780, 1060, 1400) for height in (130, 160, 200, 260, 340, 450))
"""What windows leave between the axes, of letters that are not enlarged: from a small projector's to a large screen's.
"""
BESIDE = tuple(Area(width, height) for width in (250, 400, 560) for height in (130, 200, 340))
"""The same for a chart beside another one."""
PHONE_WIDTH_PX, PHONE_HEIGHT = 280, 140
"""The same on a phone, where letters of any size share the width, and the chart is the higher the larger they are."""
TITLE_LETTERS, SUBTITLE_LETTERS = 56, 64
"""Letters in a line of a title, which Plotly does not wrap by itself, were they not enlarged."""


def presented_figure(
    info: TradeoffInfo, theme: Theme = "light", size: TypeSize = "normal", beside: bool = False
) -> go.Figure:
    """Draw ``info`` with every font and mark as many times as large as on the Trade-offs page as ``size`` asks for.

    ``beside`` says that it stands beside another one, and so has less room.
    """
    factor = FACTORS[size]
    figure = tradeoff_figure(info, theme, HEIGHT_PX, areas=BESIDE if beside else STAGE)
    _head(figure.layout, info, factor)
    # at the lower edge, since a share of the height would put it over the axis' title on a low chart
    figure.layout.legend.update(yref="container", y=0, yanchor="bottom")
    for font in _fonts(figure.layout):
        if font.size:
            font.size = round(font.size * factor)
    for note in figure.layout.annotations:
        for offset in ("ax", "ay", "xshift", "yshift", "width"):
            if note[offset] is not None:
                note[offset] = note[offset] * factor
    for shape in figure.layout.shapes:
        if shape.xsizemode == "pixel":
            shape.update({end: shape[end] * factor for end in ("x0", "x1", "y0", "y1")})
    for trace in figure.data:
        if trace.mode == "markers":
            trace.marker.size = _scaled(trace.marker.size, factor)
        else:
            trace.line.width = trace.line.width * factor
    return figure


def _head(layout: Any, info: TradeoffInfo, factor: float) -> None:
    """Break the titles into lines of larger letters, and give each line its room above the axes."""
    above = style.wrapped(info.title, round(TITLE_LETTERS / factor))
    below = style.wrapped(info.subtitle, round(SUBTITLE_LETTERS / factor))
    more = (
        above.count("<br>") - layout.title.text.count("<br>"),
        below.count("<br>") - layout.title.subtitle.text.count("<br>"),
    )
    layout.title.text, layout.title.subtitle.text = above, below
    layout.title.pad.t = round(style.title_pad(above) * factor)
    layout.margin.t = round(
        (layout.margin.t + style.TITLE_LINE_PX * more[0] + style.SUBTITLE_LINE_PX * more[1]) * factor
    )


def crowded(info: TradeoffInfo, size: TypeSize = "normal", beside: bool = False) -> list[int]:
    """Which words beside marks, by their place among the figure's annotations, would cover something on a phone."""
    return covering(info, labels(info, BESIDE if beside else STAGE), Area(PHONE_WIDTH_PX / FACTORS[size], PHONE_HEIGHT))


def _fonts(layout: Any) -> list[Any]:
    texts = [layout, layout.title, layout.title.subtitle, layout.legend, layout.hoverlabel, *layout.annotations]
    axes = [font for axis in (layout.xaxis, layout.yaxis) for font in (axis.tickfont, axis.title.font)]
    return [*(text.font for text in texts), *axes]


def _scaled(size: Any, factor: float) -> Any:
    """One diameter, or one for each mark."""
    return size * factor if isinstance(size, (int, float)) else [one * factor for one in size]
