"""Overview: what is here, the best variants so far, where to start."""

import streamlit as st

from explorer.texts import t
from pages.parts import data, empty, overview, page

with page.start("overview"):
    rows = data.variants()
    if rows:
        model = overview.model_picker(rows)
        overview.numbers(rows, model)
        overview.chart(rows, model)
    else:
        empty.box(t("overview.empty"), "compress")
    st.subheader(t("overview.start"), anchor=False)
    overview.ways_to_start(rows)
