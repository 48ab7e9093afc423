"""How far the front came over time, run by run: the hypervolume of accuracy against file size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any

import plotly.graph_objects as go

from explorer import pareto
from explorer.charts import style
from explorer.charts.style import Theme
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import Variant

BETTER = (False, True)
IDLE, UNUSUAL = 0.1, 10
"""Idle is what takes such a share of the whole time, and is so many times as long as what usually lies between runs."""
TICK_SHARE = 0.25
"""How much of a narrow axis a time takes."""
LEGEND_ROW_PX = 20
LOST_POINTS = 20.0
"""The worst corner that counts: the baseline's size, and this many points below its accuracy."""


@dataclass(frozen=True)
class HypervolumeInfo:
    """Per model the share of the rectangle between its baseline and the worst corner that the front covers, in percent.

    ``series`` has one value after each run, in the order in which they finished; ``labels`` are these. ``moments`` are
    the times (ISO, UTC) at which they did; empty where all have one time and only their order is left.
    """

    title: str
    subtitle: str
    series: Mapping[str, tuple[float, ...]]
    labels: Mapping[str, tuple[str, ...]]
    moments: Mapping[str, tuple[str, ...]]


def hypervolume_info(rows: Sequence[Variant], finished: Mapping[str, str], where: str = "") -> HypervolumeInfo:
    """Arrange rows of one target, which ``where`` names; ``finished`` tells by run when it ended (ISO).

    A model without a baseline is left out. The corner is the baseline's file and ``LOST_POINTS`` below its accuracy, so
    that 100 % would be a file of no bytes with the baseline's accuracy; better accuracies count beyond it.
    """
    series, labels, moments = {}, {}, {}
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model and row.available and row.accuracy is not None]
        baseline = next((row for row in own if row.baseline), None)
        ended = sorted((row for row in own if row.run in finished and not row.baseline), key=lambda r: finished[r.run])
        if baseline is not None and ended:
            series[model] = tuple(_shares(baseline, ended))
            labels[model] = tuple(sentence(row.label) for row in ended)
            moments[model] = tuple(_moment(finished[row.run]) for row in ended)
    if len({one for times in moments.values() for one in times}) < 2:
        moments = {}
    subtitle = " · ".join(filter(None, (t("chart.hypervolume.subtitle"), where)))
    return HypervolumeInfo(t("chart.hypervolume.title"), subtitle, series, labels, moments)


def _moment(text: str) -> str:
    """An ISO time as Plotly takes it, which knows no time zones: in UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).replace(tzinfo=None).isoformat()


def _shares(baseline: Variant, ended: Sequence[Variant]) -> list[float]:
    """The covered share after each run, in percent."""
    corner = (1.0, 100 * (baseline.accuracy or 0.0) - LOST_POINTS)
    front: list[tuple[float, float]] = []
    shares = []
    for row in ended:
        front.append((row.file_bytes / baseline.file_bytes, 100 * (row.accuracy or 0.0)))
        front = [point for point, stands in zip(front, pareto.front(front, BETTER), strict=True) if stands]
        shares.append(100 * pareto.hypervolume(front, corner, BETTER) / LOST_POINTS)
    return shares


def hypervolume_figure(info: HypervolumeInfo, theme: Theme = "light", height: int = 340) -> go.Figure:
    """Draw ``info``: a staircase per model, over time where there is one."""
    when = "|%Y-%m-%d %H:%M" if info.moments else ""
    idle = idle_times(info)
    subtitle = f"{info.subtitle}. {t('chart.hypervolume.idle')}" if idle else info.subtitle
    figure = go.Figure(layout=style.base_layout(theme, info.title, subtitle))
    for index, (model, values) in enumerate(info.series.items()):
        figure.add_trace(
            go.Scatter(
                x=info.moments.get(model) or list(range(1, len(values) + 1)),
                y=values,
                mode="lines+markers",
                name=style.plain(model),
                text=[style.plain(label) for label in info.labels[model]],
                hovertemplate=f"%{{x{when}}}. %{{text}}: %{{y:.1f}} %<extra></extra>",
                line={**style.series_line(index), "width": 2, "shape": "hv"},
                marker={"size": 5},
                meta={"leaves_out": {"model": model}},
            )
        )
    named = len(info.series) > 1
    legend_px = LEGEND_ROW_PX * len(info.series) if named else 0
    figure.update_layout(
        height=height + legend_px,
        margin={"t": figure.layout.margin.t + legend_px},
        showlegend=named,
        legend={"orientation": "v", "y": 1, "yanchor": "bottom"},
        xaxis=_time_axis(theme, _sorted(info), idle) if info.moments else style.axis(theme, t("chart.hypervolume.x")),
        yaxis=style.axis(theme, t("chart.hypervolume.y")),
    )
    return figure


def idle_times(info: HypervolumeInfo) -> list[tuple[str, str]]:
    """Beginning and end (ISO, UTC) of the times in which no run finished and that would fill the axis.

    Half of what usually lies between runs stays on both sides, to keep what came after apart from what was before.
    """
    moments = [datetime.fromisoformat(one) for one in _sorted(info)]
    if len(moments) < 2:
        return []
    usual = median_low([after - before for before, after in pairwise(moments)])
    least = max(IDLE * (moments[-1] - moments[0]), UNUSUAL * usual)
    return [
        ((before + usual / 2).isoformat(), (after - usual / 2).isoformat())
        for before, after in pairwise(moments)
        if after - before >= least
    ]


def _sorted(info: HypervolumeInfo) -> list[str]:
    return sorted({one for times in info.moments.values() for one in times})


def _time_axis(theme: Theme, moments: Sequence[str], idle: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """An axis of times without idle ones, and without names of months, which Plotly knows in English only.

    Plotly finds hardly any ticks beside breaks: there they stand where work began again, if that is far enough on.
    """
    more: dict[str, Any] = {}
    if idle:
        more["rangebreaks"] = [{"bounds": list(pair)} for pair in idle]
        more["tickvals"] = _ticks(moments, idle)
    return style.axis(theme, t("chart.hypervolume.x.time"), tickformat="%H:%M\n%Y-%m-%d", tickangle=0, **more)


def _ticks(moments: Sequence[str], idle: Sequence[tuple[str, str]]) -> list[str]:
    """The first moment, and those at which work began again that can be read beside the one before."""
    breaks = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in idle]

    def place(moment: str) -> timedelta:
        """How much of the axis lies before it."""
        at = datetime.fromisoformat(moment)
        left_out = sum((end - start for start, end in breaks if end < at), timedelta())
        return at - datetime.fromisoformat(moments[0]) - left_out

    ticks = [moments[0]]
    for _, end in idle:
        again = next(one for one in moments if one > end)
        if place(again) - place(ticks[-1]) >= TICK_SHARE * place(moments[-1]):
            ticks.append(again)
    return ticks
