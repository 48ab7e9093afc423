"""Uncommon words explained where they are used: a sentence or two and a small drawing behind a button."""

from __future__ import annotations

import streamlit as st

from explorer.charts import CONFIG
from explorer.charts.glossary import glossary_figure, words
from explorer.charts.style import plain
from explorer.texts import t
from pages.parts.page import theme

PICTURE_PX = 340
STILL = {**CONFIG, "displayModeBar": False}


@st.fragment
def explain(place: str, *names: str) -> None:
    """A button for each of these words; ``place`` tells this row of buttons from others on the page."""
    if not names:
        return
    with st.container(key=f"quiet-words-{place}", horizontal=True, gap=None, vertical_alignment="center"):
        st.caption(t("glossary.title"), width="content")
        for name in names:
            _word(f"glossary-{place}-{name}", name)


def _word(key: str, name: str) -> None:
    """Drawn only while it is open."""
    said = words(name)
    box = st.popover(said.title, type="tertiary", key=key, on_change="rerun")
    if box.open:
        with box, st.container(width=PICTURE_PX):
            # where there is little room the box scrolls: by the keyboard only if something in it takes the focus
            st.html(f'<div tabindex="0">{plain(said.text)}</div>')
            figure = glossary_figure(name, theme())
            st.plotly_chart(figure, theme=None, config=STILL, alt=said.alt, key=f"{key}-picture")
