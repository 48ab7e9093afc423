"""The trade-off charts of the chosen devices: one each, or both in one."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.budget import Budget
from explorer.variants import Variant
from explorer.view import View
from pages.parts import budgeting, empty, glossary, marks, state, tradeoffs, view_charts
from pages.parts.view_charts import Chart

EXPLAINED = ("front", "knee", "interval", "latency")
SENT_S = 0.03
"""So long the making of charts waits for details to be sent, which it would take turns with."""


def draw(rows: list[Variant], view: View) -> None:
    """The chosen charts and what was picked on them; a variant that is selected or hovered lights up in each."""
    count = view_charts.count(view)
    if count == 1:
        charts, details = st.columns([3, 2], gap="large")
        _picked(details, st.container())
        columns = [charts]
    else:
        charts, details = st.container(), st.container()
        _picked(details, details)
        columns = charts.columns(count, gap="large")
    budget = view.budget(rows)
    for column, chart in zip(columns, view_charts.measured(rows, view, state.selected()), strict=True):
        with column:
            _measured(chart, budget)
    with charts:
        _estimated(view)
        glossary.explain("charts", *EXPLAINED)
    marks.follow(with_filters=True)


def _picked(figures: DeltaGenerator, reasons: DeltaGenerator) -> None:
    """What was picked: drawn before the charts are made, so that a click is answered before."""
    with figures:
        tradeoffs.picked()
    with reasons:
        tradeoffs.explained()
    time.sleep(SENT_S)


def _measured(chart: Chart, budget: Budget) -> None:
    """A chart with the best of what fits the budget on each of its devices, or the reason why there is none."""
    if chart.drawn:
        tradeoffs.chart(chart.info, chart.key)
    for part in chart.parts:
        if part.reason:
            empty.reason(part.reason.title, part.reason.text, part.reason.note)
        else:
            budgeting.best(part.rows, budget, chart.info, part.device, part.place)
    if chart.drawn:
        tradeoffs.front_table(chart.info, chart.rows)


def _estimated(view: View) -> None:
    chart = view_charts.estimated(view, state.selected())
    if chart is None:
        return
    for part in chart.parts:
        if part.reason:
            empty.reason(part.reason.title, part.reason.text, part.reason.note)
        else:
            tradeoffs.chart(chart.info, chart.key)
            glossary.explain("estimate", "roofline")
