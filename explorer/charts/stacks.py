"""What the time of one call and the bytes of the file are made of, several variants as stacked bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t
from explorer.texts.sentences import sentence

Kind = Literal["operators", "sizes"]
MOST_PARTS = len(style.SERIES_COLOURS)
OTHER = "other"
AXIS_PX, LEGEND_LINE_PX = 60, 20
"""What numbers and title below the bars take, and a line of the legend: in a narrow window each part has its own."""


@dataclass(frozen=True)
class StacksInfo:
    """``parts[name]`` has one value in ``unit`` per bar of ``bars``; parts that are small everywhere are summed."""

    key: Kind
    title: str
    subtitle: str
    x_title: str
    unit: str
    bars: tuple[str, ...]
    parts: Mapping[str, tuple[float, ...]]


def stacks_info(names: Sequence[str], results: Sequence[Mapping[str, Any]]) -> tuple[StacksInfo, ...]:
    """Time by operator type, in percent of the baseline's, and bytes by layer of the results that hold a profile.

    The first one's baseline leads, unless a baseline is among them. Charts without a profiled variant are left out.
    """
    profiled = [(name, result) for name, result in zip(names, results, strict=True) if result.get("profile")]
    if not profiled:
        return ()
    bars = [name for name, _ in profiled]
    profiles = [result["profile"] for _, result in profiled]
    times = [_of_call(profile, "variant_ms") for profile in profiles]
    sizes = [_of_file(result, "variant_bytes", result["size"]) for _, result in profiled]
    if all(result["recipe"]["steps"] for _, result in profiled):
        bars.insert(0, t("family.baseline"))
        times.insert(0, _of_call(profiles[0], "baseline_ms"))
        sizes.insert(0, _of_file(profiled[0][1], "baseline_bytes", profiled[0][1]["baseline_size"]))
    shapes = t("word.semicolon").join(dict.fromkeys(_shape(result) for _, result in profiled))
    paired = t("chart.stacks.paired", shapes=shapes)
    charts = (_stacks("operators", paired, "%", bars, times), _stacks("sizes", "", "MB", bars, sizes))
    return tuple(chart for chart in charts if chart.parts)


def without_profile(names: Sequence[str], results: Sequence[Mapping[str, Any]]) -> str:
    """The variants that have no bars, in a sentence; nothing where all have."""
    missing = [name for name, result in zip(names, results, strict=True) if not result.get("profile")]
    return t("chart.stacks.without", names=t("word.semicolon").join(missing)) if missing else ""


def _shape(result: Mapping[str, Any]) -> str:
    profile = result["profile"]
    length = t(f"profile.length.{result['kind']}", length=profile["sequence"])
    return t("chart.stacks.shape", batch=profile["batch"], length=length)


def _of_call(profile: Mapping[str, Any], side: str) -> dict[str, float]:
    """By operator in percent of the baseline's call that was profiled in turns with this one.

    Milliseconds of several profiles are of several moments, between which a machine can slow down.
    """
    baseline = sum(_parts(profile["by_operator"], "baseline_ms", 1.0).values())
    return _parts(profile["by_operator"], side, 100 / baseline) if baseline else {}


def _of_file(result: Mapping[str, Any], side: str, size: Mapping[str, Any]) -> dict[str, float]:
    """Megabytes by layer; what the file has beside them, such as the graph itself, is one of the others."""
    parts = _parts(result["profile"]["by_layer"], side, 1e-6)
    beside = size["file_bytes"] * 1e-6 - sum(parts.values())
    return {**parts, OTHER: parts.get(OTHER, 0.0) + max(beside, 0.0)}


def _parts(rows: Sequence[Mapping[str, Any]], side: str, scale: float) -> dict[str, float]:
    return {str(row["name"]): scale * float(row[side]) for row in rows if row.get(side)}


def _stacks(
    key: Kind, subtitle: str, unit: str, bars: Sequence[str], found: Sequence[Mapping[str, float]]
) -> StacksInfo:
    """The largest parts by what they sum up to, in this order, and the rest as one."""
    totals: Counter[str] = Counter()
    for one in found:
        totals.update(one)
    totals.pop(OTHER, None)
    kept = [name for name, _ in totals.most_common(MOST_PARTS)]
    parts = {name: tuple(one.get(name, 0.0) for one in found) for name in kept}
    rest = tuple(sum(value for name, value in one.items() if name not in kept) for one in found)
    parts |= {OTHER: rest} if any(rest) else {}
    return StacksInfo(key, t(f"chart.stacks.{key}"), subtitle, t(f"chart.stacks.x.{key}"), unit, tuple(bars), parts)


def stacks_figure(info: StacksInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` as horizontal bars, the first of ``bars`` on top."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    names = [style.wrapped(name, 28) for name in info.bars]
    bars_px = 44 * len(info.bars)
    for index, (part, values) in enumerate(info.parts.items()):
        words = style.plain(sentence(part))
        figure.add_trace(
            go.Bar(
                y=names,
                x=values,
                name=words,
                orientation="h",
                marker={
                    "color": style.INTERVAL[theme] if part == OTHER else style.SERIES_COLOURS[index],
                    "line": {"width": 1, "color": style.BACKGROUNDS[theme]},
                },
                customdata=[significant(value) for value in values],
                hovertemplate=f"{words}: %{{customdata}} {info.unit}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="stack",
        height=150 + bars_px + LEGEND_LINE_PX * len(info.parts),
        legend={"y": -AXIS_PX / bars_px, "traceorder": "normal"},
        xaxis=style.axis(theme, info.x_title),
        yaxis=style.axis(theme, "", autorange="reversed", showgrid=False),
    )
    return figure
