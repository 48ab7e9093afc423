"""Drawings of words that methods use."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.glossary import examples, pens
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t


def structure(figure: go.Figure, theme: Theme) -> None:
    matrix = examples.weights(6, 10)
    pens.grid(figure, examples.without_smallest(matrix), 0, theme)
    pens.grid(figure, examples.without_columns(matrix), 12, theme)
    pens.bare(figure, t("glossary.structure.drawn"))
    for x, key in ((4.5, "glossary.structure.single"), (14, "glossary.structure.whole")):
        pens.note(figure, x, -1.3, t(key), theme)


def n_of_m(figure: go.Figure, theme: Theme) -> None:
    kept = examples.two_of_four(examples.weights(5, 12))
    for group in range(3):
        pens.grid(figure, kept[:, 4 * group : 4 * group + 4], 5 * group, theme)
    pens.bare(figure, t("glossary.n_of_m.drawn"))


def groups(figure: go.Figure, theme: Theme) -> None:
    """The same weights twice: with one distance between steps, and with one for each group."""
    small, large = 0.3 * examples.weights(1, 8)[0], examples.weights(2, 8)[1]
    both = np.concatenate([small, large])
    together, apart = examples.rounded(both), (examples.rounded(small), examples.rounded(large))
    pens.steps(figure, 0, both, together[1], theme)
    pens.steps(figure, 19, small, apart[0][1], theme)
    pens.steps(figure, 28, large, apart[1][1], theme)
    errors = [np.abs(both - found).mean() for found in (together[0], np.concatenate([apart[0][0], apart[1][0]]))]
    one, each = (significant(float(error), 2) for error in errors)
    for x, words in ((7.5, t("glossary.groups.one", error=one)), (27, t("glossary.groups.each", error=each))):
        pens.note(figure, x, -1.35 * float(np.abs(both).max()), words, theme)
    pens.bare(figure, t("glossary.groups.drawn"), square=False)


def temperature(figure: go.Figure, theme: Theme) -> None:
    classes = ["A", "B", "C", "D"]
    for temperature, colour in ((1.0, style.INK[theme]), (examples.SOFT, style.FAMILY_COLOURS["distillation"])):
        shares = 100 * examples.softmax(examples.LOGITS, temperature)
        figure.add_trace(
            go.Bar(
                x=classes,
                y=shares,
                marker={"color": colour},
                text=[f"{share:.0f}" for share in shares],
                textposition="outside",
                cliponaxis=False,
                hoverinfo="skip",
                name=f"{temperature:g}",
            )
        )
    figure.update_layout(
        title_text=t("glossary.temperature.drawn", soft=f"{examples.SOFT:g}"),
        xaxis=style.axis(theme, t("glossary.temperature.x"), showgrid=False),
        yaxis=style.axis(theme, "%", range=[0, 110]),
    )


def heads(figure: go.Figure, theme: Theme) -> None:
    """What two heads look at in the same words, one grid each."""
    said = t("glossary.heads.words").split()
    count = len(said)
    ramp = [[0, style.GRID[theme]], [1, style.FAMILY_COLOURS["pruning"]]]
    lefts = (0, count + 1)
    for head, left in enumerate(lefts):
        pens.cells(figure, examples.attention(head), range(left, left + count), said, 1, ramp)
    ticks = [left + place for left in lefts for place in range(count)]
    figure.update_layout(
        title_text=t("glossary.heads.drawn"),
        xaxis=style.axis(theme, "", tickvals=ticks, ticktext=said * len(lefts), tickangle=-60, showgrid=False),
        yaxis=style.axis(theme, "", autorange="reversed", showgrid=False),
    )
