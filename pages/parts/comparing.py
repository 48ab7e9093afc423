"""Chosen variants side by side."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer import labels
from explorer.charts import compare_figure, compare_info, stacks_figure, stacks_info
from explorer.comparison import bars, recipe_difference
from explorer.comparison import table as facts
from explorer.labels import origin
from explorer.measure.targets import targets
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, glossary, state
from pages.parts.page import theme
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
        format_func=lambda run: variant_name(by_run[run]),
        on_change=lambda: state.compare(st.session_state["compare-picker"]),
    )
    if len(sent) > state.MOST_COMPARED:
        st.info(t("compare.too_many", most=state.MOST_COMPARED, count=len(sent)))
    return [data.whole(by_run[run]) for run in chosen]


def variant_name(row: RunRow) -> str:
    """Label and model, whether it was measured on a GPU alone, and where it comes from."""
    known, named = targets(), row.recipe.get("targets") or ()
    devices = {known[name].device for name in named if name in known}
    words = [sentence(row.label), row.model]
    words += [t("where.gpu")] if devices and "cpu" not in devices else []
    return " · ".join(filter(None, [*words, origin(row)]))


def differences(rows: list[RunRow]) -> None:
    """Every quantity of every variant, with intervals and what lies within noise."""
    if len({row.model for row in rows}) > 1:
        st.info(t("compare.models_differ"))
    if len({(row.recorded, row.imported) for row in rows}) > 1:
        st.info(t("compare.hosts_differ"))
    with side_by_side("facts"):
        fact_table([t("column.quantity"), *_names(rows)], facts([row.result or {} for row in rows]))
    glossary.explain("compare", "interval", "latency")


def bars_chart(rows: list[RunRow]) -> None:
    """Size and latency as percent of the baseline."""
    names = short_names(rows)
    info = compare_info([replace(bars(row), label=names[row.run]) for row in rows])
    draw(compare_figure(info, theme()), info.title, "compare-bars")


def stacks(rows: list[RunRow]) -> None:
    """Where time and bytes go, side by side, for those that were profiled."""
    names = short_names(rows)
    charts = stacks_info([names[row.run] for row in rows], [row.result or {} for row in rows])
    if charts:
        st.subheader(t("compare.stacks"), anchor=False)
    for column, info in zip(st.columns(max(len(charts), 1), gap="large"), charts, strict=False):
        with column:
            draw(stacks_figure(info, theme()), info.title, f"stacks-{info.key}")


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


def short_names(rows: list[RunRow]) -> dict[str, str]:
    """By run its label; with its model where they differ, and where it comes from."""
    several = len({row.model for row in rows}) > 1
    return {row.run: labels.shown_name(row, several) for row in rows}


def _names(rows: list[RunRow]) -> list[str]:
    return list(short_names(rows).values())
