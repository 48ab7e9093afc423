"""The steps of a story in their order: each can be moved, edited in its place and taken out."""

from __future__ import annotations

import streamlit as st

from explorer import stories
from explorer.stories import Story
from explorer.texts import t
from pages.parts import story_step_form
from pages.parts.guests import allowed
from pages.parts.page import plain_errors, safe

EDITED = "step-edited"
"""Which step is being edited: its story, its place, and how often it took what the Trade-offs page shows."""


def section(story: Story) -> None:
    """All of them, of which one at a time is edited."""
    name, edited, taken = st.session_state.get(EDITED, ("", 0, 0))
    editing = name == story.name and edited < len(story.steps)
    for place, step in enumerate(story.steps):
        if editing and place == edited:
            _form(story, place, taken)
            continue
        with st.container(border=True):
            st.markdown(f"**{place + 1}. {safe(step.title)}**  \n{safe(step.sentence)}")
            _buttons(story, place, editing)


def _buttons(story: Story, place: int, editing: bool) -> None:
    """What is done with a step; nothing while another one is edited, whose words would be lost."""
    number, last = place + 1, len(story.steps) - 1
    with st.container(horizontal=True):
        up, down = story.moved(place, place - 1), story.moved(place, place + 1)
        _change(t("compress.up", place=number), "arrow_upward", up, editing or place == 0)
        _change(t("compress.down", place=number), "arrow_downward", down, editing or place == last)
        st.button(
            t("tell.edit", place=number),
            key=f"story-edit-{place}",
            icon=":material/edit:",
            type="tertiary",
            on_click=_edit,
            args=(story.name, place),
            **allowed(editing),
        )
        _change(t("compress.remove", place=number), "close", story.without(place), editing)


def _change(words: str, icon: str, after: Story, disabled: bool) -> None:
    """A button that keeps the story as it is afterwards."""
    if st.button(words, key=f"story-{words}", icon=f":material/{icon}:", type="tertiary", **allowed(disabled)):
        stories.save(after)
        st.rerun()


def _form(story: Story, place: int, taken: int) -> None:
    """The step's words and what it shows; saved in its place, or left as it was."""
    step = story.steps[place]
    with st.container(border=True, key="story-form"):
        words = story_step_form.words("edit", step.title, step.sentence)
        view = story_step_form.fields(f"edit-{taken}", story_step_form.current() if taken else step)
        with st.container(horizontal=True):
            save = st.button(t("tell.save"), key="story-save", type="primary", icon=":material/check:", **allowed())
            again = (story.name, place, taken + 1)
            st.button(t("tell.retake"), key="story-retake", icon=":material/sync:", on_click=_edit, args=again)
            st.button(t("tell.cancel"), key="story-cancel", type="tertiary", on_click=_leave)
        if save:
            with plain_errors():
                stories.save(story.replaced(place, stories.step(**words, **view)))
                _leave()
                st.rerun()


def _edit(name: str, place: int, taken: int = 0) -> None:
    st.session_state[EDITED] = (name, place, taken)


def _leave() -> None:
    st.session_state.pop(EDITED, None)
