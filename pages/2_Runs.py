"""Runs: what is at work now, what is done, and how each went."""

import streamlit as st

from explorer.texts import t
from pages.parts import cluster_nodes, data, disk, empty, launch, page, run_list, studies_box, undo

with page.start("runs"):
    launch.notice()
    undo.section()
    if any(not row.recorded for row in data.runs()):
        run_list.live()
        cluster_nodes.live()
    else:
        empty.box(t("runs.empty"), "compress")
        st.page_link(page.PAGES["trade_offs"][0], label=t("runs.empty.recorded"))
    run_list.look_for_news()
    studies_box.section()
    disk.section()
