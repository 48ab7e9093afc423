"""How every chart looks: two themes, one fixed colour per technique family, quiet axes."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable
from typing import Any, Literal

import plotly.graph_objects as go

Theme = Literal["light", "dark"]

# After Okabe and Ito's colour-blind-safe set, of which only some keep a contrast of 3:1 on both backgrounds. Eight such
# colours lie close together for eyes that lack one kind of cones; these were moved apart as far as they stay what they
# are called: no two are nearer than 9 by CIEDE2000 to eyes that lack any one.
FAMILY_COLOURS = {
    "pruning": "#CD7217",
    "quantization": "#0181E3",
    "distillation": "#19A686",
    "training": "#6737FF",
    "factorization": "#6C6541",
    "sharing": "#CA0F70",
    "conversion": "#057693",
    "combined": "#C27CB6",
}
FONTS = "Arial, Helvetica, sans-serif"
"""Of the system, since a saved picture knows no other: the page's own would be measured and not drawn there."""
BACKGROUNDS: dict[Theme, str] = {"light": "#FFFFFF", "dark": "#14171C"}
INK: dict[Theme, str] = {"light": "#262B33", "dark": "#E6E8EB"}
MUTED: dict[Theme, str] = {"light": "#646C79", "dark": "#9AA3AF"}
GRID: dict[Theme, str] = {"light": "#E8EAED", "dark": "#2A2F37"}
INTERVAL: dict[Theme, str] = {"light": "#8A929C", "dark": "#65707E"}

SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "pentagon", "hexagon", "star", "cross", "x", "triangle-down",
    "triangle-left", "triangle-right",
)  # fmt: skip
"""Each has an open, a dotted and a dotted open sister."""
SERIES_COLOURS = tuple(
    FAMILY_COLOURS[family]
    for family in ("quantization", "pruning", "distillation", "combined", "training", "factorization", "conversion")
)
RAMP = "#0072B2"
"""The full end of a scale of one colour, on which white words are read."""
DASHES = ("solid", "dot", "dash", "dashdot")

FORBIDDEN, MOST_LETTERS = re.compile(r'[\x00-\x1f/\\:*?"<>|]'), 80
PictureFormat = Literal["png", "svg"]
PICTURE_FORMATS: tuple[PictureFormat, ...] = ("png", "svg")


def config(picture: PictureFormat = "png", name: str = "chart", **more: Any) -> dict[str, Any]:
    """The buttons of a chart; the one with the camera saves a ``picture`` as a file with this ``name``."""
    return {
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtonsToRemove": ["lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        "toImageButtonOptions": {"format": picture, "scale": 1 if picture == "svg" else 2, "filename": name},
        **more,
    }


CONFIG = config()


def file_name(figure: go.Figure) -> str:
    """A file's name for a picture of the figure: its title and subtitle, without what no file system takes."""
    title = figure.layout.title
    words = " ".join(filter(None, (title.text, title.subtitle.text))).replace("<br>", " ")
    return " ".join(FORBIDDEN.sub(" ", html.unescape(words)).split())[:MOST_LETTERS].strip(". ") or "chart"


def symbols(models: Iterable[str]) -> dict[str, str]:
    """The symbol of each model, by its place among all that are known; after the last of ``SYMBOLS`` they repeat."""
    return {model: SYMBOLS[place % len(SYMBOLS)] for place, model in enumerate(dict.fromkeys(models))}


def series_line(place: int) -> dict[str, str]:
    """Colour and dash of the line of one of several series: the dash changes where the colours begin anew."""
    round_, colour = divmod(place, len(SERIES_COLOURS))
    return {"color": SERIES_COLOURS[colour], "dash": DASHES[round_ % len(DASHES)]}


def faded(colour: str, opacity: float = 0.4) -> str:
    """A colour of six hexadecimal digits that lets what lies below it be seen."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def family_colour(family: str, theme: Theme) -> str:
    """The colour of a family; the baseline is drawn in the colour of the text."""
    return FAMILY_COLOURS.get(family, INK[theme])


def mixed(colour: str, ground: str, share: float) -> str:
    """``share`` of a colour (``rgb(…)``) on a background (``#…``)."""
    above = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    below = [int(ground[place : place + 2], 16) for place in (1, 3, 5)]
    parts = (round(share * one + (1 - share) * other) for one, other in zip(above, below, strict=True))
    return f"rgb({', '.join(map(str, parts))})"


ABOVE_TITLE_PX, TITLE_LINE_PX, SUBTITLE_LINE_PX = 8, 20, 16
TITLE_LETTERS = 52
"""As many letters of a title stand in one line of a chart of usual width."""


def base_layout(theme: Theme, title: str, subtitle: str = "", letters: int = TITLE_LETTERS) -> dict[str, Any]:
    """The layout that all figures share; above the axes there is room for every line of the title, of ``letters``."""
    above, below = wrapped(title, letters), wrapped(subtitle, 64)
    top = 36 + TITLE_LINE_PX * above.count("<br>") + (28 + SUBTITLE_LINE_PX * below.count("<br>") if subtitle else 0)
    return {
        "title": {
            "text": above,
            "subtitle": {"text": below, "font": {"size": 12, "color": MUTED[theme]}},
            "font": {"size": 15, "color": INK[theme], "weight": 600},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": title_pad(above)},
        },
        "font": {"family": FONTS, "size": 13, "color": INK[theme]},
        "paper_bgcolor": BACKGROUNDS[theme],
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 12, "t": top, "b": 8},
        "hoverlabel": {
            "align": "left",
            "bgcolor": BACKGROUNDS[theme],
            "bordercolor": MUTED[theme],
            "font": {"family": FONTS, "color": INK[theme], "size": 13},
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": -0.2,
            "yanchor": "top",
            "font": {"size": 12},
            "itemsizing": "constant",
            "title": {"text": ""},
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": INTERVAL[theme],
            "activecolor": INK[theme],
            "orientation": "v",
        },
    }


def title_pad(above: str) -> int:
    """Pixels above a title in lines, which Plotly centres on the place of the first one."""
    return ABOVE_TITLE_PX + TITLE_LINE_PX // 2 * above.count("<br>")


def axis(theme: Theme, title: str, **more: Any) -> dict[str, Any]:
    """One axis: thin grid, no zero line, a title in grey."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": MUTED[theme]}, "standoff": 8},
        "gridcolor": GRID[theme],
        "linecolor": GRID[theme],
        "tickfont": {"size": 12, "color": MUTED[theme]},
        "zeroline": False,
        "automargin": True,
        **more,
    }


def plain(text: str) -> str:
    """Text from people or files, safe inside Plotly's small HTML."""
    return html.escape(text, quote=False)


def wrapped(text: str, width: int) -> str:
    """Safe text broken into lines, for places that do not wrap by themselves."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, width))
