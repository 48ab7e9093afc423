"""Settings and results of many variants as parallel coordinates: which settings lead where."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.labels import value_words
from explorer.quantities import QUANTITIES
from explorer.technique import Parameter, parameters_of
from explorer.texts import t
from explorer.texts.sentences import sentence, setting
from explorer.variants import Variant

RESULTS = ("file_size", "latency", "speedup", "accuracy")
MOST_SETTINGS, MOST_NAMES = 5, 8
LETTERS, TICK_LETTERS, LETTER_PX = 22, 18, 6
PALE = 0.45
"""How much of their colour lines keep that others beat."""
BANDS = ("beaten", "front", "selected")
"""A line's number is that of its band, and up to one more by its accuracy; Plotly draws larger numbers on top."""

Value = float | str
Setting = tuple[str, str]
Ranges = Sequence[Sequence[float]]
NO_RANGES: Mapping[str, Ranges] = MappingProxyType({})


@dataclass(frozen=True)
class Dimension:
    """One axis: ``values`` has a number per variant; ``ticks`` are names for some numbers, where it needs them."""

    title: str
    values: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class ParallelInfo:
    """Settings first, then results; ``bands`` are those of the ``runs``. ``empty`` says why there is none."""

    title: str
    subtitle: str
    dimensions: tuple[Dimension, ...]
    runs: tuple[str, ...]
    bands: tuple[str, ...]
    empty: str | None = None


def parallel_info(
    rows: Sequence[Variant],
    recipes: Mapping[str, dict[str, Any]],
    where: str = "",
    front: Collection[str] = (),
    selected: Collection[str] = (),
) -> ParallelInfo:
    """Arrange rows of one target and batch; ``recipes`` are plain data by run, ``front`` and ``selected`` are runs.

    Settings that are all alike are left out, and names of which there are more than can be read. A variant without a
    setting stands at the lower end of its axis, which is named so.
    """
    shown = [row for row in rows if row.run in recipes and all(QUANTITIES[key].of(row) is not None for key in RESULTS)]
    if len(shown) < 2:
        return ParallelInfo(t("chart.parallel.title"), where, (), (), (), t("chart.parallel.few"))
    settings = [_settings(recipes[row.run]) for row in shown]
    techniques = _techniques(shown, recipes)
    results = [Dimension(_result_title(key), tuple(QUANTITIES[key].of(row) or 0.0 for row in shown)) for key in RESULTS]
    runs = tuple(row.run for row in shown)
    bands = tuple(BANDS[2 if run in selected else run in front] for run in runs)
    dimensions = (*techniques, *_setting_dimensions(settings), *results)
    return ParallelInfo(t("chart.parallel.title"), where, dimensions, runs, bands)


def _techniques(rows: Sequence[Variant], recipes: Mapping[str, dict[str, Any]]) -> list[Dimension]:
    """What was done to each variant: its techniques, or only their family where there are too many combinations."""
    chains = [" → ".join(step["technique"] for step in recipes[row.run].get("steps") or ()) for row in rows]
    names = [sentence(chain) or t("family.baseline") for chain in chains]
    if len(set(names)) > MOST_NAMES:
        names = [t(f"family.{row.family}") for row in rows]
    return [_dimension(t("column.label"), names)] if len(set(names)) > 1 else []


def _result_title(key: str) -> str:
    quantity = QUANTITIES[key]
    return f"{quantity.title} ({quantity.unit})"


def _settings(recipe: dict[str, Any]) -> dict[Setting, Value]:
    """The numbers and names in a recipe's steps by technique and parameter, the first of each."""
    found: dict[Setting, Value] = {}
    for step in recipe.get("steps") or ():
        for name, value in step.items():
            if name != "technique" and isinstance(value, (int, float, str)):
                found.setdefault((step["technique"], name), _value(value))
    return found


def _value(value: float | str) -> Value:
    if isinstance(value, bool):
        return t("word.yes" if value else "word.no")
    return value if isinstance(value, str) else float(value)


