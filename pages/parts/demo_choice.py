"""What is demonstrated: one to three finished runs of one model, and the runtime in which they answer."""

from __future__ import annotations

import streamlit as st

from explorer.measure.targets import targets
from explorer.serving.lineup import Lineup
from explorer.store import RunRow
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from pages.parts import data, state
from pages.parts.naming import namer
from pages.parts.page import safe

MOST_BESIDE = 2


def candidates() -> list[RunRow]:
    """Finished runs that compressed something: one's own first, the newest of them before the others."""
    rows = [row for row in reversed(data.finished()) if row.families]
    return sorted(rows, key=lambda row: row.recorded)


def variants(rows: list[RunRow]) -> list[RunRow]:
    """Choose one of ``rows``, and up to two of the same model beside it; begins with those that were shown last."""
    by_run = {row.run: row for row in rows}
    shown = state.shown()
    state.remember_value("demo-picker", shown if shown in by_run else rows[0].run)
    if st.session_state["demo-picker"] not in by_run:
        del st.session_state["demo-picker"]
    left, right = st.columns(2)
    run = left.selectbox(
        t("demo.pick"),
        list(by_run),
        key="demo-picker",
        format_func=namer(by_run),
        on_change=_light_up,
    )
    first = by_run[run]
    others = {} if first.recorded else {row.run: row for row in rows if row.run != run and _of_one_model(row, first)}
    given = st.session_state.get("demo-beside", state.selected()[:-1])
    st.session_state["demo-beside"] = [other for other in given if other in others][-MOST_BESIDE:]
    if not others:
        return [data.whole(first)]
    beside = right.multiselect(
        t("demo.beside"),
        list(others),
        key="demo-beside",
        max_selections=MOST_BESIDE,
        placeholder=t("demo.beside.none"),
        format_func=namer(others),
        on_change=_light_up,
    )
    return [data.whole(first), *(data.whole(others[other]) for other in beside)]


def target(lineup: Lineup, wished: list[str]) -> str | None:
    """Choose a runtime of this machine that can run all of them; begins with the first of those ``wished``.

    None after a sentence that says why there is none.
    """
    missing = {name: data.missing(name) for name in targets()}
    here = {name: lineup.reason_against(name) for name in targets() if missing[name] is None}
    fitting = [name for name, reason in here.items() if reason is None]
    if not fitting:
        reasons = [reason for reason in (*here.values(), *missing.values()) if reason]
        st.info(t("demo.no_runtime", reason=safe(sentence(reasons[0]))))
        return None
    first = next((name for name in wished if name in fitting), fitting[0])
    if state.remember_value("demo-target", first) not in fitting:
        st.session_state["demo-target"] = first
    chosen = st.selectbox(t("demo.target"), fitting, key="demo-target", format_func=target_title)
    by_reason: dict[str, list[str]] = {}
    for name, reason in here.items():
        if reason is not None:
            by_reason.setdefault(reason, []).append(target_title(name))
    for reason, names in by_reason.items():
        words = {"targets": t("word.semicolon").join(names), "reason": sentence(reason).rstrip(".。")}
        st.caption(safe(t("demo.target.not", **words)))
    return chosen


def _of_one_model(row: RunRow, first: RunRow) -> bool:
    return not row.recorded and row.model == first.model and row.recipe.get("data") == first.recipe.get("data")


def _light_up() -> None:
    """The selection in the address follows; the one that was chosen first comes last, as the one that is shown."""
    state.select([*st.session_state.get("demo-beside", []), st.session_state["demo-picker"]])
