"""Export: take one variant away as a bundle that runs by itself, or the results of several."""

import streamlit as st

from explorer.texts import t
from pages.parts import data, empty, exporting, exporting_several, page

with page.start("export"):
    if not data.finished():
        empty.box(t("export.empty"), "compress")
    else:
        row = exporting.picker()
        bundle, command = st.columns(2, gap="large")
        with bundle:
            exporting.bundle(row)
        with command:
            exporting.reproduce(row)
        exporting_several.section()
        exporting.elsewhere(row)
