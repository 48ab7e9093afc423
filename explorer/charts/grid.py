"""Latency over batch sizes and lengths or image sizes as a heatmap, for one variant on one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import Theme
from explorer.quantities import significant
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence

Measure = Literal["speedup", "p50_ms", "throughput_per_s"]
MEASURES: tuple[Measure, ...] = ("speedup", "p50_ms", "throughput_per_s")
UNITS: dict[Measure, str] = {"speedup": "×", "p50_ms": " ms", "throughput_per_s": " /s"}
DIVERGING = ("#B35806", "#F1A340", "#F7F7F7", "#998EC3", "#542788")
"""Slower, as fast, faster than the baseline: purple and orange are told apart by everybody (ColorBrewer PuOr)."""


@dataclass(frozen=True)
class GridInfo:
    """A heatmap: ``values[batch][length]`` (None: not measured) with the words in and behind each cell.

    ``kind`` says whether ``lengths`` are tokens of a text or pixels of an image's side, ``reasons`` why cells are
    unavailable, each once.
    """

    title: str
    subtitle: str
    measure: Measure
    kind: str
    batches: tuple[int, ...]
    lengths: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    words: tuple[tuple[str, ...], ...]
    hovers: tuple[tuple[str, ...], ...]
    reasons: tuple[str, ...]


def grid_targets(result: dict[str, Any]) -> list[str]:
    """The targets on which three shapes or more were asked for: fewer are no grid. At one at least it was measured."""
    asked = [entry["target"] for entry in result["latency"]]
    measured = dict.fromkeys(entry["target"] for entry in result["latency"] if entry.get("p50_ms") is not None)
    return [target for target in measured if asked.count(target) > 2]


def grid_info(result: dict[str, Any], target: str, measure: Measure = "speedup", where: str = "") -> GridInfo:
    """Arrange the latencies of a result on one target; ``where`` names host and date for the subtitle."""
    entries = {(entry["batch"], _length(entry)): entry for entry in result["latency"] if entry["target"] == target}
    kind = result.get("kind", "text")
    batches = tuple(sorted({batch for batch, _ in entries}))
    lengths = tuple(sorted({length for _, length in entries}, key=_order))
    cells = [[entries.get((batch, length)) for length in lengths] for batch in batches]
    return GridInfo(
        title=t(f"chart.grid.{measure}", by=t(f"chart.grid.by.{kind}")),
        subtitle=" · ".join(part for part in (target_title(target), where) if part),
        measure=measure,
        kind=kind,
        batches=batches,
        lengths=lengths,
        values=tuple(tuple(entry.get(measure) if entry else None for entry in row) for row in cells),
        words=tuple(tuple(_word(entry, measure) for entry in row) for row in cells),
        reasons=tuple(dict.fromkeys(entry["reason"] for entry in entries.values() if entry.get("reason"))),
        hovers=tuple(tuple(_hover(entry, kind) for entry in row) for row in cells),
    )


def _length(entry: dict[str, Any]) -> str:
    return t("compress.lengths.real") if entry.get("lengths") == "real" else str(entry["sequence"])


def _order(length: str) -> tuple[bool, int]:
    return not length.isdigit(), int(length) if length.isdigit() else 0


def _word(entry: dict[str, Any] | None, measure: Measure) -> str:
    if entry is None:
        return ""
    if entry.get(measure) is None:
        return t("number.none")
    return f"{'~' if entry.get('noisy') else ''}{significant(entry[measure])}{UNITS[measure]}"


def _hover(entry: dict[str, Any] | None, kind: str) -> str:
    if entry is None:
        return ""
    words = "image" if kind == "image" else entry.get("lengths", "padded")
    shape = t(f"chart.grid.hover.{words}", batch=entry["batch"], length=entry["sequence"])
    if entry.get("p50_ms") is None:
        return f"{shape}<br>{style.plain(sentence(entry.get('reason') or '') or t('fact.unavailable'))}"
    lines = [
        shape,
        f"{significant(entry['p50_ms'])} ms, p95 {significant(entry['p95_ms'])} ms",
        f"{significant(entry['speedup'])}× [{significant(entry['speedup_low'])}, {significant(entry['speedup_high'])}]",
    ]
    if entry.get("noisy"):
        lines.append(
            t("chart.noisy", reason=style.plain(sentence(entry.get("noise_reason") or "") or t("chart.noisy.unknown")))
        )
    return "<br>".join(lines)


def grid_figure(info: GridInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info``: a speed-up diverges from 1, the other measures go from little to much."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    figure.add_trace(
        go.Heatmap(
            z=info.values,
            x=info.lengths,
            y=[str(batch) for batch in info.batches],
            text=info.words,
            texttemplate="%{text}",
            textfont={"size": 13},
            customdata=info.hovers,
            hovertemplate="%{customdata}<extra></extra>",
            showscale=False,
            xgap=3,
            ygap=3,
            **_colours(info, theme),
        )
    )
    figure.update_layout(
        height=140 + 46 * len(info.batches),
        xaxis=style.axis(theme, t(f"chart.grid.x.{info.kind}"), type="category", showgrid=False),
        yaxis=style.axis(theme, t("chart.grid.y"), type="category", showgrid=False),
    )
    return figure


def _colours(info: GridInfo, theme: Theme) -> dict[str, Any]:
    if info.measure == "speedup":
        furthest = max([0.5, *(abs(value - 1) for row in info.values for value in row if value is not None)])
        return {"colorscale": DIVERGING, "zmid": 1, "zmin": 1 - furthest, "zmax": 1 + furthest}
    return {"colorscale": [style.GRID[theme], style.RAMP]}
