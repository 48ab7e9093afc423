"""A sweep: one or two sliders from–to in steps, what that makes, and the button that launches it."""

from __future__ import annotations

import streamlit as st

from explorer.artefacts import finished_in
from explorer.errors import BadInput
from explorer.labels import value_words
from explorer.planning import SweepAxis, disk_bytes, estimate_all, sliders, still_to_do, sweep, usual_range
from explorer.quantities import file_size
from explorer.recipe import Recipe
from explorer.technique import Parameter
from explorer.texts import t, technique_title
from explorer.texts.sentences import sentence
from pages.parts import data, draft, launch
from pages.parts.guests import allowed
from pages.parts.page import safe
from pages.parts.recipe_form import parameter_label


def form(recipe: Recipe | None) -> None:
    """One or two sliders from–to in steps, the values they take, the number of runs, and the button."""
    options = sliders(recipe) if recipe else []
    if recipe is None or not options:
        st.caption(t("sweep.nothing" if recipe else "sweep.mend"))
        return
    axes = [_axis(recipe, options, "first")]
    others = [option for option in options if option != (axes[0].position, axes[0].parameter)]
    if others and st.toggle(t("sweep.grid"), key="sweep-grid"):
        axes.append(_axis(recipe, others, "second"))
    recipes = _recipes(recipe, axes)
    words = t("sweep.launch.one" if len(recipes) == 1 else "sweep.launch", count=len(recipes))
    if st.button(words if recipes else t("sweep.launch.none"), icon=":material/grid_on:", **allowed(not recipes)):
        launch.launch(recipes, draft.draft()["study"])


def _recipes(recipe: Recipe, axes: list[SweepAxis]) -> list[Recipe]:
    """The recipes with their values and time in words; none, and why, where the range is impossible."""
    try:
        recipes = sweep(recipe, axes)
    except BadInput as mistake:
        st.error(safe(sentence(str(mistake))))
        return []
    st.markdown("\n".join(f"- {_values(recipe, axis)}" for axis in axes))
    count = t("sweep.count.one" if len(recipes) == 1 else "sweep.count", count=len(recipes))
    left = still_to_do(recipes, data.runs())
    known = len(recipes) - len(left)
    words = [count]
    words += [t("sweep.known.one" if known == 1 else "sweep.known", count=known)] if known else []
    st.markdown(" ".join(words + _left_words(left)))
    return recipes


def _left_words(left: list[Recipe]) -> list[str]:
    """What the runs that are left take from the cache, of time and of the disk; nothing where none is left."""
    if not left:
        return []
    done, runs = finished_in(left), data.finished()
    begun, disk = sum(map(bool, done)), disk_bytes(left, done)
    words = [t("sweep.begun.one" if begun == 1 else "sweep.begun", count=begun)] if begun else []
    words.append(launch.time_words(estimate_all(left, runs, done)))
    return [*words, t("sweep.disk", size=file_size(disk)) if disk else t("sweep.disk.unknown")]


def _values(recipe: Recipe, axis: SweepAxis) -> str:
    parameter = _parameter(recipe, axis.position, axis.parameter)
    return f"{parameter_label(parameter)}: {', '.join(value_words(parameter, v) for v in axis.values())}"


def _axis(recipe: Recipe, options: list[tuple[int, str]], name: str) -> SweepAxis:
    position, chosen = st.selectbox(
        t(f"sweep.{name}"), options, key=f"sweep-{name}", format_func=lambda option: _option_words(recipe, *option)
    )
    parameter = _parameter(recipe, position, chosen)
    key = f"sweep-{name}-{recipe.steps[position].name}-{chosen}"
    if parameter.kind == "stops":
        ends = (parameter.options[0], parameter.options[-1])
        first, last = st.select_slider(t("sweep.stops"), parameter.options, value=ends, key=key)
        return SweepAxis(position, chosen, first, last, 0, parameter.options)
    low, high, by = st.columns(3)
    usual = usual_range(parameter)
    # without ends: the browser would redden a number beyond them and say nothing of it to anybody
    return SweepAxis(
        position,
        chosen,
        low.number_input(t("sweep.low"), value=usual[0], step=parameter.step, key=f"{key}-low"),
        high.number_input(t("sweep.high"), value=usual[1], step=parameter.step, key=f"{key}-high"),
        by.number_input(t("sweep.by"), value=usual[2], step=parameter.step, key=f"{key}-by"),
    )


def _option_words(recipe: Recipe, position: int, parameter: str) -> str:
    title = technique_title(type(recipe.steps[position]))
    return f"{position + 1}. {title}: {parameter_label(_parameter(recipe, position, parameter)).lower()}"


def _parameter(recipe: Recipe, position: int, name: str) -> Parameter:
    return next(p for p in type(recipe.steps[position]).parameters() if p.name == name)
