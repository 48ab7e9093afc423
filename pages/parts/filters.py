"""What the Trade-offs page shows: axes, place, models, families and studies; all of it is in the URL too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from explorer.charts import FAMILY_COLOURS
from explorer.choices import Choices, choices
from explorer.measure.devices import devices
from explorer.measure.targets import USUAL, targets
from explorer.quantities import QUANTITIES, SIZES, X_AXES, Y_AXES
from explorer.texts import t
from explorer.variants import Variant, models_of_one_task
from explorer.view import View
from pages.parts import data, linked, state
from pages.parts.left_out import left_out

NOWHERE = "none"
PLACES = ("cpu", "gpu", "both", "joined")
SHOWN = "shown-view"


def show(model: str) -> None:
    """Before the page is opened: show this model, with nothing of it filtered away."""
    for key in ("family", "study"):
        st.session_state.pop(key, None)
    state.leave_out([])
    st.session_state["model"] = [model]


def controls(rows: list[Variant]) -> View:
    """Draw the controls and return what is chosen."""
    there = choices(rows)
    x, y, size, place = st.columns([2, 2, 2, 3], vertical_alignment="top")
    with x:
        x_key = _select("x", X_AXES, quantity_words)
    with y:
        y_key = _select("y", Y_AXES, quantity_words)
    with size:
        size_key = _select("size", SIZES, quantity_words)
    with place:
        device = _segments("where", PLACES, "cpu", lambda name: t(f"where.{name}"))
    models, families, more = st.columns([4, 6, 2], vertical_alignment="bottom")
    with models:
        chosen_models = _pills("model", there.models, models_of_one_task(rows, state.shown()), str)
    with families:
        present = [family for family in FAMILY_COLOURS if family in there.families]
        chosen_families = _pills("family", present, [], lambda name: t(f"family.{name}"))
    with more, st.popover(t("filter.more"), icon=":material/tune:"):
        logs = [st.toggle(t(f"filter.{key}"), key=key, bind="query-params") for key in ("log", "log_y")]
        more_choices = _more(there)
    axes = {"x": x_key, "y": y_key, "size": size_key, "log_x": logs[0], "log_y": logs[1]}
    shown = {"models": tuple(chosen_models), "families": tuple(chosen_families), "left_out": left_out(there)}
    return View(**axes, **place_of(device, data.gpu()), **shown, **more_choices)


def remember(view: View) -> None:
    """Keep what the page shows, for a step of a story."""
    st.session_state[SHOWN] = view.model_dump()


def remembered() -> View:
    """What the page showed last; before it was opened, what it begins with."""
    kept = st.session_state.get(SHOWN)
    models = models_of_one_task(data.variants(), state.shown())
    return View(**kept) if kept else View(models=tuple(models))


def place_of(where: str, gpu: str) -> dict[str, Any]:
    """The devices of a view for one of ``PLACES``, and whether they are joined; ``gpu`` is the GPU's."""
    devices = {"cpu": ("cpu",), "gpu": (gpu,)}.get(where, ("cpu", gpu))
    return {"devices": devices, "joined": where == "joined"}


def where(view: View) -> str:
    """The one of ``PLACES`` that a view shows."""
    if len(view.devices) > 1:
        return "joined" if view.joined else "both"
    return "cpu" if view.devices == ("cpu",) else "gpu"


def _more(there: Choices) -> dict[str, Any]:
    """Runtime, batch, length, studies and the device to estimate for."""
    runtimes = dict.fromkeys(name.partition("-")[2] for name in targets() if name in there.targets or name in USUAL)
    batches = there.batches or (1,)
    chosen = {
        "runtime": _select("runtime", list(runtimes), lambda name: t(f"runtime.{name}")),
        "batch": _segments("batch", batches, batches[0], str),
        "length": _length(there.lengths),
        "studies": tuple(_pills("study", there.studies, [], str)),
    }
    estimate = _select("estimate", [NOWHERE, *devices()], device_words)
    return chosen | {"estimate": None if estimate == NOWHERE else estimate}


def _length(options: tuple[str, ...]) -> str | None:
    """A choice only where texts were measured at several lengths."""
    if len(options) < 2:
        return None
    usual = "128" if "128" in options else options[0]
    return str(_segments("length", options, usual, length_words))


def length_words(name: str) -> str:
    """A length of texts for people."""
    return t("compress.lengths.real") if name == "real" else name


def device_words(key: str) -> str:
    """A device to estimate for, or none."""
    return devices()[key].name if key in devices() else t("estimate.none")


def quantity_words(key: str) -> str:
    """A quantity of an axis or of the size of marks, or none."""
    return QUANTITIES[key].title if key in QUANTITIES else t("quantity.none")


def _select(key: str, options: Sequence[str], words: Callable[[str], str]) -> str:
    return linked.select(t(f"filter.{key}"), options, key, words)


def _segments(key: str, options: Sequence[Any], default: Any, words: Callable[[Any], str]) -> Any:
    return linked.segments(t(f"filter.{key}"), options, default, key, words)


def _pills(key: str, options: Sequence[str], default: list[str], words: Callable[[str], str]) -> list[str]:
    return linked.pills(t(f"filter.{key}"), options, default, key, words)
