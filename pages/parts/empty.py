"""What is shown where nothing is yet: one sentence on what to do, and the button that does it."""

from __future__ import annotations

import streamlit as st

from explorer.texts import t
from pages.parts import launch
from pages.parts.page import go, safe


def box(text: str, where: str, example: bool = True) -> None:
    """A quiet box with ``text``, a button to the page ``where`` and, if wanted, the one-click example."""
    with st.container(border=True):
        st.markdown(text)
        with st.container(horizontal=True):
            if st.button(t(f"go.{where}"), key=f"empty-{where}", type="primary"):
                go(where)
            if example:
                launch.example_button("empty-example")


def reason(title: str, text: str, note: str = "") -> None:
    """A panel that cannot be drawn says why, and what could be done about it."""
    with st.container(border=True):
        st.markdown(f"**{safe(title)}**")
        st.markdown(safe(text))
        if note:
            st.caption(safe(note))
