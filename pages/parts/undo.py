"""What was removed a moment ago, in one sentence, with the button that brings it back beside it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer import housekeeping
from explorer.texts import t
from pages.parts.guests import allowed
from pages.parts.telling import told_errors

KEY = "removed"


def offer(words: str, runs: Sequence[str]) -> None:
    """Remember what was removed, until something else is, or it is brought back.

    ``runs`` are what ``housekeeping.restore`` takes: runs, presets and stories.
    """
    st.session_state[KEY] = (words, list(runs)) if runs else None


def section() -> None:
    """Nothing where nothing was removed, or nothing of it is in the trash any more."""
    words, runs = st.session_state.get(KEY) or ("", [])
    there = {one for kind in (*housekeeping.restorable(), housekeeping.restorable_files()) for one in kind}
    if not runs or not there.intersection(runs):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(words, width="content")
        st.button(t("undo"), key="undo", icon=":material/undo:", on_click=_bring_back, args=(runs,), **allowed())


def _bring_back(runs: list[str]) -> None:
    st.session_state[KEY] = None
    with told_errors():
        for run in runs:
            housekeeping.restore(run)
