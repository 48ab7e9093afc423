"""What the Trade-offs page shows: axes, place, models, families and studies; all of it is in the URL too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explorer.charts import FAMILY_COLOURS, Axes
from explorer.quantities import QUANTITIES, SIZES, X_AXES, Y_AXES
from explorer.texts import t
from explorer.variants import Variant, choose, models_of_one_task
from pages.parts import state

DEVICES = {"cpu": ("cpu",), "gpu": ("cuda",), "both": ("cpu", "cuda")}


@dataclass(frozen=True)
class View:
    """What is chosen on the page."""

    axes: Axes
    devices: tuple[str, ...]
    runtime: str
    batch: int
    models: tuple[str, ...]
    families: tuple[str, ...]
    studies: tuple[str, ...]

    def rows(self, rows: list[Variant], device: str) -> list[Variant]:
        """The rows to draw for one device."""
        return choose(rows, self.target(device), self.batch, self.models, self.families, self.studies)

    def target(self, device: str) -> str:
        """The target's name."""
        return f"{device}-{self.runtime}"


def controls(rows: list[Variant]) -> View:
    """Draw the controls and return what is chosen."""
    x, y, size, place = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
    with x:
        x_key = _select("x", X_AXES, _quantity)
    with y:
        y_key = _select("y", Y_AXES, _quantity)
    with size:
        size_key = _select("size", SIZES, _quantity)
    with place:
        device = _segments("where", list(DEVICES), "cpu", lambda name: t(f"where.{name}"))
    models, families, more = st.columns([4, 6, 2], vertical_alignment="bottom")
    with models:
        names = list(dict.fromkeys(row.model for row in rows))
        chosen_models = _pills("model", names, models_of_one_task(rows, state.shown()), str)
    with families:
        present = [family for family in FAMILY_COLOURS if any(family in (row.family, *row.families) for row in rows)]
        chosen_families = _pills("family", present, [], lambda name: t(f"family.{name}"))
    with more, st.popover(t("filter.more"), icon=":material/tune:"):
        log, runtime, batch, studies = _more(rows)
    axes = Axes(x_key, y_key, size_key, log)
    return View(axes, DEVICES[device], runtime, batch, tuple(chosen_models), tuple(chosen_families), tuple(studies))


def _more(rows: list[Variant]) -> tuple[bool, str, int, list[str]]:
    log = st.toggle(t("filter.log"), key="log", bind="query-params")
    runtime = _segments("runtime", ["onnxruntime", "torch"], "onnxruntime", lambda name: t(f"runtime.{name}"))
    batches = sorted({row.batch for row in rows}) or [1]
    batch = _segments("batch", batches, batches[0], str)
    studies = _pills("study", list(dict.fromkeys(row.study for row in rows)), [], str)
    return log, runtime, batch, studies


def _quantity(key: str) -> str:
    return QUANTITIES[key].title if key in QUANTITIES else t("quantity.none")


def _select(key: str, options: Sequence[str], words: Callable[[str], str]) -> str:
    return st.selectbox(t(f"filter.{key}"), options, key=key, format_func=words, bind="query-params")


def _segments(key: str, options: Sequence[Any], default: Any, words: Callable[[Any], str]) -> Any:
    chosen = st.segmented_control(
        t(f"filter.{key}"),
        options,
        default=default,
        key=key,
        format_func=words,
        required=True,
        bind="query-params",
        wrap=True,
    )
    return default if chosen is None else chosen


def _pills(key: str, options: Sequence[str], default: list[str], words: Callable[[str], str]) -> list[str]:
    return st.pills(
        t(f"filter.{key}"),
        options,
        selection_mode="multi",
        default=default,
        key=key,
        format_func=words,
        bind="query-params",
        wrap=True,
    )
