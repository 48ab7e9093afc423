"""What an evening needs: when the reader's system turns dark or light, the page is drawn anew in its colours."""

from __future__ import annotations

import streamlit as st

# Streamlit turns its own colours at once, but tells the page only with the next run: until then charts, captions and
# what is chosen would keep the ink of the other theme. It needs a moment to know the new one.
JS = """
export default function ({ setTriggerValue }) {
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    let timer;
    const turn = () => {
        clearTimeout(timer);
        timer = setTimeout(() => setTriggerValue("turned", system.matches), 200);
    };
    system.addEventListener("change", turn);
    return () => {
        clearTimeout(timer);
        system.removeEventListener("change", turn);
    };
}
"""

_WATCHER = st.components.v2.component("daylight", js=JS)


def follow_system() -> None:
    """Draws nothing itself; stands once on every page."""
    _WATCHER(key="daylight", on_turned_change=lambda: None)
