"""Small drawings that explain uncommon words, each computed from an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.glossary import fronts, judging, methods, storing, views
from explorer.charts.style import Theme
from explorer.technique import Technique
from explorer.texts import t

HEIGHT_PX, TITLE_LETTERS = 230, 46


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
        "structure": not n_of_m and (technique.family == "pruning" or "become zero" in technique.summary()),
        "low_rank": "rank" in parameters,
        "palette": "palette" in technique.summary(),
        "shared_layers": "unique" in parameters,
        "fusion": "operators" in technique.summary(),
        "half_floats": "16-bit float" in technique.summary(),
        "groups": "group_size" in parameters,
        "temperature": "temperature" in parameters,
        "alpha": "alpha" in parameters,
        "calibration_data": "calibration" in technique.needs,
    }
    return tuple(name for name, uses in found.items() if uses)


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


_DRAWN: dict[str, Callable[[go.Figure, Theme], None]] = {
    drawn.__name__: drawn
    for drawn in (
        fronts.front,
        fronts.knee,
        fronts.hypervolume,
        methods.structure,
        methods.n_of_m,
        methods.low_rank,
        methods.palette,
        methods.groups,
        methods.temperature,
        methods.alpha,
        methods.calibration_data,
        methods.heads,
        storing.shared_layers,
        storing.fusion,
        storing.half_floats,
        judging.interval,
        judging.latency,
        judging.mcnemar,
        judging.wilson,
        judging.macro_f1,
        judging.calibration,
        views.elbow,
        views.parallel,
        views.roofline,
    )
}
WORDS = tuple(_DRAWN)
