"""Chosen variants side by side."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.charts import compare_figure, compare_info, credit, stacks_figure, stacks_info, without_profile
from explorer.comparison import bars, recipe_difference
from explorer.comparison import table as facts
from explorer.store import RunRow
from explorer.texts import t
from explorer.variants import flatten
from pages.parts import data, glossary, state
from pages.parts.naming import namer, short_names
from pages.parts.page import safe, theme
from pages.parts.pictures import draw
from pages.parts.tables import fact_table, side_by_side, table


def picker() -> list[RunRow]:
    """Choose two to six variants; begins with those that were sent here, else with those that are selected."""
    by_run = {row.run: row for row in data.finished()}
    compared, selected = ([run for run in runs if run in by_run] for runs in (state.compared(), state.selected()))
    sent = compared or selected
    state.remember_value("compare-picker", sent[: state.MOST_COMPARED])
    chosen = st.multiselect(
        t("compare.pick"),
        list(by_run),
        key="compare-picker",
        max_selections=state.MOST_COMPARED,
        placeholder=t("word.choose"),
        format_func=namer(by_run),
        on_change=lambda: state.compare(st.session_state["compare-picker"]),
    )
    if len(sent) > state.MOST_COMPARED:
        st.info(t("compare.too_many", most=state.MOST_COMPARED, count=len(sent)))
    return [data.whole(by_run[run]) for run in chosen]


def differences(rows: list[RunRow]) -> None:
    """Every quantity of every variant, with intervals and what lies within noise."""
    if len({row.model for row in rows}) > 1:
        st.info(t("compare.models_differ"))
    if len({(row.recorded, row.imported) for row in rows}) > 1:
        st.info(t("compare.hosts_differ"))
    with side_by_side("facts"):
        fact_table([t("column.quantity"), *_names(rows)], facts([row.result or {} for row in rows]))
    glossary.explain("compare", "interval", "mcnemar", "macro_f1", "calibration", "latency")


def bars_chart(rows: list[RunRow]) -> None:
    """Size and latency as percent of the baseline."""
    names = short_names(rows)
    info = compare_info([replace(bars(row), label=names[row.run]) for row in rows])
    draw(compare_figure(info, theme()), info.title, "compare-bars", credit=credit(flatten(rows)))


def stacks(rows: list[RunRow]) -> None:
    """Where time and bytes go, side by side, for those that were profiled."""
    names, results = _names(rows), [row.result or {} for row in rows]
    charts = stacks_info(names, results)
    if not charts:
        return
    profiled = credit(flatten(row for row in rows if (row.result or {}).get("profile")))
    st.subheader(t("compare.stacks"), anchor=False)
    for column, info in zip(st.columns(len(charts), gap="large"), charts, strict=True):
        with column:
            draw(stacks_figure(info, theme()), info.title, f"stacks-{info.key}", credit=profiled)
    missing = without_profile(names, results)
    if missing:
        st.caption(safe(missing))


def recipes(rows: list[RunRow]) -> None:
    """The settings in which the recipes differ."""
    difference = recipe_difference([row.recipe for row in rows])
    if difference:
        with side_by_side("recipes"):
            table(
                [t("column.setting"), *_names(rows)],
                [[name, *cells] for name, cells in difference],
                range(1, len(rows) + 1),
            )
    else:
        st.markdown(t("compare.same_recipe"))


def _names(rows: list[RunRow]) -> list[str]:
    return list(short_names(rows).values())
