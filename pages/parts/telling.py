"""What a button's callback has to say, in the corner of the page.

A callback runs before anything is drawn: a sentence drawn by it would take the place of the page's title, or lose its
own to it, and a toast that of the page's styles. So it is kept, and told by the part of the page that is drawn next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from explorer.errors import ExplorerError
from explorer.texts.sentences import sentence
from pages.parts.page import safe

KEPT = "telling"


def tell(words: str) -> None:
    """Have these words told."""
    _keep(words, None)


@contextmanager
def told_errors() -> Iterator[None]:
    """Have a mistake told as its one sentence, for ten seconds."""
    try:
        yield
    except ExplorerError as error:
        _keep(safe(sentence(str(error))), ":material/error:")


def now() -> None:
    """Tell what was kept."""
    for words, icon in st.session_state.pop(KEPT, ()):
        st.toast(words, icon=icon, duration="long" if icon else "short")


def _keep(words: str, icon: str | None) -> None:
    st.session_state.setdefault(KEPT, []).append((words, icon))
