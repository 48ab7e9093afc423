"""Stories being made: their steps in order, one more from what the Trade-offs page shows or set by hand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from explorer import stories
from explorer.charts import FAMILY_COLOURS
from explorer.errors import ExplorerError
from explorer.measure.targets import targets
from explorer.quantities import QUANTITIES, SIZES, X_AXES, Y_AXES
from explorer.recipe import LARGEST_BATCH
from explorer.stories import Step, Story
from explorer.texts import t, target_title
from explorer.variants import models_of_one_task
from pages.parts import data, presenting, state
from pages.parts.comparing import variant_name
from pages.parts.page import plain_errors, safe

VIEW = ("x", "y", "size", "log", "where", "runtime", "batch", "length", "model", "family", "study")
"""Keys of the Trade-offs page's controls."""


def edit() -> None:
    """Choose or begin a story, see its steps, add one."""
    story = _picker()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(t("tell.steps"), anchor=False)
        if story is None or not story.steps:
            st.markdown(t("tell.none"))
        else:
            _steps(story)
            _present(story)
    with right:
        st.subheader(t("tell.add"), anchor=False)
        with plain_errors():
            _adding(story)


def _picker() -> Story | None:
    """The chosen story; None for a new one, whose name is asked for where its first step is added."""
    known = stories.names()
    if st.session_state.get("story") not in known:
        st.session_state.pop("story", None)
    name = st.selectbox(
        t("tell.story"), known, index=None, key="story", placeholder=t("tell.story.new"), persist_state="session"
    )
    with plain_errors():
        return stories.load(name) if name else None
    return None


def _steps(story: Story) -> None:
    for place, step in enumerate(story.steps):
        with st.container(border=True), st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{place + 1}. {safe(step.title)}**  \n{safe(step.sentence)}", width="stretch")
            _change("up", story.moved(place, place - 1), place, disabled=place == 0)
            _change("down", story.moved(place, place + 1), place, disabled=place == len(story.steps) - 1)
            _change("remove", story.without(place), place)


def _change(how: str, after: Story, place: int, disabled: bool = False) -> None:
    """A button that keeps the story as it is afterwards."""
    icons = {"up": ":material/arrow_upward:", "down": ":material/arrow_downward:", "remove": ":material/delete:"}
    words = t(f"tell.{how}", place=place + 1)
    key = f"step-{how}-{place}"
    if st.button(words, key=key, icon=icons[how], icon_only=True, help=words, disabled=disabled, type="tertiary"):
        with plain_errors():
            stories.save(after)
            st.rerun()


def _present(story: Story) -> None:
    """The button that begins, the link for guests, and the way to forget the story."""
    with st.container(horizontal=True):
        st.button(
            t("tell.present"),
            key="begin",
            type="primary",
            icon=":material/slideshow:",
            on_click=presenting.begin,
            args=(story.name,),
        )
        with st.popover(t("tell.delete"), icon=":material/delete:"):
            st.markdown(t("tell.delete.sure", name=safe(story.name)))
            st.button(t("tell.delete.yes"), on_click=stories.delete, args=(story.name,))
    st.markdown(t("tell.link"))
    query = urlencode({"story": story.name, "step": 1, "view": 1})
    st.code(f"{st.context.url or '/Present'}?{query}", language=None, wrap_lines=True)


def _adding(story: Story | None) -> None:
    """Title, sentence and what to show, which begins as what the Trade-offs page shows."""
    name = story.name if story else st.text_input(t("tell.name"), key="story-name", max_chars=stories.LONGEST_NAME)
    title = st.text_input(t("tell.title"), key="step-title", max_chars=120)
    sentence = st.text_area(t("tell.sentence"), key="step-sentence", max_chars=600, height=90)
    begin = _current()
    with st.expander(t("tell.shown")):
        fields = _by_hand(begin)
    st.caption(safe(_words(fields)))
    if st.button(t("tell.add.button"), key="add-step", type="primary", icon=":material/add:"):
        step = stories.step(title=title, sentence=sentence, size=begin.size, length=begin.length, **fields)
        stories.save(story.with_step(step) if story else _new(name, step))
        st.session_state["story-wanted"] = stories.checked_name(name)
        st.rerun()


def _new(name: str, step: Step) -> Story:
    """A story of one step; a name that is taken is refused rather than overwritten."""
    return stories.new(name, step)


def _current() -> Step:
    """What the Trade-offs page shows now."""
    view = {key: st.session_state[key] for key in VIEW if key in st.session_state}
    models = models_of_one_task(data.variants(), state.shown())
    runs = [run for run in state.selected() if data.find(run)]
    gpu = "mps" if data.missing("mps-torch") is None else "cuda"
    try:
        return stories.step_from(view, "-", "", models, runs, gpu)
    except ExplorerError:  # a target or an axis that is not there on this machine
        return stories.step(title="-", models=tuple(models), runs=tuple(runs))
