"""Overview: what is here, the best variants so far, where to start."""

import streamlit as st

from explorer.texts import t
from pages.parts import data, overview, page

with page.start("overview"):
    rows, first = data.variants(), overview.first_step()
    if rows:
        model = overview.model_picker(rows)
        overview.numbers(rows, model)
        overview.chart(rows, model)
    else:
        st.info(t("overview.empty"))
    st.subheader(t("overview.start"), anchor=False)
    overview.ways_to_start(first)
