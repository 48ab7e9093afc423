"""How the weights of one layer of an uncompressed model lie."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer import anatomy
from explorer.anatomy import Spread, Weight
from explorer.anatomy.facts import Subject
from explorer.charts.weights import histogram_figure, histogram_info, spread_words
from explorer.texts import t
from pages.parts.page import plain_errors, theme
from pages.parts.pictures import draw


def section(subject: Subject) -> None:
    """How the weights of one layer lie."""
    st.subheader(t("models.weights"), anchor=False)
    with plain_errors():
        _histogram(subject, anatomy.anatomy(subject.model, subject.data))


def _histogram(subject: Subject, found: Sequence[Weight]) -> None:
    several = [weight for weight in found if len(weight.shape) > 1]
    matrices = {weight.name: weight for weight in several or found}
    largest = max(matrices.values(), key=lambda weight: weight.parameters).name
    chosen = st.selectbox(
        t("models.weight"),
        list(matrices),
        list(matrices).index(largest),
        key=f"models-weight-{subject.model}-{subject.data}",
        format_func=lambda name: _weight_words(matrices[name]),
    )
    weight = matrices[chosen]
    spread = _spread(weight, weight.file.stat().st_mtime_ns)
    info, words = histogram_info(chosen.removesuffix(".weight"), spread), spread_words(spread)
    alt = f"{info.title}. {words}"
    draw(histogram_figure(info, theme()), alt, "models-histogram")
    st.markdown(words)


def _weight_words(weight: Weight) -> str:
    return f"{weight.name.removesuffix('.weight')} · {' × '.join(map(str, weight.shape))}"


@st.cache_data(max_entries=64, show_spinner=False)
def _spread(weight: Weight, modified_ns: int) -> Spread:
    return anatomy.spread(weight)
