"""The form of a step of a story: its words, and what it shows, of which every field can be changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from explorer import stories
from explorer.charts import FAMILY_COLOURS
from explorer.errors import ExplorerError
from explorer.measure.targets import targets
from explorer.quantities import QUANTITIES, SIZES, X_AXES, Y_AXES
from explorer.recipe import LARGEST_BATCH
from explorer.stories import Step
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import models_of_one_task
from pages.parts import data, state
from pages.parts.naming import namer
from pages.parts.page import safe

CONTROLS = ("x", "y", "size", "log", "log_y", "where", "runtime", "batch", "length", "model", "family", "study")
"""Keys of the Trade-offs page's controls."""


def words(key: str, title: str = "", sentence: str = "") -> dict[str, str]:
    """The title and the sentence of a step in widgets whose keys begin with ``key``."""
    return {
        "title": st.text_input(t("tell.title"), title, key=f"{key}-title", max_chars=stories.LONGEST_TITLE),
        "sentence": st.text_area(
            t("tell.sentence"), sentence, key=f"{key}-sentence", max_chars=stories.LONGEST_SENTENCE, height=90
        ),
    }


def fields(key: str, begin: Step) -> dict[str, Any]:
    """The fields of a step apart from its words, which begin as those of ``begin``; says in one line what they show."""
    line = st.empty()
    with st.expander(t("tell.shown")):
        chosen = _axes(key, begin) | _place(key, begin) | _lists(key, begin)
    line.caption(safe(_shown(chosen)))
    return chosen | {"length": begin.length}


def current() -> Step:
    """What the Trade-offs page shows now."""
    view = {key: st.session_state[key] for key in CONTROLS if key in st.session_state}
    models = models_of_one_task(data.variants(), state.shown())
    runs = [run for run in state.selected() if data.find(run)]
    gpu = "mps" if data.missing("mps-torch") is None else "cuda"
    try:
        return stories.step_from(view, "-", "", models, runs, gpu)
    except ExplorerError:  # the controls name what this machine does not know
        return stories.step_from({}, "-", "", models, runs)


def _axes(key: str, begin: Step) -> dict[str, Any]:
    """Each axis in a line with its scale, since a switch beside two others has no room for its words."""
    x, log_x = _axis(t("filter.x"), f"{key}-x", X_AXES, begin.x, t("filter.log"), begin.log_x)
    y, log_y = _axis(t("filter.y"), f"{key}-y", Y_AXES, begin.y, t("filter.log_y"), begin.log_y)
    dots = _quantity(t("filter.size"), f"{key}-size", SIZES, begin.size)
    return {"x": x, "y": y, "size": dots, "log_x": log_x, "log_y": log_y}


def _axis(words: str, key: str, options: Sequence[str], value: str, log_words: str, log: bool) -> tuple[str, bool]:
    quantity, scale = st.columns(2, vertical_alignment="bottom")
    with quantity:
        chosen = _quantity(words, key, options, value)
    with scale, st.container(height=40, border=False, vertical_alignment="center"):
        return chosen, st.toggle(log_words, log, key=f"{key}-log")


def _quantity(words: str, key: str, options: Sequence[str], value: str) -> str:
    return st.selectbox(words, options, options.index(value), key=key, format_func=_title)


def _title(key: str) -> str:
    return QUANTITIES[key].title if key in QUANTITIES else t("quantity.none")


def _place(key: str, begin: Step) -> dict[str, Any]:
    where, batch = st.columns([3, 2], vertical_alignment="bottom")
    with where:
        known = list(targets())
        target = st.selectbox(
            t("filter.where"), known, known.index(begin.target), key=f"{key}-target", format_func=target_title
        )
    with batch:
        count = st.number_input(t("filter.batch"), 1, LARGEST_BATCH, begin.batch, key=f"{key}-batch")
    return {"target": target, "batch": int(count)}


def _lists(key: str, begin: Step) -> dict[str, Any]:
    rows = {row.run: row for row in data.finished()}
    models = dict.fromkeys(row.model for row in data.variants())
    studies = dict.fromkeys(study for row in rows.values() for study in row.studies)

    name = namer(rows)

    def named(run: str) -> str:
        return name(run) if run in rows else run

    return {
        "models": _several(t("filter.model"), f"{key}-models", models, begin.models),
        "families": _several(t("filter.family"), f"{key}-families", FAMILY_COLOURS, begin.families, _family),
        "studies": _several(t("filter.study"), f"{key}-studies", studies, begin.studies),
        "runs": _several(t("tell.runs"), f"{key}-runs", rows, begin.runs, named),
    }


def _family(name: str) -> str:
    return t(f"family.{name}")


def _several(words: str, key: str, options: Iterable[str], begin: Sequence[str], name: Any = str) -> tuple[str, ...]:
    """Several of the options; what the step names is among them where it is gone, or the step would show all."""
    known = list(dict.fromkeys([*options, *begin]))
    return tuple(st.multiselect(words, known, list(begin), key=key, format_func=name))


def _shown(chosen: dict[str, Any]) -> str:
    """The view in one line."""
    rows = {run: data.find(run) for run in chosen["runs"]}
    named = [sentence(row.label) for row in rows.values() if row]
    return t(
        "tell.view",
        y=_title(chosen["y"]),
        x=_title(chosen["x"]).lower(),
        where=t("chart.where", target=target_title(chosen["target"]), batch=chosen["batch"]),
        models=", ".join(chosen["models"]) or t("tell.all"),
        runs=", ".join(named) or t("word.none"),
    )
