"""Buttons that make a file when they are pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.parts.page import in_this_language


def button(words: str, make: Callable[[], bytes | str], name: str, media_type: str, **how: Any) -> None:
    """Offer what ``make`` returns as a file of this name; the page is not drawn again."""
    st.download_button(words, in_this_language(make), name, media_type, on_click="ignore", **how)
