"""What a click in a chart's legend takes away, until a button above the chart calls it back."""

from __future__ import annotations

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
    """A model or a family by its name, or marks of about one size by their ``Band``."""

    kind: str
    what: str | Band

    @classmethod
    def read(cls, text: str, there: Choices) -> LeftOut | None:
        """What ``str`` wrote; None for anything that is not known."""
        kind, _, name = text.partition(":")
        if kind == "size":
            band = Band.parse(name)
            return cls(kind, band) if band else None
        return cls(kind, name) if name in {"model": there.models, "family": FAMILY_COLOURS}.get(kind, ()) else None

    def __str__(self) -> str:
        return f"{self.kind}:{self.what}"

    @property
    def title(self) -> str:
        """For people."""
        if isinstance(self.what, Band):
            return self.what.title
        return t(f"family.{self.what}") if self.kind == "family" else self.what

    def takes(self, row: Variant) -> bool:
        """Whether it takes a row away."""
        return self.what.holds(row) if isinstance(self.what, Band) else getattr(row, self.kind) == self.what


def leave_out(kind: str, name: str) -> None:
    """Before the page is drawn again: take away what was clicked in the legend."""
    if kind in KINDS:
        state.leave_out([*state.left_out(), f"{kind}:{name}"])


def _call_back(one: LeftOut) -> None:
    state.leave_out([other for other in state.left_out() if other != str(one)])


def left_out(there: Choices) -> tuple[LeftOut, ...]:
    """What the legend took away of what is there, each with a button that brings it back."""
    away = tuple(one for text in state.left_out() if (one := LeftOut.read(text, there)))
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
    return away
