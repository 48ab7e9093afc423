"""Models: what a model is made of, before one touches it."""

import streamlit as st

from explorer.texts import t
from pages.parts import model_check, model_heads, model_weights, models_page, page

with page.start("models"):
    found = models_page.subjects()
    if found:
        subject = models_page.picker(found)
        models_page.title(subject)
        layers, weights = st.columns([3, 2], gap="large")
        with layers:
            models_page.layers(subject)
        with weights:
            model_weights.section(subject)
        model_heads.section(subject)
        models_page.figures(subject)
    else:
        st.info(t("models.none"))
    model_check.section()
