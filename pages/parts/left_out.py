"""What a click in a chart's legend takes away, until a button above the chart calls it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from explorer.charts import FAMILY_COLOURS
from explorer.choices import Choices
from explorer.quantities import Band
from explorer.texts import t
from explorer.variants import Variant
from pages.parts import state

KINDS = ("model", "family", "size")


@dataclass(frozen=True)
class LeftOut:
    """A model or a family by its name, or marks of about one size as ``Band`` writes them."""

    kind: str
    name: str

    @property
    def title(self) -> str:
        """For people."""
        if self.kind == "size" and (band := Band.parse(self.name)):
            return band.title
        return t(f"family.{self.name}") if self.kind == "family" else self.name

    def among(self, there: Choices) -> bool:
        """Whether anything of the kind is known."""
        if self.kind == "size":
            return Band.parse(self.name) is not None
        return self.name in {"model": there.models, "family": FAMILY_COLOURS}.get(self.kind, ())

    def kept(self, rows: Sequence[Variant]) -> list[Variant]:
        """The rows that are not taken away."""
        if self.kind == "size":
            band = Band.parse(self.name)
            return [row for row in rows if band is None or not band.holds(row)]
        return [row for row in rows if getattr(row, self.kind) != self.name]


def leave_out(kind: str, name: str) -> None:
    """Before the page is drawn again: take away what was clicked in the legend."""
    if kind in KINDS:
        state.leave_out([*state.left_out(), f"{kind}:{name}"])


def _call_back(one: LeftOut) -> None:
    state.leave_out([other for other in state.left_out() if other != f"{one.kind}:{one.name}"])


def left_out(there: Choices) -> tuple[LeftOut, ...]:
    """What the legend took away of what is there, each with a button that brings it back."""
    named = (LeftOut(kind, name) for kind, _, name in (one.partition(":") for one in state.left_out()))
    away = tuple(one for one in named if one.among(there))
    if away:
        with st.container(horizontal=True, vertical_alignment="center", key="left-out-row"):
            st.caption(t("filter.left_out"), width="content")
            for one in away:
                st.button(
                    one.title,
                    key=f"back-{one.kind}-{one.name}",
                    icon=":material/close:",
                    on_click=_call_back,
                    args=(one,),
                    help=t("filter.left_out.back"),
                    type="tertiary",
                )
    return away
