"""What the Trade-offs page shows: axes, place, models, families and studies; all of it is in the URL too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explorer.charts import FAMILY_COLOURS, Axes
from explorer.choices import Choices, choices
from explorer.estimated_rows import estimated_target
from explorer.latest import Latest
from explorer.measure.devices import devices
from explorer.measure.targets import USUAL, targets
from explorer.quantities import QUANTITIES, SIZES, X_AXES, Y_AXES
from explorer.texts import t
from explorer.variants import Variant, choose, models_of_one_task
from pages.parts import data, linked, state
from pages.parts.left_out import LeftOut, left_out

NOWHERE = "none"
PLACES = ("cpu", "gpu", "both", "joined")


@dataclass(frozen=True)
class View:
    """What is chosen on the page; ``estimate`` is the key of a device that nobody has here, or None.

    ``joined`` shows two devices in one panel.
    """

    axes: Axes
    devices: tuple[str, ...]
    runtime: str
    batch: int
    models: tuple[str, ...]
    families: tuple[str, ...]
    studies: tuple[str, ...]
    estimate: str | None = None
    length: str | None = None
    joined: bool = False
    left_out: tuple[LeftOut, ...] = ()

    def rows(self, rows: list[Variant], device: str) -> list[Variant]:
        """The rows to draw for one device."""
        chosen = self.models, self.families, self.studies
        return self._without(choose(rows, self.target(device), self.batch, *chosen, length=self.length))

    def estimates(self, rows: list[Variant]) -> list[Variant]:
        """The estimates to draw for the chosen device."""
        target = estimated_target(self.estimate or NOWHERE)
        chosen = self.models, self.families, self.studies
        return self._without(choose(rows, target, self.batch, *chosen, length=self.length))

    def _without(self, rows: list[Variant]) -> list[Variant]:
        """The rows without what the legend took away; the same list for the same list."""
        away = self.left_out
        return _without.of((rows,), away, lambda: [row for row in rows if not any(one.takes(row) for one in away)])

    def target(self, device: str) -> str:
        """The target's name."""
        return f"{device}-{self.runtime}"

    def words(self) -> str:
        """What is chosen, for a reader whom it leaves without any variant."""
        families = (t(f"family.{name}") for name in self.families)
        length = () if self.length is None else (t("compress.lengths.real") if self.length == "real" else self.length,)
        chosen = {"study": self.studies, "model": self.models, "family": families, "length": length}
        named = {name: ", ".join(values) for name, values in chosen.items()} | {"batch": str(self.batch)}
        return "; ".join(t(f"chosen.{name}", names=names) for name, names in named.items() if names)


_without: Latest[list[Variant]] = Latest(4)


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
        x_key = _select("x", X_AXES, _quantity)
    with y:
        y_key = _select("y", Y_AXES, _quantity)
    with size:
        size_key = _select("size", SIZES, _quantity)
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
    more_choices |= {"left_out": left_out(there)}
    shown = {"models": tuple(chosen_models), "families": tuple(chosen_families), **more_choices}
    return View(Axes(x_key, y_key, size_key, *logs), _devices(device), joined=device == "joined", **shown)


def _devices(where: str) -> tuple[str, ...]:
    """The devices of targets; the GPU is Apple's where there is one."""
    gpu = "mps" if data.missing("mps-torch") is None else "cuda"
    return {"cpu": ("cpu",), "gpu": (gpu,)}.get(where, ("cpu", gpu))


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
    estimate = _select("estimate", [NOWHERE, *devices()], _device)
    return chosen | {"estimate": None if estimate == NOWHERE else estimate}


def _length(options: tuple[str, ...]) -> str | None:
    """A choice only where texts were measured at several lengths."""
    if len(options) < 2:
        return None
    usual = "128" if "128" in options else options[0]
    return str(_segments("length", options, usual, lambda name: t("compress.lengths.real") if name == "real" else name))


def _device(key: str) -> str:
    return devices()[key].name if key in devices() else t("estimate.none")


def _quantity(key: str) -> str:
    return QUANTITIES[key].title if key in QUANTITIES else t("quantity.none")


def _select(key: str, options: Sequence[str], words: Callable[[str], str]) -> str:
    return linked.select(t(f"filter.{key}"), options, key, words)


def _segments(key: str, options: Sequence[Any], default: Any, words: Callable[[Any], str]) -> Any:
    return linked.segments(t(f"filter.{key}"), options, default, key, words)


def _pills(key: str, options: Sequence[str], default: list[str], words: Callable[[str], str]) -> list[str]:
    return linked.pills(t(f"filter.{key}"), options, default, key, words)
