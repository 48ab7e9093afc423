"""Compare: two to six variants side by side."""

import streamlit as st

from explorer.texts import t
from pages.parts import answers, comparing, data, empty, naming, page

with page.start("compare"):
    if not data.finished():
        empty.box(t("compare.empty"), "compress")
    else:
        rows = comparing.picker()
        if len(rows) < 2:
            empty.box(t("compare.few"), "trade_offs", example=False)
        else:
            comparing.differences(rows)
            st.subheader(t("compare.recipes"), anchor=False)
            comparing.recipes(rows)
            comparing.bars_chart(rows)
            comparing.stacks(rows)
            answers.section(rows, naming.short_names(rows))
