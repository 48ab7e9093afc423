"""The runs: those at work with their progress, and a table of all."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st

from explorer.errors import ExplorerError
from explorer.labels import with_origin
from explorer.quantities import QUANTITIES, duration, file_size
from explorer.rundir import ACTIVE
from explorer.seeds import names_of
from explorer.store import RunRow, Store
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, run_card, run_details, run_progress, state, tables, telling
from pages.parts.carrying_on import carry_on
from pages.parts.page import plain_errors

EVERY_S, EVERY_S_WHILE_TIMING, EVERY_S_AT_REST = 1.0, 4.0, 5.0
ROWS_AT_ONCE = 16
MOST_CARDS, ENDED_CARDS = 8, 3
MOST_ROWS = 200
TABLE = "runs-table-"
LETTER_PX, LEAST_LABEL_PX, MOST_LABEL_PX, MOST_LABEL_PX_AT_WORK = 7, 200, 640, 235


def live() -> None:
    """The runs and the shown one in detail, drawn again every second while something is at work.

    While a latency is timed they are drawn less often: this page and its browser use the processor too.
    """
    every_s = _pace(_own_runs())
    # drawn again without the rest of the page, and so without its guard
    st.fragment(plain_errors()(_contents), run_every=every_s)(every_s)


def look_for_news() -> None:
    """While nothing is at work, look now and then whether a run came from another window or a command."""
    if _pace(_own_runs()) is None:
        st.fragment(_draw_again, run_every=EVERY_S_AT_REST)(Store().version())


def _draw_again(seen: int) -> None:
    """Draw the whole page again where the index has changed since it was ``seen``."""
    with suppress(ExplorerError):  # a page that stands says nothing of a disk that is full for a moment
        if Store().version() != seen:
            st.rerun()


def _own_runs() -> list[RunRow]:
    return [row for row in reversed(data.runs()) if not row.recorded]


def _pace(rows: list[RunRow]) -> float | None:
    """Seconds between two drawings; None where nothing is at work."""
    at_work = [row for row in rows if row.state in ACTIVE]
    timing = any(row.state == "running" and row.stage == "measure" for row in at_work)
    return (EVERY_S_WHILE_TIMING if timing else EVERY_S) if at_work else None


def _contents(every_s: float | None) -> None:
    carry_on()
    telling.now()
    rows = _own_runs()
    if _pace(rows) != every_s:
        st.rerun()
    run_card.queue_switch(rows)
    cards, queued = in_view(_in_order(_watched(rows)))
    shown = _shown(rows) if rows else None
    listed = _newest(rows, shown) if shown else []
    names = names_of({row.run: row for row in (*cards, *listed)}.values())
    with st.container(gap="xsmall"):
        for row in cards:
            run_card.card(row, names[row.run])
        if queued:
            st.caption(t("runs.more_queued", count=queued))
    if shown:
        _table(listed, shown, names)
        if len(rows) > MOST_ROWS:
            st.caption(t("runs.table.newest", shown=f"{MOST_ROWS:,}", count=f"{len(rows):,}"))
        run_details.job(shown, names[shown.run])


def _shown(rows: list[RunRow]) -> RunRow:
    """The run that was chosen, which may be older than those that are read; else one at work, else the newest."""
    run = state.shown()
    row = data.find(run) if run else None
    if row is not None and not row.recorded:
        return row
    return next((row for row in rows if row.state == "running"), rows[0])


def _newest(rows: list[RunRow], shown: RunRow) -> list[RunRow]:
    """As many as a table shows at once, and the one in detail."""
    newest = rows[:MOST_ROWS]
    return newest if shown in newest else [*newest, shown]


def _watched(rows: list[RunRow]) -> list[RunRow]:
    """The runs at work, and those that were when the page was opened: a card that went would move all below it."""
    watched = set(state.watch([row.run for row in rows if row.state in ACTIVE]))
    return [row for row in rows if row.run in watched]


def in_view(watched: list[RunRow]) -> tuple[list[RunRow], int]:
    """The cards to draw, where some are over a few of those and then what is at work; how many wait below them."""
    at_work = next((place for place, row in enumerate(watched) if row.state in ACTIVE), len(watched))
    start = max(0, min(at_work - ENDED_CARDS, len(watched) - MOST_CARDS))
    return watched[start : start + MOST_CARDS], len(watched[start + MOST_CARDS :])


def _in_order(rows: list[RunRow]) -> list[RunRow]:
    """What is over or runs in the order of creation, then the queue in its own order."""
    queue = {run: place for place, run in enumerate(Store().in_state("queued"), start=1)}
    return sorted(reversed(rows), key=lambda row: queue.get(row.run, 0))


def _table(rows: list[RunRow], shown: RunRow, names: dict[str, str]) -> None:
    """All runs; the shown one is ticked.

    To the browser a table with other rows is another one: what it still says of the former is not taken for a pick.
    """
    order = [row.run for row in rows]
    key = f"{TABLE}{hash(tuple(order))}"
    st.session_state["runs-table"] = key
    tables.tick(key, [rows.index(shown)])
    labels = [with_origin(names[row.run], row) for row in rows]
    cells = [_cells(row, label) for row, label in zip(rows, labels, strict=True)]
    st.dataframe(
        cells,
        hide_index=True,
        key=key,
        on_select=lambda: _pick(key, order),
        selection_mode="single-row-required",
        height="content" if len(rows) <= ROWS_AT_ONCE else 400,
        alt=t("runs.table"),
        column_order=[name for name in cells[0] if any(row[name] not in ("", None) for row in cells)],
        column_config=_columns(labels, at_work=any(row.state in ACTIVE for row in rows)),
    )
    st.caption(t("runs.table.hint"))


def _columns(labels: list[str], at_work: bool) -> dict[str, Any]:
    """Titles and widths in pixels; names make room where something is ``at_work`` and has more to tell."""
    text, right = st.column_config.TextColumn, {"alignment": "right"}
    return {
        "state": text(t("column.state"), width=80),
        "label": text(t("column.label"), width=_label_px(labels, MOST_LABEL_PX_AT_WORK if at_work else MOST_LABEL_PX)),
        "model": t("column.model"),
        "progress": st.column_config.ProgressColumn(
            t("column.progress"), width=100, format="%.0f %%", min_value=0, max_value=100
        ),
        "now": text(t("column.now"), width=145),
        "left": text(t("column.left"), width=130, **right),
        "accuracy": text(t("column.accuracy"), width="small", **right),
        "size": text(t("column.size"), width="small", **right),
        "speedup": text(QUANTITIES["speedup"].title, width="small", **right),
        "took": text(t("column.took"), width=90, **right),
        "study": text(t("column.study"), width="small"),
        "when": text(t("column.when"), width=130),
    }


def _label_px(labels: list[str], most: int) -> int:
    """Room for the longest name; a cell shows no more than fits."""
    return min(max(LEAST_LABEL_PX, *(LETTER_PX * len(label) for label in labels)), most)


def _cells(row: RunRow, label: str) -> dict[str, Any]:
    result = row.result or {}
    measured = [entry["value"] for entry in result.get("accuracy", ()) if entry.get("value") is not None]
    speedups = [entry["speedup"] for entry in result.get("latency", ()) if entry.get("speedup") is not None]
    return {
        "state": run_progress.state_word(row),
        "label": label,
        "model": row.model,
        **_at_work(row),
        "accuracy": f"{100 * measured[0]:.1f} %" if measured else "",
        "size": file_size(result["size"]["file_bytes"]) if result else "",
        "speedup": QUANTITIES["speedup"].number(speedups[0]) if speedups and row.families else "",
        "took": duration(result["seconds"]) if result else "",
        "study": ", ".join(row.studies),
        "when": row.created_at[:16].replace("T", " "),
    }


def _at_work(row: RunRow) -> dict[str, Any]:
    """How far a run is, what it does or waits for, and how long yet; empty where there is nothing to tell."""
    if row.state == "running":
        return {
            "progress": 100 * run_progress.share(row),
            "now": run_progress.doing(row),
            "left": run_progress.left(row),
        }
    return {"progress": None, "now": sentence(row.text or "") if row.state in ACTIVE else "", "left": ""}


def _pick(key: str, order: list[str]) -> None:
    """Rows are numbers in the table's order; what is kept is the run's id."""
    if key == st.session_state["runs-table"]:
        for row in st.session_state[key]["selection"]["rows"]:
            state.select([order[row]])
