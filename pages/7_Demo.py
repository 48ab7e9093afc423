"""Demo: compressed models and their baseline answer side by side, and race."""

import streamlit as st

from explorer.texts import t
from pages.parts import demo, demo_answers, demo_choice, demo_race, empty, page

with page.start("demo"):
    rows = demo_choice.candidates()
    if not rows:
        empty.box(t("demo.empty"), "compress")
    else:
        shown = demo.subject(demo_choice.variants(rows))
        if shown is not None:
            st.html(demo.LARGE)
            demo_answers.section(shown)
            demo_race.section(shown)
