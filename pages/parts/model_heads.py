"""How important each attention head is: computed in a process of its own when a reader asks for it."""

from __future__ import annotations

import streamlit as st

from explorer import anatomy
from explorer.anatomy import background
from explorer.anatomy.background import Work
from explorer.anatomy.facts import Subject
from explorer.anatomy.heads_process import IMPORTANCES, KIND, MODULE
from explorer.charts.heads import heads_figure, heads_info, heads_words
from explorer.quantities import duration
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import glossary
from pages.parts.guests import allowed
from pages.parts.page import plain_errors, safe, theme
from pages.parts.pictures import draw

EVERY_S = 1.0


def section(subject: Subject) -> None:
    """The heatmap, or the button that has it computed."""
    st.subheader(t("models.heads"), anchor=False)
    if subject.model_kind == "CNN":
        st.markdown(t("models.heads.cnn"))
        return
    glossary.explain("heads", "heads")
    with plain_errors():
        name = _name(subject)
        if name is None:
            st.markdown(t("models.heads.gone"))
            return
        running = background.look(KIND, name).state == "running"
        # drawn again without the rest of the page, and so without its guard
        fragment = st.fragment(plain_errors()(_contents), run_every=EVERY_S if running else None)
        fragment(subject, name, running)


def _name(subject: Subject) -> str | None:
    try:
        return anatomy.key(subject.model, subject.data)
    except OSError:
        return None


def _contents(subject: Subject, name: str, was_running: bool) -> None:
    work = background.look(KIND, name)
    if (work.state == "running") != was_running:
        st.rerun()
    if work.state == "done":
        _heatmap(work)
    elif work.state == "running":
        _progress(work, name)
    else:
        if work.state == "failed":
            st.error(safe(sentence(work.text)))
        _start(subject, name)


def _start(subject: Subject, name: str) -> None:
    st.markdown(t("models.heads.sentence"))
    if st.button(t("models.heads.start"), key="models-heads-start", icon=":material/play_arrow:", **allowed()):
        background.start(KIND, name, MODULE, [subject.model, subject.data or ""])
        st.rerun()


def _progress(work: Work, name: str) -> None:
    words = safe(sentence(work.text) or t("models.working.start"))
    st.info(t("models.working", text=words, time=duration(work.seconds)))
    if st.button(t("models.working.stop"), key="models-heads-stop", icon=":material/stop:", **allowed()):
        background.stop(KIND, name)
        st.rerun()


def _heatmap(work: Work) -> None:
    chosen = st.segmented_control(
        t("models.heads.importance"),
        IMPORTANCES,
        default=IMPORTANCES[0],
        key="models-importance",
        format_func=lambda name: t(f"models.heads.{name}"),
        persist_state="session",
    )
    importance = chosen or IMPORTANCES[0]
    info = heads_info((work.answer or {})[importance], importance)
    words = heads_words(info)
    alt = f"{info.title}. {info.subtitle}. {words}"
    draw(heads_figure(info, theme()), alt, "models-heads")
    st.markdown(words)
