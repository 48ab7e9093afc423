"""Small drawings that explain uncommon words, each computed from an example; fronts and tests as for real runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer import pareto
from explorer.charts import style
from explorer.charts.style import Theme
from explorer.charts.tradeoff import staircase
from explorer.measure.statistics import mcnemar_p, paired_difference
from explorer.quantities import significant
from explorer.technique import Technique
from explorer.texts import t

Floats = NDArray[np.float64]

HEIGHT_PX, TITLE_LETTERS = 230, 46
BETTER = (False, True)
VARIANTS = ((92, 80.0), (61, 79.7), (47, 79.2), (24, 78.6), (15, 74.2), (12, 69.8), (70, 77.4), (52, 75.9), (33, 76.3))
"""Sizes in MB and accuracies in percent of nine variants."""
WORST = (100.0, 68.0)
LOGITS, SOFT = (6.0, 3.5, 2.0, 0.5), 4.0
INPUTS, RIGHT = 2000, 1600
FLIPS = {"b": (120, 40), "a": (30, 22)}
"""Answers lost and gained by two variants of a model that gets ``RIGHT`` of ``INPUTS`` right."""
MEDIAN_MS, SPREAD = 5.0, 0.35
STEPS = 3
"""Steps on either side of zero."""


@dataclass(frozen=True)
class Words:
    """What is said with a drawing."""

    title: str
    text: str
    alt: str


def words(name: str) -> Words:
    """The texts of one of ``WORDS``."""
    return Words(t(f"glossary.{name}.title"), t(f"glossary.{name}.text"), t(f"glossary.{name}.alt"))


def words_of(technique: type[Technique]) -> tuple[str, ...]:
    """The words that a technique's own declaration uses."""
    parameters = {parameter.name: parameter for parameter in technique.parameters()}
    pattern = parameters.get("pattern")
    n_of_m = pattern is not None and all(":" in str(option) for option in pattern.options)
    found = {
        "n_of_m": n_of_m,
        "structure": technique.family == "pruning" and not n_of_m,
        "groups": "group_size" in parameters,
        "temperature": "temperature" in parameters,
    }
    return tuple(name for name, uses in found.items() if uses)


def front_of_examples() -> list[tuple[float, float]]:
    """The examples that no other beats, by size."""
    kept = pareto.front(VARIANTS, BETTER)
    return sorted(point for point, stands in zip(VARIANTS, kept, strict=True) if stands)


def weights(rows: int, columns: int) -> Floats:
    """Example weights ``[rows, columns]``, the same every time."""
    return np.random.default_rng(4).normal(size=(rows, columns))


def without_smallest(matrix: Floats) -> Floats:
    """The matrix with the smaller half of its weights, by size, set to zero."""
    return np.where(np.abs(matrix) > np.median(np.abs(matrix)), matrix, 0.0)


