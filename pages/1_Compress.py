"""Compress: pick a model, put techniques in order, slide, launch one recipe or a sweep."""

import streamlit as st

from explorer.texts import t
from pages.parts import launch, model_check, page, recipe_form, sweeping


def form() -> None:
    st.subheader(t("compress.model"), anchor=False)
    recipe_form.model_picker()
    model_check.look_first()
    st.subheader(t("compress.steps"), anchor=False)
    recipe_form.steps_editor()
    st.subheader(t("compress.targets"), anchor=False)
    recipe_form.places()


def outcome() -> None:
    with st.container(border=True):
        st.subheader(t("launch.title"), anchor=False)
        recipe = launch.summary()
        launch.launch_button(recipe)
    with st.expander(t("sweep.title"), icon=":material/grid_on:"):
        sweeping.form(recipe)
    with st.expander(t("recipe.title"), icon=":material/description:"):
        launch.recipe_file(recipe)
    launch.example_button("compress-example")


@st.fragment
def workbench() -> None:
    """Form and outcome; drawn again without the rest of the page, and the outcome first where it can be."""
    parts = list(zip(st.columns([3, 2], gap="large"), (form, outcome), strict=True))
    with page.plain_errors():
        for column, draw in reversed(parts) if recipe_form.settings_moved() else parts:
            with column:
                draw()


with page.start("compress"):
    workbench()
