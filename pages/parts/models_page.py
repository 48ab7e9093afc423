"""One uncompressed model: what it is, its layers, and how good and fast it is."""

from __future__ import annotations

import streamlit as st

from explorer import anatomy
from explorer.anatomy import facts
from explorer.anatomy.facts import Subject
from explorer.charts.anatomy import (
    MEASURES,
    Measure,
    Times,
    size_words,
    time_words,
    times_of,
    treemap_figure,
    treemap_info,
)
from explorer.measure.targets import USUAL
from explorer.quantities import QUANTITIES
from explorer.recipe import Recipe
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import model_of
from pages.parts import data, glossary, launch, state
from pages.parts.guests import allowed
from pages.parts.page import plain_errors, safe, theme
from pages.parts.pictures import draw
from pages.parts.tables import table


def subjects() -> dict[str, Subject]:
    """The models that there is something to say about."""
    return facts.subjects(data.model_cards(), data.finished())


def picker(found: dict[str, Subject]) -> Subject:
    """Choose a model; begins with that of the selected run, else of the latest own one."""
    key, names = "models-picker", list(found)
    if st.session_state.get(key) not in found:
        rows = data.variants()
        first = model_of(rows, state.shown()) if rows else ""
        st.session_state[key] = first if first in found else names[0]
    chosen = st.selectbox(
        t("compress.model"),
        names,
        key=key,
        format_func=lambda name: sentence(found[name].title),
        persist_state="session",
    )
    return found[chosen]


def title(subject: Subject) -> None:
    """What it is in plain words, and its data."""
    st.markdown(safe(f"{sentence(subject.description)} {facts.sentence(subject)}".strip()))
    if subject.data is not None:
        st.markdown(safe(facts.own_split_words(subject.data)))
        return
    with plain_errors(), st.spinner(t("answers.loading")):
        st.markdown(safe(facts.split_words(subject.task, _split_sizes(subject.task))))


@st.cache_data(show_spinner=False)
def _split_sizes(task: str) -> dict[str, int]:
    return facts.split_sizes(task)


def layers(subject: Subject) -> None:
    """The treemap of the layers, by parameters or by time."""
    st.subheader(t("models.layers"), anchor=False)
    with plain_errors():
        modules = anatomy.modules(anatomy.anatomy(subject.model, subject.data).weights)
        times = _times(subject)
        info = treemap_info(sentence(subject.title), modules, _measure(times), times)
        alt, words = f"{info.title}. {info.subtitle}", size_words(modules)
        draw(treemap_figure(info, theme()), alt, "models-treemap")
        st.markdown(safe(f"{words} {time_words(modules, times)}" if times else words))
        st.caption(t("models.layers.hint" if times else "models.layers.no_times"))


def _times(subject: Subject) -> Times | None:
    row = facts.profiled(data.finished(), subject)
    return times_of(data.whole(row).result) if row else None


def _measure(times: Times | None) -> Measure:
    """What area and colour stand for; a choice only where layers were timed."""
    if times is None:
        return MEASURES[0]
    chosen = st.segmented_control(
        t("models.measure"),
        MEASURES,
        default=MEASURES[0],
        key="models-measure",
        format_func=lambda name: t(f"models.measure.{name}"),
        persist_state="session",
    )
    return chosen or MEASURES[0]


def figures(subject: Subject) -> None:
    """Accuracy and latency of the uncompressed model, each with the host that measured it."""
    st.subheader(t("models.figures"), anchor=False)
    tables = facts.baseline_tables(data.variants(), subject)
    if not tables:
        st.markdown(t("models.figures.none"))
        baseline_button(subject, "models-baseline-figures")
        return
    columns = [t("column.where"), t("column.shape"), QUANTITIES["accuracy"].title, QUANTITIES["latency"].title]
    for place, rows in tables.items():
        st.markdown(f"**{safe(place)}**")
        table(columns, rows, range(1, 4))
    st.caption(t("models.figures.note"))
    glossary.explain("models", "latency", "wilson")


def baseline_button(subject: Subject, key: str) -> None:
    """Measure the uncompressed model alone, where that is possible."""
    if st.button(t("models.baseline"), key=key, icon=":material/play_arrow:", **allowed()):
        with plain_errors():
            launch.launch([baseline_recipe(subject)], "default")


def baseline_recipe(subject: Subject) -> Recipe:
    """The recipe without steps, on the usual places that are here."""
    targets = [name for name in USUAL if data.missing(name) is None]
    fields = {"model": subject.model, "targets": targets}
    return Recipe.parse(fields | ({"data": subject.data} if subject.data else {}))
