"""All variants that the charts show as a table: sorted and searched in place, with the same selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from explorer.budget import Budget
from explorer.labels import shown_name, where
from explorer.latest import Latest
from explorer.quantities import QUANTITIES
from explorer.seeds import names_of
from explorer.texts import language, t
from explorer.variants import Variant
from pages.parts import data, linked, state, tables, view_charts

COLUMNS = ("accuracy", "difference", "file_size", "zipped_size", "parameters", "latency", "speedup")
MORE = ("latency_p90", "latency_p95", "latency_p99", "throughput", "memory", "cold_start")
"""Columns that a reader can add: a table of all of them is wide, and slow with ten thousand rows."""
ROWS_AT_ONCE = 16
_tables: Latest[tuple[list[str], pa.Table]] = Latest(1)


def draw(rows: list[Variant], budget: Budget, targets: Sequence[str]) -> None:
    """One row per variant and target; ticking rows selects their variants everywhere."""
    keys, several = _chosen(), len(targets) > 1
    made = budget, keys, several, language()
    runs, cells = _tables.of((rows,), made, lambda: _table(rows, budget, keys, several))
    key = f"variants-table-{'-'.join(targets)}"
    lit = state.selected()
    st.session_state[f"{key}-order"] = runs
    tables.tick(key, [place for place, run in enumerate(runs) if run in lit])
    st.dataframe(
        cells,
        hide_index=True,
        key=key,
        on_select=lambda: _pick(key),
        selection_mode="multi-row",
        height="content" if len(runs) <= ROWS_AT_ONCE else 460,
        alt=t("table.alt.devices" if several else "table.alt"),
        column_config=_columns(budget, keys),
    )
    st.caption(t("table.hint"))


def _chosen() -> tuple[str, ...]:
    """The quantities that have a column: the usual ones and those that the reader adds."""
    added = linked.pills(t("table.columns"), MORE, [], "columns", lambda key: QUANTITIES[key].title)
    return (*COLUMNS, *(key for key in MORE if key in added))


def _table(
    rows: list[Variant], budget: Budget, keys: tuple[str, ...], several_targets: bool
) -> tuple[list[str], pa.Table]:
    """The runs in their order, and what the table says of them."""
    shown = [row for row in rows if row.available and not row.derived]
    listed = {row.run for row in shown}
    labels = names_of(run for run in data.finished() if run.run in listed)
    names = [shown_name(row, False, label=labels.get(row.run, "")) for row in shown]
    cells = [_cells(row, name, budget, keys, several_targets) for row, name in zip(shown, names, strict=True)]
    return [row.run for row in shown], pa.Table.from_pylist(cells)


def _cells(row: Variant, name: str, budget: Budget, keys: tuple[str, ...], several_targets: bool) -> dict[str, Any]:
    words = {"label": name, "model": row.model, "family": t(f"family.{row.family}")}
    if several_targets:
        words["device"] = view_charts.place_words(row.target.partition("-")[0])
    numbers = {key: QUANTITIES[key].of(row) for key in keys}
    place = {"where": where(row), "noise": bool(row.noisy)}
    return words | ({"fits": budget.fits(row)} if budget.given else {}) | numbers | place


def _columns(budget: Budget, keys: tuple[str, ...]) -> dict[str, Any]:
    numbers = {key: st.column_config.NumberColumn(_title(key), format=_format(key)) for key in keys}
    words = {
        "label": st.column_config.TextColumn(t("column.label"), width=300, pinned=True),
        "model": t("column.model"),
        "family": t("column.family"),
        "device": t("column.device"),
        "where": t("column.where"),
        "noise": st.column_config.CheckboxColumn(t("chart.legend.noisy")),
    }
    return words | ({"fits": st.column_config.CheckboxColumn(t("budget.fits"))} if budget.given else {}) | numbers


def _title(key: str) -> str:
    quantity = QUANTITIES[key]
    return f"{quantity.title} ({quantity.unit})"


def _format(key: str) -> str:
    return {"accuracy": "%.1f", "difference": "%+.1f"}.get(key, "%.3g")


def _pick(key: str) -> None:
    """Rows are numbers in the table's order when it was drawn; what is kept are the runs' ids.

    A run that was lit goes out where any of its rows is not ticked any more.
    """
    order, rows = st.session_state.get(f"{key}-order", []), st.session_state[key]["selection"]["rows"]
    ticked, whole, lit = Counter(order[row] for row in rows if row < len(order)), Counter(order), state.selected()
    chosen = [run for run, count in ticked.items() if run not in lit or count == whole[run]]
    state.select([*(run for run in lit if run not in whole), *chosen])
