"""Where the time of one call and the bytes of the file go: variant and baseline side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from explorer.charts import style
from explorer.charts.style import SERIES_COLOURS, Theme
from explorer.quantities import short_date, significant
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import host_text

OTHER = "other"
SMALL = 0.01
"""Operators below this share of both sides' time are summed."""

ROW_PX, TOP_PX, BOTTOM_PX = 34, 88, 76


@dataclass(frozen=True)
class SideBySide:
    """One chart: by name the variant's and the baseline's value in ``unit``; None where a side does not have it."""

    key: str
    title: str
    subtitle: str
    x_title: str
    unit: str
    names: tuple[str, ...]
    variant: tuple[float | None, ...]
    baseline: tuple[float | None, ...]

    def total(self, side: str) -> float:
        """The sum of one side, ``variant`` or ``baseline``."""
        return sum(value or 0.0 for value in getattr(self, side))


def profile_info(result: Mapping[str, Any]) -> tuple[SideBySide, ...]:
    """Time by operator type, time by layer and size by layer of a result; empty where it has no profile."""
    profile = result.get("profile")
    if not profile:
        return ()
    where = _where(result, profile)
    layers = profile["by_layer"]
    bytes_known = [row for row in layers if row["variant_bytes"] or row["baseline_bytes"]]
    charts = (
        _side_by_side("operators", _without_small(profile["by_operator"]), "ms", 1.0, where),
        _side_by_side("layers", layers, "ms", 1.0, where),
        _side_by_side("sizes", bytes_known, "MB", 1e-6, _host_and_date(result)),
    )
    return tuple(chart for chart in charts if chart.names)


def profile_figure(info: SideBySide, theme: Theme = "light") -> go.Figure:
    """Draw ``info`` as horizontal bars, the baseline above the variant in each row."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    names = [style.plain(name) for name in info.names]
    # the colour of the baseline is that of words, as on every chart
    for side, colour in (("baseline", style.MUTED[theme]), ("variant", SERIES_COLOURS[0])):
        values = getattr(info, side)
        total = f"{significant(info.total(side))} {info.unit}"
        figure.add_trace(
            go.Bar(
                y=names,
                x=values,
                orientation="h",
                name=t(f"profile.{side}", total=total),
                text=["" if value is None else significant(value) for value in values],
                textposition="outside",
                textfont={"size": 12, "color": style.MUTED[theme]},
                cliponaxis=False,
                hovertext=[_hover(info, side, name, value) for name, value in zip(info.names, values, strict=True)],
                hoverinfo="text",
                marker={"color": colour},
            )
        )
    longest = max(value or 0.0 for value in (*info.variant, *info.baseline))
    figure.update_layout(
        height=TOP_PX + ROW_PX * len(names) + BOTTOM_PX,
        bargap=0.25,
        xaxis=style.axis(theme, info.x_title, range=[0, 1.12 * longest or 1.0]),
        yaxis=style.axis(theme, "", autorange="reversed", showgrid=False),
        # a share of the container: the plots differ much in height
        legend={"traceorder": "normal", "yref": "container", "y": 0, "yanchor": "bottom"},
        margin={"t": TOP_PX, "b": BOTTOM_PX},
    )
    return figure


def peak_words(profile: Mapping[str, Any]) -> str:
    """How much of the host's measured peaks the variant reaches, in a sentence; empty where no share is known."""
    parts = []
    for key, name in (("flops", "peak_gflops"), ("bandwidth", "peak_gbytes_per_s")):
        share, peak = profile.get(f"share_of_peak_{key}"), profile.get(name)
        if share is not None and peak is not None:
            parts.append(t(f"profile.peak.{key}", share=significant(100 * share), peak=significant(peak)))
    return " ".join([*parts, t("profile.peak.note")]) if parts else ""


def _where(result: Mapping[str, Any], profile: Mapping[str, Any]) -> str:
    length = t(f"profile.length.{result['kind']}", length=profile["sequence"])
    threads = profile["threads"]
    words = "profile.shape.one" if threads == 1 else "profile.shape"
    shape = t(words, batch=profile["batch"], length=length, threads=threads)
    return f"{shape}; {_host_and_date(result)}"


def _host_and_date(result: Mapping[str, Any]) -> str:
    return t("chart.where.host", host=sentence(host_text(result["host"])), date=short_date(result["finished_at"]))


def _side_by_side(key: str, rows: Sequence[Mapping[str, Any]], unit: str, scale: float, where: str) -> SideBySide:
    field = "bytes" if unit == "MB" else "ms"

    def values(side: str) -> tuple[float | None, ...]:
        found = (row[f"{side}_{field}"] for row in rows)
        return tuple(None if value is None else value * scale for value in found)

    return SideBySide(
        key=key,
        title=t(f"profile.{key}.title"),
        subtitle=where,
        x_title=t(f"profile.{key}.x"),
        unit=unit,
        names=tuple(t("profile.other") if row["name"] == OTHER else row["name"] for row in rows),
        variant=values("variant"),
        baseline=values("baseline"),
    )


def _without_small(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows with at least a hundredth of either side's time, the others summed into the last."""
    totals = {side: sum(row[side] or 0.0 for row in rows) or 1.0 for side in ("variant_ms", "baseline_ms")}

    def large(row: Mapping[str, Any]) -> bool:
        return row["name"] != OTHER and any((row[side] or 0.0) >= SMALL * totals[side] for side in totals)

    rest = [row for row in rows if not large(row)]
    summed = {side: sum(row[side] or 0.0 for row in rest) for side in totals}
    return [row for row in rows if large(row)] + ([{"name": OTHER, **summed}] if rest else [])


def _hover(info: SideBySide, side: str, name: str, value: float | None) -> str:
    if value is None:
        return ""
    share = 100 * value / (info.total(side) or 1.0)
    return style.plain(
        t(
            "profile.hover",
            name=name,
            side=t(f"profile.side.{side}"),
            value=f"{significant(value)} {info.unit}",
            share=significant(share),
        )
    )
