"""Settings and results of many variants as parallel coordinates: which settings lead where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from unicodedata import east_asian_width

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
"""The results that have an axis unless a reader chooses others."""
COLOURED = "accuracy"
"""The result that colours lines, on an axis or not."""
MOST_SETTINGS, MOST_NAMES = 5, 8
LETTERS, OUTER_LETTERS, LETTER_PX, APART_PX = 14, 18, 6, 12
"""From one axis to the next there is room for so many letters at least, left of the first for more."""
LINES = 2
"""Plotly has room for so many lines above an axis."""
LEFT_PX, RIGHT_PX = 16 + LETTER_PX * OUTER_LETTERS, 64
"""The room left of the first axis, for its words, and right of the last."""
SCALES: Mapping[Theme, tuple[float, float]] = MappingProxyType({"light": (0.55, 0.0), "dark": (0.35, 1.0)})
"""The part of the scale Viridis, from the worst accuracy to the best, that has a contrast of 3:1 on the ground."""
PALE = 0.6
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
    """Settings first, then results; ``bands`` and ``accuracies`` (percent) are those of the ``runs``.

    ``left_out`` variants have no line; ``missing`` tells of how many of them which quantity is not known. ``empty``
    says why there is no chart.
    """

    title: str
    subtitle: str
    dimensions: tuple[Dimension, ...]
    runs: tuple[str, ...]
    bands: tuple[str, ...]
    accuracies: tuple[float, ...]
    left_out: int = 0
    missing: tuple[tuple[str, int], ...] = ()
    empty: str | None = None

    @property
    def left_out_words(self) -> str:
        """How many variants have no line and why; nothing where all have one."""
        reasons = ", ".join(f"{QUANTITIES[key].title} ({count})" for key, count in self.missing)
        return t("chart.parallel.left_out", count=self.left_out, reasons=reasons) if self.left_out else ""


def parallel_info(
    rows: Sequence[Variant],
    recipes: Mapping[str, dict[str, Any]],
    where: str = "",
    front: Collection[str] = (),
    selected: Collection[str] = (),
    results: Sequence[str] = RESULTS,
) -> ParallelInfo:
    """Arrange rows of one target and batch; ``recipes`` are plain data by run, ``front`` and ``selected`` are runs.

    Settings that are all alike are left out, and names of which there are more than can be read. A variant without a
    setting stands at the lower end of its axis, which is named so; one without a result has no line. ``results`` are
    keys of ``QUANTITIES`` in the order of their axes.
    """
    known = [row for row in rows if row.run in recipes]
    lacking = [[key for key in dict.fromkeys((*results, COLOURED)) if QUANTITIES[key].of(row) is None] for row in known]
    shown = [row for row, keys in zip(known, lacking, strict=True) if not keys]
    info = ParallelInfo(
        title=t("chart.parallel.title"),
        subtitle=where,
        dimensions=(),
        runs=tuple(row.run for row in shown),
        bands=tuple(BANDS[2 if row.run in selected else row.run in front] for row in shown),
        accuracies=tuple(QUANTITIES[COLOURED].of(row) or 0.0 for row in shown),
        left_out=len(known) - len(shown),
        missing=tuple(Counter(key for keys in lacking for key in keys).items()),
    )
    if len(shown) < 2 or not results:
        return replace(info, empty=t("chart.parallel.few" if results else "chart.parallel.none"))
    settings = [_settings(recipes[row.run]) for row in shown]
    axes = [Dimension(_result_title(key), tuple(QUANTITIES[key].of(row) or 0.0 for row in shown)) for key in results]
    return replace(info, dimensions=(*_techniques(shown, recipes), *_setting_dimensions(settings), *axes))


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
    letters = _letters(info)
    first, *more = info.dimensions
    figure.add_trace(
        go.Parcoords(
            dimensions=[
                _drawn(first, letters, max(letters, OUTER_LETTERS), ranges),
                *(_drawn(dimension, letters, letters, ranges) for dimension in more),
            ],
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
    figure.update_layout(height=height, margin={"l": LEFT_PX, "r": RIGHT_PX, "t": 128, "b": 24})
    return figure


def least_width_px(info: ParallelInfo) -> int:
    """The width, in pixels, below which what stands at neighbouring axes would run into each other."""
    return LEFT_PX + RIGHT_PX + (LETTER_PX * _letters(info) + APART_PX) * (len(info.dimensions) - 1)


def _numbers(info: ParallelInfo) -> list[float]:
    """The band of each line and, below one, where its accuracy lies between the worst and the best."""
    values = info.accuracies
    worst, spread = min(values), (max(values) - min(values)) or 1.0
    return [BANDS.index(band) + 0.99 * (value - worst) / spread for band, value in zip(info.bands, values, strict=True)]


def _colours(theme: Theme) -> list[tuple[float, str]]:
    """A scale of one band after the other: pale, in full colour, and in the colour of the text."""
    worst, best = SCALES[theme]
    shares = [step / 10 for step in range(11)]
    full = sample_colorscale("Viridis", [worst + share * (best - worst) for share in shares])
    pale = [style.mixed(colour, style.BACKGROUNDS[theme], PALE) for colour in full]
    bands = pale, full, [style.INK[theme]] * len(shares)
    return [
        ((place + share) / len(bands), colour)
        for place, colours in enumerate(bands)
        for share, colour in zip(shares, colours, strict=True)
    ]


def _letters(info: ParallelInfo) -> int:
    """As many letters stand in a line at an axis that no title has more lines than there is room for."""
    longest = max(2 * len(dimension.title) for dimension in info.dimensions)
    titles = [dimension.title for dimension in info.dimensions]
    widths = range(LETTERS, max(longest, LETTERS) + 1)
    return next(width for width in widths if all(_wrapped(title, width).count("<br>") < LINES for title in titles))


def _drawn(dimension: Dimension, letters: int, tick_letters: int, ranges: Mapping[str, Ranges]) -> dict[str, Any]:
    label = _wrapped(dimension.title, letters)
    drawn: dict[str, Any] = {"label": label, "values": dimension.values, "constraintrange": ranges.get(label)}
    if dimension.ticks:
        drawn |= {
            "tickvals": [at for at, _ in dimension.ticks],
            "ticktext": [_short(words, tick_letters) for _, words in dimension.ticks],
        }
    return drawn


def _wrapped(title: str, letters: int) -> str:
    return style.wrapped(title, _fitting(title, letters))


def _short(words: str, letters: int) -> str:
    most = _fitting(words, letters)
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _fitting(words: str, letters: int) -> int:
    """As many of these letters take the room of ``letters`` Latin ones: Chinese ones are twice as wide."""
    return letters // 2 if any(east_asian_width(letter) == "W" for letter in words) else letters
