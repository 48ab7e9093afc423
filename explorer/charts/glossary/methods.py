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


def low_rank(figure: go.Figure, theme: Theme) -> None:
    """A matrix, and the two thin ones whose product comes close to it."""
    matrix = examples.weights(8, 8)
    left, right = examples.thin_pair(matrix, 2)
    pens.grid(figure, matrix, 0, theme)
    pens.grid(figure, left, 10, theme)
    pens.grid(figure, right, 14, theme)
    numbers = {"whole": matrix.size, "thin": left.size + right.size}
    pens.bare(figure, t("glossary.low_rank.drawn", **numbers))
    for x, words in ((3.5, f"8 × 8 = {matrix.size}"), (15, f"8 × 2 + 2 × 8 = {numbers['thin']}")):
        pens.note(figure, x, -1.5, words, theme)


def palette(figure: go.Figure, theme: Theme) -> None:
    """Weights as dots over the values of their palette."""
    values = np.sort(examples.weights(1, 24)[0])
    centres, _ = examples.palette(values, examples.PALETTE)
    for centre in centres.tolist():
        pens.line(figure, [(-1, centre), (len(values), centre)], style.FAMILY_COLOURS["sharing"], width=2)
    points = [(float(place), float(value)) for place, value in enumerate(values)]
    pens.dots(figure, points, style.FAMILY_COLOURS["quantization"])
    pens.bare(figure, t("glossary.palette.drawn", weights=len(values), values=len(centres)), square=False)


def alpha(figure: go.Figure, theme: Theme) -> None:
    """The two things that a student learns from: the label and the teacher's answer."""
    classes = ["A", "B", "C", "D"]
    label, teacher = np.array([100.0, 0, 0, 0]), 100 * examples.softmax(examples.LOGITS, examples.SOFT)
    for shares, colour in ((label, style.INK[theme]), (teacher, style.FAMILY_COLOURS["distillation"])):
        pens.shares(figure, classes, shares, colour)
    figure.update_layout(
        title_text=t("glossary.alpha.drawn"),
        xaxis=style.axis(theme, t("glossary.temperature.x"), showgrid=False),
        yaxis=style.axis(theme, "%", range=[0, 118]),
    )


def calibration_data(figure: go.Figure, theme: Theme) -> None:
    """What flows through a layer over the calibration inputs, and the range that is taken from it."""
    values = examples.activations()
    bars = {"color": style.FAMILY_COLOURS["quantization"]}
    figure.add_trace(go.Histogram(x=values, nbinsx=30, marker=bars, hoverinfo="skip"))
    for end, place in ((float(values.min()), "top right"), (float(values.max()), "top left")):
        label = {"text": significant(end), "font": {"size": 12, "color": style.INK[theme]}}
        line = {"color": style.INK[theme], "width": 1, "dash": "dash"}
        figure.add_vline(x=end, line=line, annotation=label, annotation_position=place)
    figure.update_layout(
        title_text=t("glossary.calibration_data.drawn", inputs=len(values)),
        xaxis=style.axis(theme, t("glossary.calibration_data.x"), showgrid=False),
        yaxis=style.axis(theme, "", showticklabels=False, showgrid=False),
        bargap=0.05,
    )


def temperature(figure: go.Figure, theme: Theme) -> None:
    classes = ["A", "B", "C", "D"]
    for temperature, colour in ((1.0, style.INK[theme]), (examples.SOFT, style.FAMILY_COLOURS["distillation"])):
        shares = 100 * examples.softmax(examples.LOGITS, temperature)
        pens.shares(figure, classes, shares, colour)
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