def without_columns(matrix: Floats) -> Floats:
    """The matrix without the weaker half of its columns."""
    norms = np.linalg.norm(matrix, axis=0)
    return matrix[:, np.sort(np.argsort(norms)[len(norms) // 2 :])]


def two_of_four(matrix: Floats) -> Floats:
    """The matrix with the two smallest of each four neighbours in a row set to zero."""
    groups = np.abs(matrix).reshape(-1, 4)
    rank = groups.argsort(axis=1).argsort(axis=1)
    return np.where(rank.reshape(matrix.shape) >= 2, matrix, 0.0)


def rounded(values: Floats) -> tuple[Floats, float]:
    """``values`` to the nearest of ``STEPS`` steps on either side of zero, and the distance between two steps."""
    step = float(np.abs(values).max() / STEPS)
    return np.round(values / step) * step, step


def softmax(logits: Sequence[float], temperature: float) -> Floats:
    """Probabilities of the classes; a higher temperature makes them more alike."""
    powers = np.exp((np.asarray(logits) - max(logits)) / temperature)
    return np.asarray(powers / powers.sum())


def difference(lost: int, gained: int) -> tuple[float, float, float, bool]:
    """Percentage points between variant and baseline, their 95 % interval, and whether they are within noise."""
    counts = RIGHT - lost, gained, lost, INPUTS - RIGHT - gained
    value, low, high = (100 * share for share in paired_difference(*counts))
    return value, low, high, mcnemar_p(lost, gained) > 0.05


def latency_quantile(share: float) -> float:
    """Milliseconds that this share of the example's calls stay below (a log-normal distribution)."""
    return MEDIAN_MS * math.exp(SPREAD * NormalDist().inv_cdf(share))


def glossary_figure(name: str, theme: Theme = "light") -> go.Figure:
    """The drawing of one of ``WORDS``."""
    figure = go.Figure(layout=style.base_layout(theme, ""))
    _DRAWN[name](figure, theme)
    title = style.wrapped(figure.layout.title.text, TITLE_LETTERS)
    margin = {"t": 36 + 18 * title.count("<br>"), "r": 16, "b": 8, "l": 8}
    figure.update_layout(height=HEIGHT_PX, showlegend=False, dragmode=False, margin=margin)
    figure.update_layout(title={"text": title, "font": {"size": 13}, "y": 1, "pad": {"t": 14}})
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure


def _front(figure: go.Figure, theme: Theme) -> None:
    kept = front_of_examples()
    beaten = [point for point in VARIANTS if point not in kept]
    _staircase(figure, kept, theme)
    _dots(figure, beaten, style.INTERVAL[theme])
    _dots(figure, kept, style.FAMILY_COLOURS["quantization"])
    _size_and_accuracy(figure, theme, t("glossary.front.drawn", kept=len(kept), beaten=len(beaten)))


def _knee(figure: go.Figure, theme: Theme) -> None:
    kept = front_of_examples()
    place = pareto.knee(kept, BETTER)
    _line(figure, [kept[0], kept[-1]], style.MUTED[theme], dash="dash", width=1)
    _dots(figure, kept, style.FAMILY_COLOURS["quantization"])
    if place is not None:
        marker = {"color": style.INK[theme], "size": 18, "symbol": "circle-open", "line": {"width": 2}}
        x, y = kept[place]
        figure.add_trace(go.Scatter(x=[x], y=[y], mode="markers", marker=marker, hoverinfo="skip"))
    _size_and_accuracy(figure, theme, t("glossary.knee.drawn"))


def _hypervolume(figure: go.Figure, theme: Theme) -> None:
    kept = front_of_examples()
    xs, ys = staircase(kept, False)
    corners = [(kept[0][0], WORST[1]), *zip(xs, ys, strict=True), (WORST[0], ys[-1]), WORST]
    fill = style.faded(style.FAMILY_COLOURS["quantization"], 0.25)
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in corners],
            y=[y for _, y in corners],
            fill="toself",
            fillcolor=fill,
            mode="lines",
            line={"width": 0},
            hoverinfo="skip",
        )
    )
    _staircase(figure, kept, theme)
    _dots(figure, kept, style.FAMILY_COLOURS["quantization"])
    _dots(figure, [WORST], style.INK[theme], "x")
    share = 100 * pareto.hypervolume(kept, WORST, BETTER) / (WORST[0] * (kept[-1][1] - WORST[1]))
    _size_and_accuracy(figure, theme, t("glossary.hypervolume.drawn", share=round(share)))


def _structure(figure: go.Figure, theme: Theme) -> None:
    matrix = weights(6, 10)
    _grid(figure, without_smallest(matrix), 0, theme)
    _grid(figure, without_columns(matrix), 12, theme)
    _bare(figure, t("glossary.structure.drawn"))
    for x, key in ((4.5, "glossary.structure.single"), (14, "glossary.structure.whole")):
        _note(figure, x, -1.3, t(key), theme)


