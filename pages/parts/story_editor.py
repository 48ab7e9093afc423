"""Stories being made: their steps in order, one more from what the Trade-offs page shows or set by hand."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from explorer import stories, trash
from explorer.stories import Story
from explorer.texts import t
from pages.parts import presenting, story_step_form, story_steps, undo
from pages.parts.guests import allowed
from pages.parts.page import plain_errors, safe
from pages.parts.telling import told_errors


def edit() -> None:
    """Choose or begin a story, see its steps, add one."""
    _after_adding()
    undo.section()
    with plain_errors():
        story = _picker()
        left, right = st.columns(2, gap="large")
        with left:
            st.subheader(t("tell.steps"), anchor=False)
            if story is None or not story.steps:
                st.markdown(t("tell.none"))
            else:
                story_steps.section(story)
                _present(story)
        with right:
            st.subheader(t("tell.add"), anchor=False)
            with plain_errors():
                _adding(story)


def _after_adding() -> None:
    """A step that was added a moment ago: its story is the chosen one, and the words for the next are empty."""
    wanted = st.session_state.pop("story-wanted", None)
    if wanted:
        st.session_state.update({"told": wanted, "step-title": "", "step-sentence": ""})
    if st.session_state.get("told") not in stories.names():
        st.session_state["told"] = None  # said, not only forgotten: else the list goes on showing its name


def _picker() -> Story | None:
    """The chosen story; None for a new one, whose name is asked for where its first step is added."""
    placeholder = t("tell.story.new")
    name = st.selectbox(
        t("tell.story"), stories.names(), index=None, key="told", placeholder=placeholder, persist_state="session"
    )
    return stories.load(name) if name else None


def _present(story: Story) -> None:
    """The button that begins, the way to forget the story, and the link for guests with what it does not do."""
    with st.container(horizontal=True):
        st.button(
            t("tell.present"),
            key="begin",
            type="primary",
            icon=":material/slideshow:",
            on_click=presenting.begin,
            args=(story.name,),
        )
        with st.popover(t("tell.delete"), icon=":material/delete:", **allowed()):
            st.markdown(t("tell.delete.sure", name=safe(story.name), days=trash.KEPT_DAYS))
            st.button(t("tell.delete.yes"), key="story-delete", on_click=_delete, args=(story.name,), **allowed())
    st.markdown(t("tell.link"))
    query = urlencode(presenting.address(story.name) | {"view": "1"})
    st.code(f"{st.context.url or '/Present'}?{query}", language=None, wrap_lines=True)
    st.caption(t("tell.link.limits"))


def _delete(name: str) -> None:
    with told_errors():
        stories.delete(name)
        undo.offer(t("runs.deleted", label=safe(name)), [f"{trash.STORIES}/{name}"])


def _adding(story: Story | None) -> None:
    """Title, sentence and what to show, which begins as what the Trade-offs page shows."""
    name = story.name if story else st.text_input(t("tell.name"), key="story-name", max_chars=stories.LONGEST_NAME)
    words, view = story_step_form.words("step"), story_step_form.fields("step", story_step_form.current())
    if st.button(t("tell.add.button"), key="add-step", type="primary", icon=":material/add:", **allowed()):
        step = stories.step(**words, **view)
        stories.save(story.with_step(step) if story else stories.new(name, step))
        st.session_state["story-wanted"] = stories.checked_name(name)
        st.rerun()
