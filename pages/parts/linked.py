"""Choices that stand in the address by their keys, so that a link says the same to readers of every language.

Streamlit's own ``bind="query-params"`` writes the words that are shown, which other languages do not know. Here the
address has ``str(option)``, several times where several are chosen, and nothing where the choice is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.texts import t

T = TypeVar("T")
Words = Callable[[Any], str]


def select(label: str, options: Sequence[T], key: str, words: Words) -> T:
    """A list of which one is chosen, at first the first."""
    value = _begin(key, options, options[0])
    place = options.index(value)
    chosen = st.selectbox(label, options, place, key=key, format_func=words, persist_state="session")
    return _publish(key, chosen, options[0])


def segments(label: str, options: Sequence[T], default: T, key: str, words: Words, hidden: bool = False) -> T:
    """Options in a row of which one is chosen; the label is ``hidden`` where the row speaks for itself."""
    value = _begin(key, options, default)
    chosen = st.segmented_control(
        label,
        options,
        default=value,
        key=key,
        format_func=words,
        required=True,
        persist_state="session",
        wrap=True,
        label_visibility="collapsed" if hidden else "visible",
    )
    return _publish(key, default if chosen is None else chosen, default)


def pills(label: str, options: Sequence[T], default: list[T], key: str, words: Words) -> list[T]:
    """Options in a row of which any number is chosen."""
    value = _begin(key, options, default)
    chosen = st.pills(
        label,
        options,
        selection_mode="multi",
        default=value,
        key=key,
        format_func=words,
        persist_state="session",
        wrap=True,
    )
    return _publish(key, chosen, default)


def several(label: str, options: Sequence[T], default: Sequence[T], key: str, words: Words) -> list[T]:
    """A list of which any number is chosen, in the order in which they were."""
    value = _begin(key, options, list(default))
    hint = t("word.choose")
    chosen = st.multiselect(
        label, options, value, key=key, placeholder=hint, format_func=words, persist_state="session"
    )
    return _publish(key, chosen, list(default))


def stops(label: str, options: Sequence[T], default: T, key: str, words: Words) -> T:
    """A slider with these stops."""
    value = _begin(key, options, default)
    chosen = st.select_slider(label, options, value, key=key, format_func=words, persist_state="session")
    return _publish(key, chosen, default)


def _begin(key: str, options: Sequence[T], default: Any) -> Any:
    """Give a widget its value before it is drawn: the session's, else the address's, else the default.

    The browser's Back and Forward ask for an address, so that counts then. Options that are not there are left out.
    """
    if key not in st.session_state or _went_back():
        st.session_state[key] = _given(key, options, default)
    value = st.session_state[key]
    if isinstance(default, list):
        there = [one for one in value or [] if one in options]
        kept = there if there or not value else default
    else:
        kept = value if value in options else default
    if kept != value:
        st.session_state[key] = kept
    return kept


def _given(key: str, options: Sequence[T], default: Any) -> Any:
    """What the address says, else the default."""
    known, words = {str(option): option for option in options}, st.query_params.get_all(key)
    found = [known[word] for word in words if word in known]
    if isinstance(default, list):
        return found if found or words == [""] else default
    return found[0] if found else default


def _publish(key: str, chosen: Any, default: Any) -> Any:
    """Write the choice to the address; returns it."""
    words = [str(one) for one in chosen] or [""] if isinstance(chosen, list) else [str(chosen)]
    if chosen == default:
        if key in st.query_params:
            del st.query_params[key]
    elif st.query_params.get_all(key) != words:
        st.query_params[key] = words
    return chosen


def _went_back() -> bool:
    """Whether the reader came by the browser's Back or Forward."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation
