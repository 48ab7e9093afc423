"""The Overview's pieces: a first step, three numbers, one chart, three ways to start."""

from __future__ import annotations

import streamlit as st

from explorer.choices import choices
from explorer.comparison import times_smaller
from explorer.highlights import highlights
from explorer.labels import origin, where
from explorer.quantities import QUANTITIES
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import Variant, choose, model_of
from explorer.view import View
from pages.parts import data, glossary, launch, marks, state, tradeoffs, view_charts
from pages.parts.left_out import left_out
from pages.parts.page import go, safe

TARGET, BATCH = "cpu-onnxruntime", 1


def first_step() -> bool:
    """Before anything was compressed here: one button, at the top; returns whether there is one."""
    if data.has_own() or launch.known_example() is None:
        return False
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="first-step"):
        launch.example_button("overview-example", first=True)
        st.markdown(t("overview.first"), width="stretch")
    return True


def model_picker(rows: list[Variant]) -> str:
    """Choose the model to look at; begins with that of the selected run, else of the latest own one."""
    models = list(dict.fromkeys(row.model for row in rows))
    first = model_of(rows, state.shown())
    chosen = st.segmented_control(
        t("filter.model"), models, default=first, key="overview-model", required=True, label_visibility="collapsed"
    )
    return chosen or first


def numbers(rows: list[Variant], model: str) -> None:
    """The smallest and the fastest variant that lost nothing measurable, and how many there are."""
    chosen = choose(rows, TARGET, BATCH, [model])
    best = highlights(chosen)
    smallest, fastest, count = st.columns(3)
    with smallest:
        _number("overview.smallest", best.smallest, "file_size", _times_smaller(best.smallest, best.baseline))
    with fastest:
        _number("overview.fastest", best.fastest, "speedup", t("overview.against_baseline"))
    own = sum(not row.recorded and not row.baseline for row in chosen)
    note = t("overview.own_and_recorded", own=own, recorded=best.variants - own)
    with count:
        _card(t("overview.measured"), f"{best.variants:,}", note)


def _number(key: str, row: Variant | None, quantity: str, note: str) -> None:
    value = QUANTITIES[quantity].of(row) if row else None
    if row is None or value is None:
        _card(t(key), t("overview.none_yet"), t("overview.none_yet.note"), t("overview.noise.help"))
    else:
        words = [note, sentence(row.label)]
        if row.reported or origin(row):
            words.append(where(row))
        _card(t(key), QUANTITIES[quantity].number(value), " · ".join(words), t("overview.noise.help"))


def _card(label: str, value: str, note: str, help: str | None = None) -> None:
    """A figure with its note."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.metric(label, value, help=help)
        st.caption(safe(note))


def _times_smaller(row: Variant | None, baseline: Variant | None) -> str:
    return times_smaller(baseline.file_bytes, row.file_bytes) if row and baseline else ""


def chart(rows: list[Variant], model: str) -> None:
    """Accuracy against file size of that model; a click leads to the details, one in the legend filters."""
    view = View(models=(model,), left_out=left_out(choices(rows)))
    (drawn,) = view_charts.measured(rows, view, state.selected())
    for part in drawn.parts:
        if part.reason:
            st.info(safe(part.reason.text))
            return
    tradeoffs.chart(drawn.info, "chart-overview")
    glossary.explain("overview", "front", "knee", "mcnemar")
    marks.follow(with_filters=True)
    if state.picked_on("overview"):
        go("trade_offs")


def ways_to_start(first: bool) -> None:
    """Three doors; compressing is the one to take, unless ``first`` says that the page has a first step to press."""
    for column, name in zip(st.columns(3), ("compress", "trade_offs", "export"), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{t(f'overview.{name}.title')}**")
            st.markdown(t(f"overview.{name}.text"))
            chief = name == "compress" and not first
            if st.button(t(f"go.{name}"), key=f"go-{name}", type="primary" if chief else "secondary"):
                go(name)
            if name == "compress" and data.has_own():
                launch.example_button("overview-example")
