"""Settings and results of many variants as parallel coordinates: which settings lead where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import QUANTITIES
from explorer.texts import t
from explorer.texts.sentences import setting
from explorer.variants import Variant

RESULTS = ("file_size", "latency", "speedup", "accuracy")
MOST_SETTINGS = 5
LETTERS = 22


@dataclass(frozen=True)
class Dimension:
    """One axis: ``values`` has a number per variant; ``ticks`` are names for some numbers, where it needs them."""

    title: str
    values: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class ParallelInfo:
    """Settings first, then results; the lines are coloured by the last dimension. ``empty`` says why there is none."""

    title: str
    subtitle: str
    dimensions: tuple[Dimension, ...]
    runs: tuple[str, ...]
    empty: str | None = None


def parallel_info(rows: Sequence[Variant], recipes: Mapping[str, dict[str, Any]], where: str = "") -> ParallelInfo:
    """Arrange rows of one target and batch; ``recipes`` are plain data by run.

    Settings that are all alike are left out. A variant without a setting stands at the lower end of its axis, which is
    named so.
    """
    shown = [row for row in rows if row.run in recipes and all(QUANTITIES[key].of(row) is not None for key in RESULTS)]
    if len(shown) < 2:
        return ParallelInfo(t("chart.parallel.title"), where, (), (), t("chart.parallel.few"))
    settings = [_settings(recipes[row.run]) for row in shown]
    results = [Dimension(_result_title(key), tuple(QUANTITIES[key].of(row) or 0.0 for row in shown)) for key in RESULTS]
    runs = tuple(row.run for row in shown)
    return ParallelInfo(t("chart.parallel.title"), where, (*_setting_dimensions(settings), *results), runs)


def _result_title(key: str) -> str:
    quantity = QUANTITIES[key]
    return f"{quantity.title} ({quantity.unit})"


def _settings(recipe: dict[str, Any]) -> dict[str, float]:
    """The numbers of a recipe's steps by name, the first of each name."""
    found: dict[str, float] = {}
    for step in recipe.get("steps") or ():
        for name, value in step.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found.setdefault(f"{step['technique']}: {setting(name).lower()}", float(value))
    return found


def _setting_dimensions(settings: Sequence[dict[str, float]]) -> list[Dimension]:
    """The settings that most variants have and that differ among these, at most ``MOST_SETTINGS``."""
    values: dict[str, list[float]] = {}
    for one in settings:
        for name, value in one.items():
            values.setdefault(name, []).append(value)
    differing = [name for name, found in values.items() if len(set(found)) > 1]
    chosen = sorted(differing, key=lambda name: -len(values[name]))[:MOST_SETTINGS]
    return [_dimension(name, [one.get(name) for one in settings]) for name in chosen]


def _dimension(name: str, values: Sequence[float | None]) -> Dimension:
    known = sorted({value for value in values if value is not None})
    absent = known[0] - 0.15 * (known[-1] - known[0])
    ticks = [(value, f"{value:g}") for value in (known if len(known) <= 8 else (known[0], known[-1]))]
    if None in values:
        ticks.insert(0, (absent, t("chart.parallel.without")))
    return Dimension(name, tuple(absent if value is None else value for value in values), tuple(ticks))


def parallel_figure(info: ParallelInfo, theme: Theme = "light", height: int = 420) -> go.Figure:
    """Draw ``info``: drag along an axis to keep only the variants that pass there."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    figure.add_trace(
        go.Parcoords(
            dimensions=[_drawn(dimension) for dimension in info.dimensions],
            line={
                "color": info.dimensions[-1].values,
                "colorscale": "Viridis" if theme == "dark" else "Viridis_r",
                "showscale": False,
            },
            labelfont={"size": 12, "color": style.INK[theme]},
            tickfont={"size": 11, "color": style.MUTED[theme]},
            rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
            unselected={"line": {"color": style.INTERVAL[theme], "opacity": 0.15}},
        )
    )
    figure.update_layout(height=height, margin={"l": 64, "r": 64, "t": 128, "b": 24})
    return figure


def _drawn(dimension: Dimension) -> dict[str, Any]:
    drawn: dict[str, Any] = {"label": style.wrapped(dimension.title, LETTERS), "values": dimension.values}
    if dimension.ticks:
        drawn |= {"tickvals": [at for at, _ in dimension.ticks], "ticktext": [words for _, words in dimension.ticks]}
    return drawn
