"""The document's language follows what the reader chose: screen readers pronounce by it, browsers hyphenate."""

from __future__ import annotations

import streamlit as st

JS = "export default function ({ data }) { document.documentElement.lang = data.language; }"

_TELLER = st.components.v2.component("page_language", js=JS)


def tell(language: str) -> None:
    """Tell the browser the code of the language that the page is in; draws nothing itself."""
    _TELLER(key="page-language", data={"language": language})
