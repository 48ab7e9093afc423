"""The latency of one variant over batch sizes and lengths or image sizes."""

from __future__ import annotations

import streamlit as st

from explorer.charts import GRID_MEASURES, grid_figure, grid_info, grid_targets
from explorer.quantities import short_date
from explorer.store import RunRow
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import host_of
from pages.parts.page import safe, theme
from pages.parts.pictures import draw


def section(row: RunRow) -> None:
    """A heatmap for the target and the measure of the reader's choice; nothing where there are fewer than 3 shapes."""
    result = row.result or {}
    targets = grid_targets(result) if result else []
    if not targets:
        return
    kind = result.get("kind", "text")
    with st.expander(t("grid.title", by=t(f"chart.grid.by.{kind}")), icon=":material/grid_view:"):
        left, right = st.columns(2)
        target = left.selectbox(t("grid.target"), targets, key=f"grid-target-{row.run}", format_func=target_title)
        measure = right.segmented_control(
            t("grid.measure"),
            GRID_MEASURES,
            default=GRID_MEASURES[0],
            key=f"grid-measure-{row.run}",
            format_func=lambda name: t(f"grid.measure.{name}"),
            required=True,
            wrap=True,
        )
        host, date = sentence(host_of(result["host"], target)), short_date(result["finished_at"])
        where = t("chart.where.host", host=host, date=date)
        info = grid_info(result, target, measure or GRID_MEASURES[0], where)
        alt = f"{info.title}. {info.subtitle}"
        draw(grid_figure(info, theme()), alt, f"grid-chart-{row.run}")
        st.caption(" ".join([t(f"grid.caption.{kind}"), *(safe(sentence(reason)) for reason in info.reasons)]))
