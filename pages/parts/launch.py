"""What will happen, and the buttons that make it happen."""

from __future__ import annotations

import streamlit as st

from explorer import jobs
from explorer.errors import BadInput
from explorer.planning import Estimate, SweepAxis, estimate, estimate_all, sliders, sweep
from explorer.quantities import duration
from explorer.recipe import Recipe
from explorer.technique import Parameter, techniques
from explorer.texts import t, technique_title
from pages.parts import data, draft, state
from pages.parts.page import go, plain_errors, safe
from pages.parts.recipe_form import parameter_label

EXAMPLE = {"model": "vit-digits", "steps": [{"technique": "int8-dynamic"}], "targets": ["cpu-onnxruntime"]}


def example_button(key: str) -> None:
    """One click that compresses something small."""
    recipe = _known_example()
    if recipe and st.button(t("launch.example"), key=key, icon=":material/play_arrow:", help=t("launch.example.help")):
        launch([recipe], "default")


def _known_example() -> Recipe | None:
    """The example, where its technique and model are there."""
    try:
        return Recipe.parse(EXAMPLE) if EXAMPLE["model"] in data.model_cards() else None
    except BadInput:
        return None


def summary() -> Recipe | None:
    """Say what will happen and how long about; None when the draft is not a recipe yet."""
    try:
        recipe = draft.recipe()
    except BadInput as mistake:
        st.error(safe(str(mistake)))
        return None
    known = techniques()
    lines = [t("launch.load", model=safe(recipe.model), data=safe(recipe.data or t("launch.own_data")))]
    lines += [f"{technique_title(known[step.name])}{_settings(step.step())}" for step in recipe.steps]
    lines.append(t("launch.export" if recipe.steps else "launch.export.baseline"))
    lines.append(t("launch.measure", count=len(recipe.targets)))
    st.markdown("\n".join(f"{place}. {line}" for place, line in enumerate(lines, start=1)))
    st.markdown(_time_words(estimate(recipe, data.finished())))
    return recipe


def _settings(step: dict[str, object]) -> str:
    technique = techniques()[str(step["technique"])]
    written = [f"{parameter_label(p).lower()} {_value(p, step[p.name])}" for p in technique.parameters()]
    return f" ({', '.join(written)})" if written else ""


def _value(parameter: Parameter, value: object) -> str:
    if isinstance(value, bool):
        return t("word.yes" if value else "word.no")
    if parameter.unit == "fraction" and isinstance(value, (int, float)):
        return f"{value:.0%}"
    return f"{value:g} {parameter.unit}".strip() if isinstance(value, (int, float)) else safe(str(value))


def _time_words(time: Estimate | None) -> str:
    if time is None:
        return t("launch.time.unknown")
    words = {"time": duration(time.seconds), "low": duration(time.low), "high": duration(time.high)}
    return t("launch.time", runs=time.runs, **words)


def launch_button(recipe: Recipe | None) -> None:
    """Queue the one recipe."""
    if st.button(t("launch.one"), type="primary", disabled=recipe is None, icon=":material/play_arrow:") and recipe:
        launch([recipe], draft.draft()["study"])


def launch(recipes: list[Recipe], study: str) -> None:
    """Queue recipes and go where one can watch them."""
    with plain_errors():
        runs = [jobs.submit(recipe, study=study) for recipe in recipes]
        state.select(runs[:1])
        go("runs")


def sweep_form(recipe: Recipe | None) -> None:
    """One or two sliders from–to in steps, the number of runs, and the button."""
    options = sliders(recipe) if recipe else []
    if recipe is None or not options:
        st.caption(t("sweep.nothing"))
        return
    with plain_errors():
        axes = [_axis(recipe, options, "first")]
        others = [option for option in options if option != (axes[0].position, axes[0].parameter)]
        if others and st.toggle(t("sweep.second"), key="sweep-grid"):
            axes.append(_axis(recipe, others, "second"))
        recipes = sweep(recipe, axes)
        time = _time_words(estimate_all(recipes, data.finished()))
        st.markdown(f"{t('sweep.count', count=len(recipes))} {time}")
        if st.button(t("sweep.launch", count=len(recipes)), icon=":material/grid_on:"):
            launch(recipes, draft.draft()["study"])


def _axis(recipe: Recipe, options: list[tuple[int, str]], name: str) -> SweepAxis:
    position, chosen = st.selectbox(
        t(f"sweep.{name}"),
        options,
        key=f"sweep-{name}",
        format_func=lambda option: f"{option[0] + 1}. {recipe.steps[option[0]].name}: {option[1].replace('_', ' ')}",
    )
    parameter = next(p for p in techniques()[recipe.steps[position].name].parameters() if p.name == chosen)
    key = f"sweep-{name}-{recipe.steps[position].name}-{chosen}"
    if parameter.kind == "stops":
        ends = (parameter.options[0], parameter.options[-1])
        first, last = st.select_slider(t("sweep.stops"), parameter.options, value=ends, key=key)
        return SweepAxis(position, chosen, first, last, 0, parameter.options)
    low, high, by = st.columns(3)
    bounds = {"min_value": parameter.low, "max_value": parameter.high, "step": parameter.step}
    return SweepAxis(
        position,
        chosen,
        low.number_input(t("sweep.low"), value=parameter.low, key=f"{key}-low", **bounds),
        high.number_input(t("sweep.high"), value=parameter.high, key=f"{key}-high", **bounds),
        by.number_input(
            t("sweep.by"), value=parameter.step, min_value=parameter.step, step=parameter.step, key=f"{key}-by"
        ),
    )


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
        file = st.file_uploader(t("recipe.upload"), type=["yaml", "yml", "json"])
        text = st.text_area(
            t("recipe.paste"), height=160, placeholder="model: vit-digits\nsteps:\n  - technique: int8-dynamic"
        )
        if st.form_submit_button(t("recipe.load")):
            with plain_errors():
                given = file.getvalue().decode("utf-8", errors="replace") if file else text
                draft.load(Recipe.from_yaml(given))
                st.rerun()
