"""The charts of several variants: to look at, to save one by one as a picture, or all in one file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer.charts import Axes, TradeoffInfo, tradeoff_figure, tradeoffs_by_task
from explorer.charts.saved import charts_html
from explorer.charts.tradeoff import drawing
from explorer.report import places
from explorer.store import RunRow
from explorer.texts import language, t, target_title
from explorer.variants import choose
from pages.parts import data, downloads, pictures
from pages.parts.page import safe, theme

ACROSS = ("file_size", "latency")
"""What accuracy is drawn against, a chart for each."""
MOST_NAMED = 6
"""So many variants have their names beside their marks."""


def section(rows: list[RunRow]) -> None:
    """Accuracy against size and latency where most of the variants were measured, and the file with all of them."""
    st.subheader(t("several.charts.section"), anchor=False)
    by_task = charts(rows)
    for place, infos in enumerate(by_task):
        for column, name, info in zip(st.columns(len(infos), gap="large"), ACROSS, infos, strict=True):
            with column:
                _chart(info, f"several-{name}-{place}")
    drawn = [info for infos in by_task for info in infos if not info.empty]
    if not drawn:
        return
    downloads.button(
        t("several.charts"),
        partial(make_charts, drawn, pictures.chosen()),
        "charts.html",
        "text/html",
        icon=":material/scatter_plot:",
    )


def _chart(info: TradeoffInfo, key: str) -> None:
    if info.empty:
        st.info(safe(info.empty))
        return
    pictures.draw(tradeoff_figure(info, theme(), see_through=True), _name(info), key, drawing(info), info.credit)
    st.caption(safe(info.caption))


def charts(rows: Sequence[RunRow]) -> list[tuple[TradeoffInfo, ...]]:
    """By task the charts of these variants and their baselines: recorded variants have recorded ones."""
    target, batch = (places(rows) or [("cpu-onnxruntime", 1)])[0]
    runs, beside = {row.run for row in rows}, {(row.model, row.recorded) for row in rows}
    there = [
        one
        for one in choose(data.variants(), target, batch, dict.fromkeys(model for model, _ in beside))
        if one.run in runs or (one.baseline and (one.model, one.recorded) in beside)
    ]
    where = t("chart.where", target=target_title(target), batch=batch)
    named = [row.run for row in rows] if len(rows) <= MOST_NAMED else []
    tasks = (tradeoffs_by_task(there, Axes(x), where, named, data.models()) for x in ACROSS)
    return list(zip(*tasks, strict=True))


def make_charts(infos: Sequence[TradeoffInfo], form: pictures.PictureFormat) -> str:
    """The content of the file, made when the button is clicked; light, as on paper."""
    figures = [(_name(info), tradeoff_figure(info, "light", see_through=True), info.caption) for info in infos]
    return charts_html(t("several.charts.title"), figures, language(), form)


def _name(info: TradeoffInfo) -> str:
    return f"{info.title}. {info.subtitle}"
