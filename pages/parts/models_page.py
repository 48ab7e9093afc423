"""One uncompressed model: what it is, its layers, and how good and fast it is."""

from __future__ import annotations

import streamlit as st

from explorer import anatomy
from explorer.anatomy import facts, own
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
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import model_of
from pages.parts import data, draft, glossary, launch, state, telling
from pages.parts.guests import allowed
from pages.parts.page import go, plain_errors, safe, theme
from pages.parts.pictures import draw
from pages.parts.tables import table

PICKER, WANTED = "models-picker", "models-wanted"


def subjects() -> dict[str, Subject]:
    """The models that there is something to say about."""
    return facts.subjects(data.model_cards(), data.runs(), own.remembered())


def picker(found: dict[str, Subject]) -> Subject:
    """Choose a model; begins with that of the selected run, else of the latest own one."""
    names, wanted = list(found), st.session_state.pop(WANTED, None)
    if wanted in found:
        st.session_state[PICKER] = wanted
    if st.session_state.get(PICKER) not in found:
        rows = data.variants()
        first = model_of(rows, state.shown()) if rows else ""
        st.session_state[PICKER] = first if first in found else names[0]
    chosen = st.selectbox(
        t("compress.model"),
        names,
        key=PICKER,
        format_func=lambda name: sentence(found[name].title),
        persist_state="session",
    )
    return found[chosen]


def show(key: str) -> None:
    """Choose this model when the page is drawn next."""
    st.session_state[WANTED] = key


def title(subject: Subject) -> None:
    """What it is in plain words, its data, and what can be done with one's own."""
    st.markdown(safe(f"{sentence(subject.description)} {facts.sentence(subject)}".strip()))
    if subject.data is not None:
        st.markdown(safe(facts.own_split_words(subject.data)))
        _own_buttons(subject, subject.data)
        return
    with plain_errors(), st.spinner(t("answers.loading")):
        st.markdown(safe(facts.split_words(subject.task, _split_sizes(subject.task))))


def _own_buttons(subject: Subject, path: str) -> None:
    with st.container(horizontal=True):
        compress_button(subject.model, path, "models-compress")
        if subject.forgettable:
            st.button(
                t("models.forget"),
                key="models-forget",
                on_click=_forget,
                args=(subject.model, path, subject.title),
                icon=":material/delete:",
                type="tertiary",
                **allowed(help=t("models.forget.help")),
            )


def _forget(model: str, path: str, name: str) -> None:
    with telling.told_errors():
        own.forget(model, path)
        telling.tell(t("models.forgotten", model=safe(name)))


def compress_button(model: str, path: str | None, key: str) -> None:
    """Take a model and its data to the Compress page."""
    if st.button(t("models.own.compress"), key=key, icon=":material/compress:"):
        fields = {"model": model, "targets": draft.draft()["targets"]}
        draft.load(Recipe.parse(fields | ({"data": path} if path else {})))
        go("compress")


@st.cache_data(show_spinner=False)
def _split_sizes(task: str) -> dict[str, int]:
    return facts.split_sizes(task)


def layers(subject: Subject) -> None:
    """The treemap of the layers, by parameters or by time."""
    st.subheader(t("models.layers"), anchor=False)
    with plain_errors():
        modules = anatomy.modules(anatomy.anatomy(subject.model, subject.data))
        times = _times(subject)
        info = treemap_info(sentence(subject.title), modules, _measure(times), times)
        alt, words = f"{info.title}. {info.subtitle}", size_words(modules)
        draw(treemap_figure(info, theme()), alt, "models-treemap")
        st.markdown(safe(f"{words} {time_words(modules, times)}" if times else words))
        st.caption(t("models.layers.hint"))
        if times:
            st.caption(t("models.layers.times"))
        else:
            st.markdown(t("models.layers.no_times"))
            baseline_button(subject, "models-baseline-layers")


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
    """Accuracy and latency of the uncompressed model, each with the host that measured it, and where none were yet."""
    st.subheader(t("models.figures"), anchor=False)
    rows = data.variants()
    tables = facts.baseline_tables(rows, subject)
    columns = [t("column.where"), t("column.shape"), QUANTITIES["accuracy"].title, QUANTITIES["latency"].title]
    for place, lines in tables.items():
        st.markdown(f"**{safe(place)}**")
        table(columns, lines, range(1, 4))
    if tables:
        st.caption(t("models.figures.note"))
        glossary.explain("models", "latency", "wilson")
    missing = facts.unmeasured(rows, subject, _usual())
    if missing:
        targets = " · ".join(target_title(name) for name in missing)
        st.markdown(t("models.figures.none", targets=targets))
        baseline_button(subject, "models-baseline-figures")


def _usual() -> list[str]:
    """The usual places that are on this machine."""
    return [name for name in USUAL if data.missing(name) is None]


def baseline_button(subject: Subject, key: str) -> None:
    """Measure the uncompressed model alone, where that is possible."""
    if st.button(t("models.baseline"), key=key, icon=":material/play_arrow:", **allowed()):
        with plain_errors():
            launch.launch([baseline_recipe(subject)], "default")


def baseline_recipe(subject: Subject) -> Recipe:
    """The recipe without steps, on the usual places that are here."""
    fields = {"model": subject.model, "targets": _usual()}
    return Recipe.parse(fields | ({"data": subject.data} if subject.data else {}))
