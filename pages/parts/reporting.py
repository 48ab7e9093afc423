"""A report of chosen variants: what stands in it, the download, a preview."""

from __future__ import annotations

import tempfile
from datetime import date
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.charts import Axes
from explorer.quantities import QUANTITIES, X_AXES, Y_AXES
from explorer.report import LONGEST_TITLE, MOST, ReportInfo, places, report_html, report_info
from explorer.store import RunRow
from explorer.texts import t, target_title
from explorer.variants import choose
from pages.parts import data, downloads, glossary, state
from pages.parts.naming import namer

PREVIEW_PX = 760


def picker() -> list[RunRow]:
    """Choose two to six variants; begins with those that are compared, else with those that are selected."""
    by_run = {row.run: row for row in data.finished()}
    sent = [run for run in state.compared() or state.selected() if run in by_run]
    known = [run for run in st.session_state.get("report-picker", sent) if run in by_run]
    st.session_state["report-picker"] = known[:MOST]
    chosen = st.multiselect(
        t("compare.pick"),
        list(by_run),
        key="report-picker",
        max_selections=MOST,
        placeholder=t("word.choose"),
        format_func=namer(by_run),
    )
    return [data.whole(by_run[run]) for run in chosen]


def report(rows: list[RunRow]) -> None:
    """What to say and to draw, the button that saves it, and how it will look."""
    info = _controls(rows)
    downloads.button(
        t("report.download"),
        partial(report_html, info),
        f"report-{info.date}.html",
        "text/html",
        type="primary",
        icon=":material/download:",
    )
    st.caption(t("report.download.note"))
    glossary.explain("report", "wilson", "mcnemar", "macro_f1", "calibration", "latency")
    if st.toggle(t("report.preview"), value=True, key="report-preview"):
        with st.container(border=True):
            _preview(info)


def _preview(info: ReportInfo) -> None:
    """The report as it will look.

    Given as a file: of a text, Streamlit asks whether it is an address, by a function of Python's that remembers the
    last 128 it was given, which would be 3 GB.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_bytes(report_html(info))
        st.iframe(file, height=PREVIEW_PX, alt=t("report.preview.alt", title=info.title))


def _controls(rows: list[RunRow]) -> ReportInfo:
    words, across, up, where = st.columns([4, 2, 2, 3], vertical_alignment="bottom")
    with words:
        title = st.text_input(
            t("report.title"), key="report-title", max_chars=LONGEST_TITLE, placeholder=t("report.title.default")
        )
    with across:
        x = st.selectbox(t("filter.x"), X_AXES, key="report-x", format_func=lambda key: QUANTITIES[key].title)
    with up:
        y = st.selectbox(t("filter.y"), Y_AXES, key="report-y", format_func=lambda key: QUANTITIES[key].title)
    with where:
        target, batch = _place(rows)
    models = dict.fromkeys(row.model for row in rows)
    variants = choose(data.variants(), target, batch, models)
    return report_info(title, date.today().isoformat(), rows, variants, Axes(x, y), target, batch, data.models())


def _place(rows: list[RunRow]) -> tuple[str, int]:
    """Where the chart's times were measured, of what was measured of the chosen variants."""
    found = places(rows) or [("cpu-onnxruntime", 1)]
    place = st.selectbox(
        t("filter.where"),
        range(len(found)),
        key="report-place",
        format_func=lambda place: t("chart.where", target=target_title(found[place][0]), batch=found[place][1]),
    )
    return found[place]
