"""The runs: those at work with their progress, and a table of all."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer import jobs
from explorer.quantities import duration, file_size, significant
from explorer.rundir import ACTIVE
from explorer.store import RunRow
from explorer.texts import t
from pages.parts import data, run_details, state
from pages.parts.page import plain_errors, safe

EVERY_S, EVERY_S_WHILE_TIMING = 1.0, 4.0
ROWS_AT_ONCE = 10


def live() -> None:
    """The runs and the shown one in detail, drawn again every second while something is at work.

    While a latency is timed they are drawn less often: this page and its browser use the processor too.
    """
    every_s = _pace(_own_runs())
    # drawn again without the rest of the page, and so without its guard
    st.fragment(plain_errors()(_contents), run_every=every_s)(every_s)


def _own_runs() -> list[RunRow]:
    return [row for row in reversed(data.runs()) if not row.recorded]


def _pace(rows: list[RunRow]) -> float | None:
    """Seconds between two drawings; None where nothing is at work."""
    at_work = [row for row in rows if row.state in ACTIVE]
    timing = any(row.state == "running" and row.stage == "measure" for row in at_work)
    return (EVERY_S_WHILE_TIMING if timing else EVERY_S) if at_work else None


def _contents(every_s: float | None) -> None:
    rows = _own_runs()
    at_work = [row for row in rows if row.state in ACTIVE]
    if _pace(rows) != every_s:
        st.rerun()
    for row in reversed(at_work):
        _progress(row)
    if rows:
        _table(rows)
        shown = next((row for row in rows if row.run == state.shown()), rows[0])
        run_details.job(shown)


def _progress(row: RunRow) -> None:
    """One run at work: what it does, how far it is, how long it takes, and a way to stop it."""
    with st.container(border=True):
        title, button = st.columns([5, 1], vertical_alignment="center")
        title.markdown(f"**{safe(row.label)}** · {safe(row.model)} · {t(f'state.{row.state}')}")
        if button.button(t("runs.cancel"), key=f"cancel-{row.run}", width="stretch"):
            with plain_errors():
                jobs.cancel(row.run)
                st.toast(t("runs.cancelling"))
        st.progress(min(max(row.fraction or 0.0, 0.0), 1.0), text=_now(row))


def _now(row: RunRow) -> str:
    """What it does now, its speed and the time left."""
    parts = [safe(row.text or t(f"state.{row.state}.text"))]
    if row.samples_per_s:
        parts.append(t("runs.speed", rate=significant(row.samples_per_s)))
    if row.seconds_left is not None:
        parts.append(t("runs.left", time=duration(row.seconds_left)))
    return " · ".join(parts)


def _table(rows: list[RunRow]) -> None:
    st.session_state["runs-order"] = [row.run for row in rows]
    right = {"alignment": "right"}
    st.dataframe(
        [_cells(row) for row in rows],
        hide_index=True,
        key="runs-table",
        on_select=_pick,
        selection_mode="single-row",
        height="content" if len(rows) <= ROWS_AT_ONCE else 400,
        alt=t("runs.table"),
        column_config={
            "state": st.column_config.TextColumn(t("column.state"), width=80),
            "label": st.column_config.TextColumn(t("column.label"), width=300),
            "model": t("column.model"),
            "accuracy": st.column_config.TextColumn(t("column.accuracy"), width="small", **right),
            "size": st.column_config.TextColumn(t("column.size"), width="small", **right),
            "took": st.column_config.TextColumn(t("column.took"), width="small", **right),
            "study": st.column_config.TextColumn(t("column.study"), width="small"),
            "when": st.column_config.TextColumn(t("column.when"), width=130),
        },
    )
    st.caption(t("runs.table.hint"))


def _cells(row: RunRow) -> dict[str, Any]:
    result = row.result or {}
    measured = [entry["value"] for entry in result.get("accuracy", ()) if entry.get("value") is not None]
    return {
        "state": t(f"state.{row.state}"),
        "label": row.label,
        "model": row.model,
        "accuracy": f"{100 * measured[0]:.1f} %" if measured else "",
        "size": file_size(result["size"]["file_bytes"]) if result else "",
        "took": duration(result["seconds"]) if result else "",
        "study": ", ".join(row.studies),
        "when": row.created_at[:16].replace("T", " "),
    }


def _pick() -> None:
    """Rows are numbers in the table's order when it was drawn; what is kept is the run's id."""
    rows = st.session_state["runs-table"]["selection"]["rows"]
    order = st.session_state.get("runs-order", [])
    if rows and rows[0] < len(order):
        state.select([order[rows[0]]])
