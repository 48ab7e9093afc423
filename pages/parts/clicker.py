"""What a presenter holds in the hand: clickers send Page Up and Page Down, and so step back and on."""

from __future__ import annotations

import streamlit as st

# A button takes one key only, and these have the arrows; with Control the keys turn the browser's tabs.
JS = """
const STEPS = { PageUp: "back", PageDown: "next" };

const step = (event) => {
    const button = document.querySelector(`.st-key-${STEPS[event.key]} button`);
    if (!button || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (!event.repeat) button.click();
};

export default function () {
    document.addEventListener("keydown", step);
    return () => document.removeEventListener("keydown", step);
}
"""

_CLICKER = st.components.v2.component("clicker", js=JS)


def follow() -> None:
    """Draws nothing itself; stands on a page whose buttons have the keys ``back`` and ``next``."""
    _CLICKER(key="clicker")