def _n_of_m(figure: go.Figure, theme: Theme) -> None:
    kept = two_of_four(weights(5, 12))
    for group in range(3):
        _grid(figure, kept[:, 4 * group : 4 * group + 4], 5 * group, theme)
    _bare(figure, t("glossary.n_of_m.drawn"))


def _groups(figure: go.Figure, theme: Theme) -> None:
    """The same weights twice: with one distance between steps, and with one for each group."""
    small, large = 0.3 * weights(1, 8)[0], weights(2, 8)[1]
    both = np.concatenate([small, large])
    together, apart = rounded(both), (rounded(small), rounded(large))
    _steps(figure, 0, both, together[1], theme)
    _steps(figure, 19, small, apart[0][1], theme)
    _steps(figure, 28, large, apart[1][1], theme)
    errors = [np.abs(both - found).mean() for found in (together[0], np.concatenate([apart[0][0], apart[1][0]]))]
    one, each = (significant(float(error), 2) for error in errors)
    for x, words in ((7.5, t("glossary.groups.one", error=one)), (27, t("glossary.groups.each", error=each))):
        _note(figure, x, -1.35 * float(np.abs(both).max()), words, theme)
    _bare(figure, t("glossary.groups.drawn"), square=False)


def _temperature(figure: go.Figure, theme: Theme) -> None:
    classes = ["A", "B", "C", "D"]
    for temperature, colour in ((1.0, style.INK[theme]), (SOFT, style.FAMILY_COLOURS["distillation"])):
        shares = 100 * softmax(LOGITS, temperature)
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
        title_text=t("glossary.temperature.drawn", soft=f"{SOFT:g}"),
        xaxis=style.axis(theme, t("glossary.temperature.x"), showgrid=False),
        yaxis=style.axis(theme, "%", range=[0, 110]),
    )


def _interval(figure: go.Figure, theme: Theme) -> None:
    found = [difference(*flips) for flips in FLIPS.values()]
    colours = [style.MUTED[theme] if noise else style.FAMILY_COLOURS["pruning"] for *_, noise in found]
    for place, ((value, low, high, _), colour) in enumerate(zip(found, colours, strict=True)):
        bar = {"type": "data", "array": [high - value], "arrayminus": [value - low], "thickness": 2, "color": colour}
        marker = {"color": colour, "size": 10}
        figure.add_trace(go.Scatter(x=[value], y=[place], error_x=bar, mode="markers", marker=marker, hoverinfo="skip"))
    figure.add_vline(x=0, line={"color": style.INK[theme], "width": 1, "dash": "dash"})
    ticks = [t(f"glossary.interval.{'noise' if noise else 'real'}") for *_, noise in found]
    figure.update_layout(
        title_text=t("glossary.interval.drawn", inputs=f"{INPUTS:,}"),
        xaxis=style.axis(theme, t("glossary.interval.x")),
        yaxis=style.axis(theme, "", tickvals=[0, 1], ticktext=ticks, range=[-0.6, 1.6], showgrid=False),
    )


def _latency(figure: go.Figure, theme: Theme) -> None:
    p50, p95 = latency_quantile(0.5), latency_quantile(0.95)
    times = np.linspace(latency_quantile(0.001), latency_quantile(0.998), 120)
    density = np.exp(-0.5 * (np.log(times / MEDIAN_MS) / SPREAD) ** 2) / times
    colour = style.FAMILY_COLOURS["quantization"]
    slow = times >= p95
    _line(figure, list(zip(times.tolist(), density.tolist(), strict=True)), colour, width=2)
    tail: dict[str, Any] = {"fill": "tozeroy", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=times[slow], y=density[slow], fillcolor=style.faded(colour, 0.35), **tail))
    for value, name in ((p50, "p50"), (p95, "p95")):
        label = {"text": f"{name} {significant(value)} ms", "font": {"size": 12, "color": style.INK[theme]}}
        line = {"color": style.INK[theme], "width": 1, "dash": "dash"}
        figure.add_vline(x=value, line=line, annotation=label, annotation_position="top right")
    figure.update_layout(
        title_text=t("glossary.latency.drawn"),
        xaxis=style.axis(theme, t("glossary.latency.x"), showgrid=False),
        yaxis=style.axis(theme, "", showticklabels=False, showgrid=False, range=[0, 1.35 * float(density.max())]),
    )


