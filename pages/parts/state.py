"""What a session remembers: ids and plain values, mirrored in the URL.

``selected`` are the runs that are lit up on the charts (the last one is shown in detail), ``compared`` those put
side by side, ``left-out`` what the legend of a chart took away. ``language`` is the reader's; the address calls it
``lang``.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer import selections, texts

MOST_COMPARED = 6
KEPT = ("selected", "compared", "left-out")
SPOKEN = "lang"


def restore() -> None:
    """Take what is kept from the session, else from the URL, and write it to the URL again."""
    for name in KEPT:
        if name not in st.session_state:
            st.session_state[name] = selections.from_address(st.query_params.get(name, ""))
    given = st.query_params.get(SPOKEN)
    if "language" not in st.session_state and given in texts.languages():
        st.session_state["language"] = given
    _publish()


def address() -> dict[str, str]:
    """What goes along in the URL to another page; filters do not, since Streamlit keeps the values of their widgets."""
    kept = {name: selections.in_address(ids) for name in KEPT if (ids := st.session_state.get(name))}
    return kept | spoken()


def spoken() -> dict[str, str]:
    """The reader's language in the URL; nothing for English where a URL without a language means that."""
    language = str(st.session_state.get("language") or texts.usual_language())
    return {} if {language, texts.usual_language()} == {texts.DEFAULT_LANGUAGE} else {SPOKEN: language}


def speak_anew() -> None:
    """After the language changed: give every choice its value again, or the browser keeps showing the former words."""
    for name, value in list(st.session_state.items()):
        if isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            st.session_state[name] = value


def selected() -> list[str]:
    """The runs that are lit up."""
    return list(st.session_state.get("selected", []))


def compared() -> list[str]:
    """The runs that stand side by side."""
    return list(st.session_state.get("compared", []))


def left_out() -> list[str]:
    """What the legend took away, each as a field and its value with a colon between them."""
    return list(st.session_state.get("left-out", []))


def leave_out(names: list[str]) -> None:
    """Take these away instead of others."""
    st.session_state["left-out"] = list(dict.fromkeys(names))
    _publish()


def shown() -> str | None:
    """The run whose details are shown."""
    return selected()[-1] if selected() else None


def select(runs: list[str]) -> None:
    """Light up these runs instead of the others."""
    st.session_state["selected"] = list(dict.fromkeys(runs))
    _publish()


def pick(runs: list[str], more: bool = False) -> None:
    """Light up what was clicked or boxed on a chart; with ``more``, or where picks are collected, beside what is lit.

    A single mark that is lit already goes out.
    """
    lit = selected() if more or st.session_state.get("collect") else []
    if len(runs) == 1 and runs[0] in lit:
        select([run for run in lit if run != runs[0]])
    else:
        select([*(run for run in lit if run not in runs), *runs])
    st.session_state["picked-on"] = st.session_state.get("page")


def picked_on(page: str) -> bool:
    """True once after something was picked on a chart of that page."""
    return bool(st.session_state.pop("picked-on", None) == page)


def compare(runs: list[str]) -> None:
    """Put these runs side by side; the page shows the first six of them."""
    st.session_state["compared"] = list(dict.fromkeys(runs))
    _publish()


def add_to_comparison(run: str) -> None:
    """Put one more run beside those that are compared; the oldest leaves when there are too many."""
    st.session_state["compared"] = [*(other for other in compared() if other != run), run][-MOST_COMPARED:]
    _publish()


def arrive(page: str) -> None:
    """Note which page the reader is on; what was watched on another one is over."""
    if st.session_state.get("page") != page:
        st.session_state["page"], st.session_state["watched"] = page, []


def watch(runs: list[str]) -> list[str]:
    """Keep an eye on these runs until the reader leaves the page; all that are watched so far."""
    watched = st.session_state.setdefault("watched", [])
    known = set(watched)
    watched += [run for run in runs if run not in known]
    return list(watched)


def forget(run: str) -> None:
    """Take a run that was deleted out of everything."""
    select([other for other in selected() if other != run])
    compare([other for other in compared() if other != run])


def remember_value(key: str, value: Any) -> Any:
    """Give a widget its value before it is drawn, unless it has one: a value that is not drawn for one run is lost.

    Returns what the widget should also be given as its default. A quick hand can interrupt the run that first draws it;
    the browser then falls back to the default and would otherwise report an empty box as the reader's wish.
    """
    if key not in st.session_state:
        st.session_state[key] = value
    return st.session_state[key]


def _publish() -> None:
    wanted = address()
    for name in (*KEPT, SPOKEN):
        if name in wanted:
            st.query_params[name] = wanted[name]
        elif name in st.query_params:
            del st.query_params[name]
