"""What a click in a chart's legend takes away, until a button above the chart calls it back."""

from __future__ import annotations

import streamlit as st

from explorer.choices import Choices
from explorer.left_out import KINDS, LeftOut
from explorer.texts import t
from pages.parts import state


def leave_out(kind: str, name: str) -> None:
    """Before the page is drawn again: take away what was clicked in the legend."""
    if kind in KINDS:
        state.leave_out([*state.left_out(), f"{kind}:{name}"])


def _call_back(one: LeftOut) -> None:
    state.leave_out([other for other in state.left_out() if other != str(one)])


def left_out(there: Choices) -> tuple[str, ...]:
    """What the legend took away of what is there, each with a button that brings it back."""
    away = [one for text in state.left_out() if (one := LeftOut.read(text)) and _there(one, there)]
    if away:
        with st.container(horizontal=True, vertical_alignment="center", key="left-out-row"):
            st.caption(t("filter.left_out"), width="content")
            for one in away:
                st.button(
                    one.title,
                    key=f"back-{one.kind}-{one.what}",
                    icon=":material/close:",
                    on_click=_call_back,
                    args=(one,),
                    help=t("filter.left_out.back"),
                    type="tertiary",
                )
    return tuple(map(str, away))


def _there(one: LeftOut, there: Choices) -> bool:
    """Whether it means something here; an address may name any model."""
    return one.kind != "model" or one.what in there.models