def _setting_dimensions(settings: Sequence[dict[Setting, Value]]) -> list[Dimension]:
    """The settings that most variants have and that differ among these, at most ``MOST_SETTINGS``."""
    values: dict[Setting, list[Value]] = {}
    for one in settings:
        for name, value in one.items():
            values.setdefault(name, []).append(value)
    differing = [name for name, found in values.items() if len(set(found)) > 1 and _readable(found)]
    chosen = sorted(differing, key=lambda name: -len(values[name]))[:MOST_SETTINGS]
    return [
        _dimension(
            f"{sentence(technique)}: {setting(name).lower()}",
            [one.get((technique, name)) for one in settings],
            parameters_of(technique).get(name),
        )
        for technique, name in chosen
    ]


def _readable(values: Sequence[Value]) -> bool:
    return not any(isinstance(value, str) for value in values) or len(set(values)) <= MOST_NAMES


def _dimension(name: str, values: Sequence[Value | None], parameter: Parameter | None = None) -> Dimension:
    """Names stand at whole numbers in the order of the alphabet, numbers at themselves, written as ``parameter`` is."""
    numbers = sorted({value for value in values if isinstance(value, float)})
    names = sorted({value for value in values if isinstance(value, str)})
    places: dict[Value, float] = {value: value for value in numbers}
    places |= {words: (numbers[-1] if numbers else -1.0) + place for place, words in enumerate(names, start=1)}
    ends = min(places.values()), max(places.values())
    absent = ends[0] - 0.15 * (ends[1] - ends[0])
    named = [*(numbers if len(numbers) <= MOST_NAMES else (numbers[0], numbers[-1])), *names]
    ticks = [(places[one], value_words(parameter, one)) for one in named]
    if None in values:
        ticks.insert(0, (absent, t("chart.parallel.without")))
    return Dimension(name, tuple(absent if value is None else places[value] for value in values), tuple(ticks))


def parallel_figure(
    info: ParallelInfo, theme: Theme = "light", height: int = 420, ranges: Mapping[str, Ranges] = NO_RANGES
) -> go.Figure:
    """Draw ``info``: drag along an axis to keep only the variants that pass there.

    Its ``customdata`` are the runs; ``ranges`` by what stands above an axis are those that were dragged on it.
    """
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    figure.add_trace(
        go.Parcoords(
            dimensions=[_drawn(dimension, ranges) for dimension in info.dimensions],
            customdata=info.runs,
            line={
                "color": _numbers(info),
                "cmin": 0,
                "cmax": len(BANDS),
                "colorscale": _colours(theme),
                "showscale": False,
            },
            labelfont={"size": 12, "color": style.INK[theme]},
            tickfont={"size": 12, "color": style.MUTED[theme]},
            rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
            unselected={"line": {"color": style.INTERVAL[theme], "opacity": 0.15}},
        )
    )
    outer = max((len(_short(words)) for _, words in info.dimensions[0].ticks), default=0)
    figure.update_layout(height=height, margin={"l": max(64, 16 + LETTER_PX * outer), "r": 64, "t": 128, "b": 24})
    return figure


def _numbers(info: ParallelInfo) -> list[float]:
    """The band of each line and, below one, where its accuracy lies between the worst and the best."""
    values = info.dimensions[-1].values
    worst, spread = min(values), (max(values) - min(values)) or 1.0
    return [BANDS.index(band) + 0.99 * (value - worst) / spread for band, value in zip(info.bands, values, strict=True)]


def _colours(theme: Theme) -> list[tuple[float, str]]:
    """A scale of one band after the other: pale, in full colour, and in the colour of the text."""
    shares = [step / 10 for step in range(11)]
    full = sample_colorscale("Viridis" if theme == "dark" else "Viridis_r", shares)
    pale = [style.mixed(colour, style.BACKGROUNDS[theme], PALE) for colour in full]
    bands = pale, full, [style.INK[theme]] * len(shares)
    return [
        ((place + share) / len(bands), colour)
        for place, colours in enumerate(bands)
        for share, colour in zip(shares, colours, strict=True)
    ]


def _drawn(dimension: Dimension, ranges: Mapping[str, Ranges]) -> dict[str, Any]:
    label = style.wrapped(dimension.title, LETTERS)
    drawn: dict[str, Any] = {"label": label, "values": dimension.values, "constraintrange": ranges.get(label)}
    if dimension.ticks:
        drawn |= {
            "tickvals": [at for at, _ in dimension.ticks],
            "ticktext": [_short(words) for _, words in dimension.ticks],
        }
    return drawn


def _short(words: str) -> str:
    return words if len(words) <= TICK_LETTERS else f"{words[: TICK_LETTERS - 1]}…"
