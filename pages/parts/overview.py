"""The Overview's pieces: three numbers, one chart, three ways to start."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.charts import Axes, tradeoff_info
from explorer.comparison import times_smaller
from explorer.highlights import highlights
from explorer.labels import origin, where
from explorer.quantities import QUANTITIES
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import Variant, choose, model_of
from pages.parts import data, glossary, launch, marks, state, tradeoffs
from pages.parts.page import go, safe

TARGET, BATCH = "cpu-onnxruntime", 1


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
    with count, _card(t("overview.measured"), f"{best.variants:,}", note):
        if not data.has_own():
            launch.example_button("overview-example")


def _number(key: str, row: Variant | None, quantity: str, note: str) -> None:
    value = QUANTITIES[quantity].of(row) if row else None
    if row is None or value is None:
        _card(t(key), t("overview.none_yet"), t("overview.none_yet.note"), t("overview.noise.help"))
    else:
        words = [note, sentence(row.label)]
        if row.reported or origin(row):
            words.append(where(row))
        _card(t(key), QUANTITIES[quantity].number(value), " · ".join(words), t("overview.noise.help"))


def _card(label: str, value: str, note: str, help: str | None = None) -> DeltaGenerator:
    """A figure with its note; returns what more can be put below them."""
    card = st.container(border=True, height="stretch", gap="xsmall")
    with card:
        st.metric(label, value, help=help)
        st.caption(safe(note))
    return card


def _times_smaller(row: Variant | None, baseline: Variant | None) -> str:
    return times_smaller(baseline.file_bytes, row.file_bytes) if row and baseline else ""


def chart(rows: list[Variant], model: str) -> None:
    """Accuracy against file size of that model; a click leads to the details."""
    where = t("chart.where", target=target_title(TARGET), batch=BATCH)
    chosen = choose(rows, TARGET, BATCH, [model])
    info = tradeoff_info(chosen, Axes(), where, state.selected(), models=data.models())
    if info.empty:
        st.info(safe(info.empty))
        return
    tradeoffs.chart(info, "chart-overview")
    glossary.explain("overview", "front", "knee", "mcnemar")
    marks.follow()
    if state.picked_on("overview"):
        go("trade_offs")


def ways_to_start(rows: list[Variant]) -> None:
    """Three doors."""
    for column, name in zip(st.columns(3), ("compress", "trade_offs", "export"), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{t(f'overview.{name}.title')}**")
            st.markdown(t(f"overview.{name}.text"))
            if st.button(t(f"go.{name}"), key=f"go-{name}", type="primary" if name == "compress" else "secondary"):
                go(name)
            if name == "compress" and (data.has_own() or not rows):
                launch.example_button("overview-example")
