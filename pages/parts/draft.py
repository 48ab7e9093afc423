"""The recipe that is being put together: plain values in the session, whatever widgets are on the page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import streamlit as st

from explorer.measure.targets import USUAL
from explorer.recipe import Measuring, Recipe
from explorer.technique import Technique, techniques
from pages.parts import data

_ids = count(1)


def draft() -> dict[str, Any]:
    """The draft of this session: model, data, steps as ``{id, technique, values}``, targets, measure, seed, study."""
    if "draft" not in st.session_state:
        st.session_state["draft"] = {
            "model": "",
            "data": "",
            "steps": [],
            "targets": [name for name in USUAL if data.missing(name) is None],
            "measure": _measuring(Measuring()),
            "seed": 0,
            "study": "default",
        }
    found: dict[str, Any] = st.session_state["draft"]
    return found


def unnamed() -> bool:
    """Whether the reader has yet to name a model of their own, or the data for it."""
    fields = draft()
    return not fields["model"] or (fields["model"] not in data.model_cards() and not fields["data"])


def recipe() -> Recipe:
    """The draft as a recipe; raises ``BadInput`` with what is wrong."""
    fields = draft()
    steps = [{"technique": step["technique"], **step["values"]} for step in fields["steps"]]
    chosen = {name: fields[name] for name in ("model", "targets", "measure", "seed")} | {"steps": steps}
    return Recipe.parse(chosen | ({"data": fields["data"]} if fields["data"] else {}))


def load(given: Recipe, study: str = "default") -> None:
    """Replace the draft by a recipe; the widgets of the form take their values from it."""
    st.session_state["draft"] = {
        "model": given.model,
        "data": given.data or "",
        "targets": list(given.targets),
        "measure": _measuring(given.measure),
        "seed": given.seed,
        "study": study,
        "steps": [_step(type(step), step.model_dump()) for step in given.steps],
    }
    for key in [key for key in st.session_state if str(key).startswith("form-")]:
        del st.session_state[key]


def add(name: str) -> None:
    """Append a technique with its usual values."""
    technique = techniques()[name]
    draft()["steps"].append(
        _step(technique, {parameter.name: parameter.default for parameter in technique.parameters()})
    )


def start_from(steps: Sequence[Technique]) -> None:
    """Replace the steps by these."""
    draft()["steps"] = [_step(type(step), step.model_dump()) for step in steps]


def move(position: int, by: int) -> None:
    """Exchange a step with the one before or after it."""
    steps = draft()["steps"]
    steps[position], steps[position + by] = steps[position + by], steps[position]


def duplicate(position: int) -> None:
    """Put a copy of a step behind it."""
    steps = draft()["steps"]
    step = steps[position]
    steps.insert(position + 1, {"id": next(_ids), "technique": step["technique"], "values": dict(step["values"])})


def remove(position: int) -> None:
    """Take a step out."""
    del draft()["steps"][position]


def _measuring(how: Measuring) -> dict[str, Any]:
    """As plain values that widgets can change."""
    return how.model_dump() | {name: list(getattr(how, name)) for name in ("batches", "lengths", "sizes")}


def _step(technique: type[Technique], values: dict[str, Any]) -> dict[str, Any]:
    return {"id": next(_ids), "technique": technique.name, "values": values}
