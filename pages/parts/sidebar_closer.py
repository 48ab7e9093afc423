"""What a narrow window needs: the sidebar, which lies over the page there, goes once a page was chosen in it."""

from __future__ import annotations

import streamlit as st

# Streamlit closes it after a click in its own navigation, not after one on a page link. 768 pixels are its limit, too.
JS = """
const close = (event) => {
    const link = event.target.closest?.('[data-testid="stSidebar"] [data-testid="stPageLink-NavLink"]');
    if (link && window.innerWidth <= 768) {
        document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
    }
};

export default function () {
    document.addEventListener("click", close);
    return () => document.removeEventListener("click", close);
}
"""

_CLOSER = st.components.v2.component("sidebar_closer", js=JS)


def close_sidebar() -> None:
    """Draws nothing itself; stands in the sidebar."""
    _CLOSER(key="sidebar-closer")
