"""The trade-off charts and what was picked on them."""

from __future__ import annotations

import streamlit as st

from explorer.budget import Budget
from explorer.charts import TradeoffInfo, tradeoff_figure, tradeoff_info
from explorer.measure.devices import device as known_device
from explorer.measure.targets import targets
from explorer.quantities import QUANTITIES
from explorer.texts import t, target_title
from explorer.variants import Variant, estimated_rows
from pages.parts import budgeting, data, empty, run_details, state
from pages.parts.filters import View
from pages.parts.page import go, safe, theme
from pages.parts.pictures import chart_config
from pages.parts.tables import table


def panels(rows: list[Variant], view: View, budget: Budget) -> None:
    """One chart per device, side by side when there are two; a selected variant is lit up in each."""
    if len(view.devices) == 1:
        chart, details = st.columns([3, 2], gap="large")
        with chart:
            panel(rows, view, view.devices[0], budget)
            estimate(view)
        with details:
            picked()
        return
    for column, device in zip(st.columns(len(view.devices), gap="large"), view.devices, strict=True):
        with column:
            panel(rows, view, device, budget)
    estimate(view)
    picked()


def estimate(view: View) -> None:
    """The chart of a device that nobody has here, where one is chosen; hollow marks and no front."""
    if view.estimate is None:
        return
    rows, name = estimated_rows(data.runs(), view.estimate), known_device(view.estimate).name
    chosen = view.estimates(rows)
    where = t("chart.where.estimated", device=name, batch=view.batch)
    info = tradeoff_info(chosen, view.axes, where, state.selected())
    if not rows:
        empty.reason(name, t("estimate.uncounted"))
    elif not view.axes.x_quantity.on_target:
        empty.reason(name, t("estimate.axis"))
    elif info.empty:
        empty.reason(name, info.empty)
    else:
        chart(info, f"chart-estimated-{view.estimate}")


def panel(rows: list[Variant], view: View, device: str, budget: Budget) -> None:
    """The chart of one device with the best of what fits the budget, or the reason why there is none."""
    target = view.target(device)
    if target not in targets():
        runtime, place = t(f"runtime.{view.runtime}"), t("where.cpu" if device == "cpu" else "where.gpu")
        empty.reason(place, t("runtime.not_here", runtime=runtime, place=place))
        return
    title = target_title(target)
    chosen = view.rows(rows, device)
    where = t("chart.where", target=title, batch=view.batch)
    info = tradeoff_info(chosen, view.axes, where, state.selected(), budget)
    if info.empty and not chosen:
        reason = data.missing(target)
        words = t("chart.unavailable", reason=reason) if reason else info.empty
        empty.reason(title, words, data.recorded_notes() if reason else "")
        return
    if info.empty:
        empty.reason(title, info.empty)
        return
    chart(info, f"chart-{target}")
    budgeting.best(chosen, budget, device)
    _front_table(info, chosen)


def chart(info: TradeoffInfo, key: str) -> bool:
    """The figure; a click or a box selects runs. True when that happened just now."""
    st.plotly_chart(
        tradeoff_figure(info, theme()),
        theme=None,
        key=key,
        config=chart_config(),
        on_select=lambda: _pick(key),
        selection_mode=("points", "box"),
        alt=f"{info.title}. {info.subtitle}",
    )
    knee = f" {t('chart.knee')}" if any(mark.knee for mark in info.marks) else ""
    st.caption(safe(info.caption) + knee)
    return st.session_state.pop("picked-on", None) == key


def _pick(key: str) -> None:
    """Keep the run ids of what was picked. An empty event may only mean that the chart was drawn anew: ignore it."""
    points = st.session_state[key]["selection"]["points"]
    runs = [point["customdata"][0] for point in points if point.get("customdata")]
    if runs:
        state.pick(runs)
        st.session_state["picked-on"] = key


def _front_table(info: TradeoffInfo, rows: list[Variant]) -> None:
    """The front in figures, for people and programs that do not read charts."""
    front = dict.fromkeys(run for front in info.fronts for run in front.runs)
    by_run = {row.run: row for row in rows}
    keys = ("accuracy", "file_size", "latency", "speedup")
    several = len({row.model for row in rows}) > 1
    with st.expander(t("front.title", count=len(front))):
        table(
            [t("column.label"), *(QUANTITIES[key].title for key in keys)],
            [[_named(by_run[run], several), *(QUANTITIES[key].write(by_run[run]) for key in keys)] for run in front],
            range(1, 5),
        )


def _named(row: Variant, several_models: bool) -> str:
    """The variant's label; with its model where several are shown, and whether it was recorded."""
    name = f"{row.label} · {row.model}" if several_models else row.label
    return f"{name} ({t('word.recorded')})" if row.recorded else name


def picked() -> None:
    """The details of the shown run; what to do with several; else how to pick one."""
    runs = state.selected()
    st.toggle(t("picked.collect"), key="collect", help=t("picked.collect.help"), persist_state="session")
    if len(runs) > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("picked.several", count=len(runs)))
            if st.button(t("picked.compare"), key="compare-picked"):
                state.compare(runs)
                go("compare")
    row = data.find(runs[-1]) if runs else None
    with st.container(border=True):
        if row is None or not row.result:
            st.markdown(
                t("picked.none" if not runs else "picked.baseline" if _is_baseline(runs[-1]) else "picked.gone")
            )
        else:
            run_details.variant(row)
    if runs:
        st.button(t("picked.clear"), type="tertiary", on_click=state.select, args=([],), key="clear-picked")


def _is_baseline(run: str) -> bool:
    return run.startswith("baseline-of-")
