"""Charts in one file of HTML that opens anywhere, without a connection, and is as interactive as on a page."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly import io as drawing

from explorer.charts.style import MUTED, PictureFormat, config, file_name

PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
body {{ max-width: 1100px; margin: 2rem auto; padding: 0 1rem; font-family: Arial, Helvetica, sans-serif; }}
figure {{ margin: 0 0 2.5rem; }}
figcaption {{ margin-top: 0.5rem; font-size: 0.85rem; line-height: 1.4; color: {muted}; }}
</style>
</head>
<body>
<h1>{title}</h1>
{charts}
</body>
</html>
"""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""Nothing is loaded from anywhere; pictures are those that the page makes itself."""


def charts_html(
    title: str, figures: Sequence[tuple[str, go.Figure, str]], language: str = "en", form: PictureFormat = "png"
) -> str:
    """The whole file as text, to be written in UTF-8; each figure has a name for screen readers and a caption.

    Its camera buttons save in the picture format ``form``.
    """
    return PAGE.format(
        language=html.escape(language),
        policy=POLICY,
        title=html.escape(title),
        muted=MUTED["light"],
        charts="\n".join(
            f'<figure><div role="figure" aria-label="{html.escape(name)}">{_drawn(figure, place == 0, form)}</div>'
            f"{_caption(caption)}</figure>"
            for place, (name, figure, caption) in enumerate(figures)
        ),
    )


def _caption(text: str) -> str:
    return f"<figcaption>{html.escape(text)}</figcaption>" if text else ""


def _drawn(figure: go.Figure, first: bool, form: PictureFormat) -> str:
    """The first brings Plotly's JavaScript along."""
    buttons = config(form, file_name(figure))
    return str(drawing.to_html(figure, config=buttons, include_plotlyjs=first, full_html=False, default_height="480px"))
