"""Drawings of words about how a model is stored and computed."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.glossary import examples, pens
from explorer.charts.style import Theme
from explorer.texts import t


def shared_layers(figure: go.Figure, theme: Theme) -> None:
    """Six layers from left to right, twice, each with the number of its set of weights and in its colour."""
    sets = [style.FAMILY_COLOURS[family] for family in ("sharing", "training", "conversion")]
    for row, (layers, key) in enumerate(zip(examples.SHARED, ("neighbours", "cycle"), strict=True)):
        numbers = np.array([[float(name) for name in layers]])
        words = {"text": [list(layers)], "texttemplate": "%{text}", "textfont": {"size": 13, "color": "#FFFFFF"}}
        ramp = [[place, sets[number]] for place, number in ((0, 0), (0.4, 0), (0.4, 1), (0.8, 1), (0.8, 2), (1, 2))]
        pens.cells(figure, numbers, range(len(layers)), [-2 * row], 3, ramp, **words)
        pens.note(figure, 2.5, -2 * row - 0.9, t(f"glossary.shared_layers.{key}"), theme)
    pens.bare(figure, t("glossary.shared_layers.drawn"))


def fusion(figure: go.Figure, theme: Theme) -> None:
    """What a device does one after the other: three operators each by itself, and as one."""
    memory, computes = style.GRID[theme], style.FAMILY_COLOURS["conversion"]
    ramp = [[0, memory], [0.5, memory], [0.5, computes], [1, computes]]
    arrows = {"r": "↓", "w": "↑"}
    for row, (operators, key) in enumerate(((examples.APART, "apart"), (examples.FUSED, "fused"))):
        done = "".join(operators)
        pens.cells(figure, np.array([[float(one.isdigit()) for one in done]]), range(len(done)), [-2 * row], 1, ramp)
        for place, one in enumerate(done):
            font = {"size": 14, "color": "#FFFFFF" if one.isdigit() else style.INK[theme]}
            figure.add_annotation(x=place, y=-2 * row, text=arrows.get(one, one), showarrow=False, font=font)
        pens.note(figure, (len(done) - 1) / 2, -2 * row - 0.9, t(f"glossary.fusion.{key}"), theme)
    pens.bare(figure, t("glossary.fusion.drawn"))


def half_floats(figure: go.Figure, theme: Theme) -> None:
    """The bits of a number in three formats: its sign, its range, its digits."""
    sign, exponent, fraction = style.MUTED[theme], style.FAMILY_COLOURS["conversion"], style.FAMILY_COLOURS["pruning"]
    ramp = [
        [place, part]
        for part, ends in ((sign, (0, 0.3)), (exponent, (0.3, 0.8)), (fraction, (0.8, 1)))
        for place in ends
    ]
    for row, (wide, fine) in enumerate(examples.FORMATS.values()):
        parts = np.array([[0.0] + [1.0] * wide + [2.0] * fine])
        pens.cells(figure, parts, range(parts.size), [row], 2, ramp)
    for x, key in ((4.5, "range"), (20, "digits")):
        pens.note(figure, x, -1, t(f"glossary.half_floats.{key}"), theme)
    names = list(examples.FORMATS)
    figure.update_layout(
        title_text=t("glossary.half_floats.drawn"),
        xaxis={"visible": False},
        yaxis=style.axis(
            theme, "", tickvals=list(range(len(names))), ticktext=names, range=[2.6, -1.6], showgrid=False
        ),
    )
