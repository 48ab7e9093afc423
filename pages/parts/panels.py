"""The trade-off charts of the chosen devices: one each, or both in one."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.budget import Budget
from explorer.charts import TradeoffInfo, side_by_side, tradeoff_info
from explorer.estimated_rows import estimated_rows
from explorer.latest import Latest
from explorer.measure.devices import device as known_device
from explorer.measure.targets import targets
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import Variant
from pages.parts import budgeting, data, empty, glossary, marks, state, tradeoffs
from pages.parts.filters import View

_both: Latest[list[Variant]] = Latest(1)
EXPLAINED = ("front", "knee", "interval", "latency")


def draw(rows: list[Variant], view: View, budget: Budget) -> None:
    """The chosen charts and what was picked on them; a variant that is selected or hovered lights up in each."""
    if view.joined or len(view.devices) == 1:
        charts, details = st.columns([3, 2], gap="large")
        _picked(details, st.container())
        with charts:
            if view.joined:
                _joined(rows, view, budget)
            else:
                _panel(rows, view, view.devices[0], budget, _info(rows, view, view.devices[0], budget))
            _estimate(view)
            glossary.explain("charts", *EXPLAINED)
    else:
        charts, details = st.container(), st.container()
        _picked(details, details)
        infos = side_by_side([_info(rows, view, device, budget) for device in view.devices])
        columns = charts.columns(len(infos), gap="large")
        for column, device, info in zip(columns, view.devices, infos, strict=True):
            with column:
                _panel(rows, view, device, budget, info)
        with charts:
            _estimate(view)
            glossary.explain("charts", *EXPLAINED)
    marks.follow(with_filters=True)


def _picked(figures: DeltaGenerator, reasons: DeltaGenerator) -> None:
    """What was picked: drawn before the chart, so that a click is answered before it is drawn again."""
    with figures:
        tradeoffs.picked()
    with reasons:
        tradeoffs.explained()


def _info(rows: list[Variant], view: View, device: str, budget: Budget) -> TradeoffInfo:
    where = t("chart.where", target=target_title(view.target(device)), batch=view.batch)
    chosen = view.rows(rows, device)
    return tradeoff_info(chosen, view.axes, where, state.selected(), budget, data.kin(), data.models())


def _panel(rows: list[Variant], view: View, device: str, budget: Budget, info: TradeoffInfo) -> None:
    """The chart of one device with the best of what fits the budget, or the reason why there is none."""
    target, chosen = view.target(device), view.rows(rows, device)
    if info.empty:
        _reason(view, device, chosen, info.empty)
        return
    tradeoffs.chart(info, f"chart-{target}")
    budgeting.best(chosen, budget, info, device)
    tradeoffs.front_table(info, chosen)


def _joined(rows: list[Variant], view: View, budget: Budget) -> None:
    """The chart of both devices with the best on each, and the reason why one of them has no marks."""
    by_device = {device: view.rows(rows, device) for device in view.devices}
    chosen_rows = tuple(by_device.values())
    both = _both.of(chosen_rows, None, lambda: [row for chosen in chosen_rows for row in chosen])
    where = t("chart.where.joined", runtime=t(f"runtime.{view.runtime}"), batch=view.batch)
    info = tradeoff_info(both, view.axes, where, state.selected(), budget, data.kin(), data.models())
    if not info.empty:
        tradeoffs.chart(info, "chart-joined")
    for device, chosen in by_device.items():
        if view.target(device) in info.targets:
            budgeting.best(chosen, budget, info, device, t("where.cpu" if device == "cpu" else "where.gpu"))
        else:
            _reason(view, device, chosen, tradeoff_info(chosen, view.axes).empty or "")
    if not info.empty:
        tradeoffs.front_table(info, both)


def _reason(view: View, device: str, chosen: list[Variant], words: str) -> None:
    """Why a device has no marks: ``words``, or that its target is not here."""
    target = view.target(device)
    if target not in targets():
        runtime, place = t(f"runtime.{view.runtime}"), t("where.cpu" if device == "cpu" else "where.gpu")
        empty.reason(place, t("runtime.not_here", runtime=runtime, place=place))
        return
    missing = None if chosen else data.missing(target)
    if missing:
        empty.reason(
            target_title(target), t("chart.unavailable", reason=sentence(missing)), sentence(data.recorded_notes())
        )
    else:
        empty.reason(target_title(target), words if chosen else t("chart.empty.filters", filters=view.words()))


def _estimate(view: View) -> None:
    """The chart of a device that nobody has here, where one is chosen; hollow marks and no front."""
    if view.estimate is None:
        return
    rows, name = estimated_rows(data.runs(), view.estimate), known_device(view.estimate).name
    chosen = view.estimates(rows)
    where = t("chart.where.estimated", device=name, batch=view.batch)
    info = tradeoff_info(chosen, view.axes, where, state.selected(), kin=data.kin(), models=data.models())
    if not rows:
        empty.reason(name, t("estimate.uncounted"))
    elif not view.axes.x_quantity.on_target:
        empty.reason(name, t("estimate.axis"))
    elif info.empty:
        empty.reason(name, info.empty)
    else:
        tradeoffs.chart(info, f"chart-estimated-{view.estimate}")
        glossary.explain("estimate", "roofline")
