"""The form of a step of a story: its words, and what it shows, of which every field can be changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import streamlit as st

from explorer import stories
from explorer.charts import FAMILY_COLOURS
from explorer.choices import Choices, choices
from explorer.left_out import FAMILIES, LeftOut
from explorer.measure.devices import devices
from explorer.quantities import SIZES, X_AXES, Y_AXES
from explorer.recipe import LARGEST_BATCH
from explorer.stories import Step
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.view import View, runtimes
from pages.parts import budgeting, data, filters, state
from pages.parts.naming import namer
from pages.parts.page import safe

Widgets = dict[str, Any]


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
    there, line = choices(data.variants()), st.empty()
    with st.expander(t("tell.shown")):
        chosen = _axes(key, begin.view) | _place(key, begin.view, there) | _lists(key, begin.view, there)
        runs = _runs(key, begin.runs)
        chosen |= _budget(key, begin.view, there)
    view = View(**chosen)
    line.caption(safe(_shown(view, runs)))
    return {"view": view, "runs": runs}


def current() -> Step:
    """What the Trade-offs page shows now."""
    runs = tuple(run for run in state.selected() if data.find(run))
    return Step(title="-", view=filters.remembered(), runs=runs)


def _axes(key: str, begin: View) -> Widgets:
    """Each axis in a line with its scale, since a switch beside two others has no room for its words."""
    x, log_x = _axis(t("filter.x"), f"{key}-x", X_AXES, begin.x, t("filter.log"), begin.log_x)
    y, log_y = _axis(t("filter.y"), f"{key}-y", Y_AXES, begin.y, t("filter.log_y"), begin.log_y)
    dots = _choice(t("filter.size"), f"{key}-size", SIZES, begin.size, filters.quantity_words)
    return {"x": x, "y": y, "size": dots, "log_x": log_x, "log_y": log_y}


def _axis(words: str, key: str, options: Sequence[str], value: str, log_words: str, log: bool) -> tuple[str, bool]:
    quantity, scale = st.columns(2, vertical_alignment="bottom")
    with quantity:
        chosen = _choice(words, key, options, value, filters.quantity_words)
    with scale, st.container(height=40, border=False, vertical_alignment="center"):
        return chosen, st.toggle(log_words, log, key=f"{key}-log")


def _place(key: str, begin: View, there: Choices) -> Widgets:
    gpu = next((device for device in begin.devices if device != "cpu"), data.gpu())
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        where = _choice(
            t("filter.where"), f"{key}-where", filters.PLACES, filters.where(begin), lambda name: t(f"where.{name}")
        )
        batch = st.number_input(t("filter.batch"), 1, LARGEST_BATCH, begin.batch, key=f"{key}-batch")
    with right:
        runtime = _choice(
            t("filter.runtime"), f"{key}-runtime", runtimes(), begin.runtime, lambda name: t(f"runtime.{name}")
        )
        length = _choice(t("filter.length"), f"{key}-length", [None, *there.lengths], begin.length, _length)
    estimate = _choice(
        t("filter.estimate"),
        f"{key}-estimate",
        [None, *devices()],
        begin.estimate,
        lambda name: filters.device_words(name or ""),
    )
    place = filters.place_of(where, gpu)
    return place | {"runtime": runtime, "batch": int(batch), "length": length, "estimate": estimate}


def _length(name: str | None) -> str:
    return t("tell.length.any") if name is None else filters.length_words(name)


def _lists(key: str, begin: View, there: Choices) -> Widgets:
    away = [
        *(str(LeftOut("family", name)) for name in FAMILIES if name in there.families),
        *(str(LeftOut("model", name)) for name in there.models),
    ]
    return {
        "models": _several(t("filter.model"), f"{key}-models", there.models, begin.models),
        "families": _several(t("filter.family"), f"{key}-families", FAMILY_COLOURS, begin.families, _family),
        "studies": _several(t("filter.study"), f"{key}-studies", there.studies, begin.studies),
        "left_out": _several(t("tell.left_out"), f"{key}-left-out", away, begin.left_out, _left_out),
    }


def _runs(key: str, begin: Sequence[str]) -> tuple[str, ...]:
    rows = {row.run: row for row in data.finished()}
    name = namer(rows)
    return _several(t("tell.runs"), f"{key}-runs", rows, begin, lambda run: name(run) if run in rows else run)


def _budget(key: str, begin: View, there: Choices) -> Widgets:
    """Each limit in a list of the stops that the Trade-offs page's slider has."""
    columns = st.columns(2)
    with columns[0]:
        lost, speed = _limit("lost", key, begin.lost_points), _limit("speed", key, begin.speedup)
    with columns[1]:
        file = _limit("file", key, begin.file_mb)
        place = _choice(
            t("budget.on"), f"{key}-budget-on", [None, *sorted(there.targets)], begin.fast_on, _speed_counts_on
        )
    return {"lost_points": lost, "file_mb": file, "speedup": speed, "fast_on": place}


def _limit(name: str, key: str, value: float | None) -> float | None:
    stop = budgeting.ANY if value is None else f"{value:g}"
    chosen = _choice(
        t(f"budget.{name}"),
        f"{key}-budget-{name}",
        budgeting.STOPS[name],
        stop,
        lambda one: budgeting.stop_words(name, one),
    )
    return None if chosen == budgeting.ANY else float(chosen)


def _speed_counts_on(target: str | None) -> str:
    return budgeting.target_words(target or budgeting.SHOWN)


def _family(name: str) -> str:
    return t(f"family.{name}")


def _left_out(text: str) -> str:
    one = LeftOut.read(text)
    return one.title if one else text


def _choice(label: str, key: str, options: Iterable[Any], value: Any, words: Callable[[Any], str]) -> Any:
    """One of the options; what the step says is among them, known here or not."""
    known = list(dict.fromkeys([*options, value]))
    return st.selectbox(label, known, known.index(value), key=key, format_func=words)


def _several(
    words: str, key: str, options: Iterable[str], begin: Sequence[str], name: Callable[[str], str] = str
) -> tuple[str, ...]:
    """Several of the options; what the step names is among them where it is gone, or the step would show all."""
    known = list(dict.fromkeys([*options, *begin]))
    hint = t("word.choose" if known else "word.none")
    chosen = st.multiselect(words, known, list(begin), key=key, placeholder=hint, format_func=name, disabled=not known)
    return tuple(chosen)


def _shown(view: View, runs: Sequence[str]) -> str:
    """The view in a line, and what is special about it."""
    named = [sentence(row.label) for run in runs if (row := data.find(run))]
    place = t("tell.where", where=t(f"where.{filters.where(view)}"), runtime=t(f"runtime.{view.runtime}"))
    line = t(
        "tell.view",
        y=filters.quantity_words(view.y),
        x=filters.quantity_words(view.x).lower(),
        where=t("chart.where", target=place, batch=view.batch),
        models=", ".join(view.models) or t("tell.all"),
        runs=", ".join(named) or t("word.none"),
    )
    away = t("tell.view.left_out", names=", ".join(map(_left_out, view.left_out))) if view.left_out else ""
    foreseen = t("tell.view.estimate", device=filters.device_words(view.estimate)) if view.estimate else ""
    return " ".join(filter(None, (line, away, foreseen, budgeting.limits(view))))