def _staircase(figure: go.Figure, kept: list[tuple[float, float]], theme: Theme) -> None:
    _line(figure, list(zip(*staircase(kept, False), strict=True)), style.MUTED[theme], width=2)


def _line(figure: go.Figure, points: Sequence[tuple[float, float]], colour: str, **line: Any) -> None:
    x, y = zip(*points, strict=True)
    figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line={"color": colour, **line}, hoverinfo="skip"))


def _dots(figure: go.Figure, points: Sequence[tuple[float, float]], colour: str, symbol: str = "circle") -> None:
    x, y = zip(*points, strict=True)
    marker = {"color": colour, "size": 9, "symbol": symbol}
    figure.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, hoverinfo="skip", cliponaxis=False))


def _size_and_accuracy(figure: go.Figure, theme: Theme, title: str) -> None:
    figure.update_layout(
        title_text=title,
        xaxis=style.axis(theme, t("glossary.x.size"), range=[0, 104]),
        yaxis=style.axis(theme, t("glossary.y.accuracy"), range=[67, 82]),
    )


def _grid(figure: go.Figure, matrix: Floats, left: int, theme: Theme) -> None:
    """Weights as cells, the stronger the larger they are; zeros are empty cells with a nought."""
    rows, columns = matrix.shape
    weak = {"light": "#F7DCC8", "dark": "#5C3A22"}[theme]
    ramp = [[0, style.GRID[theme]], [0.001, weak], [1, style.FAMILY_COLOURS["pruning"]]]
    figure.add_trace(
        go.Heatmap(
            z=np.abs(matrix),
            x=list(range(left, left + columns)),
            y=list(range(rows)),
            zmin=0,
            zmax=2,
            colorscale=ramp,
            showscale=False,
            xgap=2,
            ygap=2,
            text=[["0" if weight == 0 else "" for weight in row] for row in matrix],
            texttemplate="%{text}",
            textfont={"size": 11, "color": style.MUTED[theme]},
            hoverinfo="skip",
        )
    )


def _steps(figure: go.Figure, left: int, values: Floats, step: float, theme: Theme) -> None:
    """Weights as dots over the steps that they are rounded to."""
    right = left + len(values) - 1
    for place in range(-STEPS, STEPS + 1):
        ends = [(left - 0.4, place * step), (right + 0.4, place * step)]
        _line(figure, ends, style.INTERVAL[theme], width=1)
    points = [(float(left + place), float(value)) for place, value in enumerate(values)]
    _dots(figure, points, style.FAMILY_COLOURS["quantization"])


def _bare(figure: go.Figure, title: str, square: bool = True) -> None:
    """No axes: what is drawn has no units."""
    ratio = {"scaleanchor": "x"} if square else {}
    figure.update_layout(title_text=title, xaxis={"visible": False}, yaxis={"visible": False, **ratio})


def _note(figure: go.Figure, x: float, y: float, words: str, theme: Theme) -> None:
    font = {"size": 12, "color": style.INK[theme]}
    figure.add_annotation(x=x, y=y, text=style.wrapped(words, 24), showarrow=False, font=font)


_DRAWN: dict[str, Callable[[go.Figure, Theme], None]] = {
    "front": _front,
    "knee": _knee,
    "hypervolume": _hypervolume,
    "structure": _structure,
    "n_of_m": _n_of_m,
    "groups": _groups,
    "temperature": _temperature,
    "interval": _interval,
    "latency": _latency,
}
WORDS = tuple(_DRAWN)
