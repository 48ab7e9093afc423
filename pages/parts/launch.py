"""What will happen, and the buttons that make it happen."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from explorer import jobs
from explorer.artefacts import finished_steps
from explorer.errors import BadInput
from explorer.foreseeing import Span, foresee
from explorer.labels import value_words
from explorer.models import check_files, check_steps
from explorer.planning import Estimate, estimate, still_to_do
from explorer.quantities import duration, file_size, significant
from explorer.recipe import RECIPE_SUFFIXES, Recipe
from explorer.rundir import ACTIVE, PRIORITY_S
from explorer.technique import Technique
from explorer.texts import t, target_title, technique_title
from explorer.texts.sentences import sentence
from pages.parts import data, draft, state
from pages.parts.guests import allowed
from pages.parts.page import go, plain_errors, safe
from pages.parts.recipe_form import parameter_label

EXAMPLE = {
    "model": "vit-digits",
    "steps": [{"technique": "int8-dynamic"}],
    "targets": ["cpu-onnxruntime"],
    "measure": {"batches": [1], "wait_s": 1},
}
"""What ends soon, though nothing was done before and others disturb: ``python -m explorer.bench --only
first-compression``."""

FIGURES = ("accuracy", "file_bytes", "speedup")
"""What is foreseen of a recipe, in the order in which it is said."""


def example_button(key: str, first: bool = False) -> None:
    """One click that compresses something small; ``first`` where it is what the reader should press."""
    recipe = known_example()
    may = allowed(help=t("launch.example.help"))
    kind: Literal["primary", "secondary"] = "primary" if first else "secondary"
    if recipe and st.button(t("launch.example"), key=key, icon=":material/play_arrow:", type=kind, **may):
        launch([recipe], "default")


def known_example() -> Recipe | None:
    """The example, where its technique and model are there."""
    try:
        return Recipe.parse(EXAMPLE) if EXAMPLE["model"] in data.model_cards() else None
    except BadInput:
        return None


def summary() -> Recipe | None:
    """Say what will happen and how long about; None when the draft is not a recipe yet, or cannot work."""
    if draft.unnamed():
        st.info(t("launch.unnamed"))
        return None
    try:
        recipe = draft.recipe()
        check_files(recipe.model, recipe.data)
        check_steps(recipe.model, recipe.steps)
    except BadInput as mistake:
        st.error(safe(sentence(str(mistake))))
        return None
    lines = [t("launch.load", model=safe(recipe.model), data=safe(recipe.data or t("launch.own_data")))]
    lines += [f"{technique_title(type(step))}{_settings(step)}" for step in recipe.steps]
    lines.append(t("launch.export" if recipe.steps else "launch.export.baseline"))
    places = len(recipe.targets)
    lines.append(t("launch.measure.one" if places == 1 else "launch.measure", count=places))
    st.markdown("\n".join(f"{place}. {line}" for place, line in enumerate(lines, start=1)))
    _time(recipe)
    _expected(recipe)
    return recipe


def _time(recipe: Recipe) -> None:
    """How long it takes about, without what is done already."""
    if not still_to_do([recipe], data.runs()):
        st.markdown(t("launch.there"))
        return
    done = finished_steps(recipe)
    st.markdown(time_words(estimate(recipe, data.finished(), done)))
    if done:
        st.markdown(t("launch.reused.one" if done == 1 else "launch.reused", count=done))


def _expected(recipe: Recipe) -> None:
    """What it will probably give, on what that rests, and which of it is not known yet."""
    found = foresee(recipe, data.finished())
    figures = {name: _span(name, getattr(found, name)) for name in FIGURES} if found else {}
    known = [words for words in figures.values() if words]
    if found is None or not known:
        st.markdown(t("foresee.unknown"))
        return
    names = t("word.and").join(f"*{safe(sentence(row.label))}*" for run in found.runs if (row := data.find(run)))
    basis = t("foresee.same" if found.axis is None else "foresee.between", names=names)
    known_words = t("conclusion.comma").join(known) + t("conclusion.stop")
    missing = t("word.and").join(t(f"foresee.missing.{name}") for name, words in figures.items() if not words)
    parts = [t("foresee.expected"), known_words, basis]
    parts += [t("foresee.missing", place=target_title(recipe.targets[0]), names=missing)] if missing else []
    st.markdown(" ".join(parts))


def _span(name: str, span: Span | None) -> str:
    """One expected figure with its interval, empty where it is not known."""
    if span is None:
        return ""
    value, low, high = (_figure(name, one) for one in (span.value, span.low, span.high))
    words = t(f"foresee.{name}", value=value)
    return words if low == high else f"{words} ({low} – {high})"


def _figure(name: str, value: float) -> str:
    if name == "accuracy":
        return f"{100 * value:.1f} %"
    return file_size(value) if name == "file_bytes" else f"{significant(value)}×"


def _settings(step: Technique) -> str:
    values = step.step()
    parameters = [parameter for parameter in step.parameters() if parameter.matters(values)]
    written = [f"{parameter_label(p).lower()} {safe(value_words(p, values[p.name]))}" for p in parameters]
    return f" ({', '.join(written)})" if written else ""


def time_words(time: Estimate | None) -> str:
    """How long it takes about, and how that is known."""
    if time is None:
        return t("launch.time.unknown")
    about, low, high = (duration(seconds) for seconds in (time.seconds, time.low, time.high))
    span = "" if low == high else t("launch.time.span", low=low, high=high)
    return t("launch.time.one" if time.runs == 1 else "launch.time", time=about, span=span, count=time.runs)


def launch_button(recipe: Recipe | None) -> None:
    """Queue the one recipe."""
    words = t("launch.baseline" if recipe and not recipe.steps else "launch.one")
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(words, type="primary", icon=":material/play_arrow:", **allowed(recipe is None))
        with st.popover(t("launch.limit"), icon=":material/timer:", type="tertiary"):
            st.number_input(t("launch.limit"), 0, 10_000, 0, key="launch-limit", help=t("launch.limit.help"))
        with st.popover(t("launch.priority"), icon=":material/low_priority:", type="tertiary"):
            st.radio(
                t("launch.priority"),
                list(PRIORITY_S),
                1,
                key="launch-priority",
                format_func=lambda name: t(f"launch.priority.{name}"),
            )
    if clicked and recipe:
        launch([recipe], draft.draft()["study"])


def launch(recipes: list[Recipe], study: str) -> None:
    """Queue recipes and go where one can watch them."""
    with plain_errors():
        before = {row.run: row.state for row in data.runs()}
        limit = st.session_state.get("launch-limit") or None
        how = {"time_limit_min": limit, "priority": st.session_state.get("launch-priority") or "normal"}
        runs = [jobs.submit(recipe, study=study, **how) for recipe in recipes]
        state.select(runs[:1])
        st.session_state["notice"] = _known_words([before[run] for run in runs if run in before], len(runs))
        go("runs")


def _known_words(states: list[str], count: int) -> str:
    """What is not done once more because an equal recipe is done, or at work."""
    if not states:
        return ""
    if count > 1:
        return t("launch.known.some", known=len(states), count=count)
    return t("launch.known.active" if states[0] in ACTIVE else "launch.known.done")


def notice() -> None:
    """Say once, after a launch, what was not done again."""
    words = st.session_state.pop("notice", "")
    if words:
        st.info(words)


def recipe_file(recipe: Recipe | None) -> None:
    """Take the recipe away as YAML, or bring one back into the form."""
    if recipe:
        st.download_button(
            t("recipe.download"),
            recipe.to_yaml(),
            "recipe.yaml",
            "application/yaml",
            icon=":material/download:",
            on_click="ignore",
        )
    with st.form("recipe-form", border=False):
        file = st.file_uploader(t("recipe.upload"), type=list(RECIPE_SUFFIXES), max_upload_size=5)
        text = st.text_area(
            t("recipe.paste"), height=160, placeholder="model: vit-digits\nsteps:\n  - technique: int8-dynamic"
        )
        if st.form_submit_button(t("recipe.load")):
            with plain_errors():
                given = file.getvalue().decode("utf-8", errors="replace") if file else text
                draft.load(Recipe.from_yaml(given))
                st.rerun()
