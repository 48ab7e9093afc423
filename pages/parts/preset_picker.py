"""Steps to start from, for common wishes or saved by somebody, and a way to save the present ones."""

from __future__ import annotations

import streamlit as st

from explorer import presets, trash
from explorer.combinations import COMBINATIONS, Combination
from explorer.technique import ModelKind
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import draft, undo
from pages.parts.guests import allowed
from pages.parts.page import plain_errors, safe
from pages.parts.telling import told_errors


def start(kind: ModelKind | None) -> None:
    """For an empty list: three wishes, the saved presets and the named combinations."""
    st.caption(t("preset.start"))
    with st.container(horizontal=True):
        for wish in presets.WISHES:
            st.button(
                t(f"preset.{wish.name}"),
                key=f"preset-{wish.name}",
                help=t(f"preset.{wish.name}.help"),
                on_click=_start_wish,
                args=(wish, kind),
            )
    _saved(kind)
    _combinations(kind)


def _start_wish(wish: presets.Wish, kind: ModelKind | None) -> None:
    draft.start_from(presets.for_wish(wish, kind))


def _saved(kind: ModelKind | None) -> None:
    undo.section()
    for one in [one for one in presets.saved() if one.suits(kind)]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(safe(one.title), key=f"preset-{one.name}", on_click=_start_saved, args=(one,))
            st.button(
                t("preset.delete"),
                key=f"preset-delete-{one.name}",
                on_click=_delete,
                args=(one,),
                type="tertiary",
                icon=":material/delete:",
                **allowed(),
            )


def _delete(one: Combination) -> None:
    with told_errors():
        presets.delete(one.name)
        undo.offer(t("runs.deleted", label=safe(one.title)), [f"{trash.PRESETS}/{one.name}"])


def _start_saved(one: Combination) -> None:
    draft.start_from(one.built())


def _combinations(kind: ModelKind | None) -> None:
    """Start from a named combination instead of an empty list."""
    offered = {one.name: one for one in COMBINATIONS if one.suits(kind)}
    st.selectbox(
        t("compress.combination"),
        list(offered),
        None,
        key="form-combination",
        placeholder=t("compress.combination.choose"),
        format_func=lambda name: _offer(offered[name]),
        on_change=_start_from_chosen,
    )


def _offer(one: Combination) -> str:
    return t("compress.combination.offer", title=sentence(one.title), why=sentence(one.why))


def _start_from_chosen() -> None:
    chosen = st.session_state["form-combination"]
    if chosen is not None:
        draft.start_from(next(one for one in COMBINATIONS if one.name == chosen).built())


def save() -> None:
    """Keep the present steps under a name."""
    box = st.popover(t("preset.save"), icon=":material/bookmark_add:", key="preset-box")
    with box, st.form("preset-form", border=False):
        name = st.text_input(t("preset.name"), key="preset-name", max_chars=presets.LONGEST_NAME)
        if st.form_submit_button(t("preset.save.button"), **allowed()):
            with plain_errors():
                presets.save(name, draft.recipe().steps)
                st.success(t("preset.saved", name=safe(name)))
