"""A reader's own model and data: tried in a process of its own, and taken to the Compress page when all is well."""

from __future__ import annotations

import streamlit as st

from explorer.anatomy import background
from explorer.anatomy.background import Work
from explorer.anatomy.check_process import KIND, MODULE, name_of
from explorer.quantities import count, duration
from explorer.recipe import Recipe
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import draft
from pages.parts.guests import allowed
from pages.parts.page import go, plain_errors, safe

EVERY_S = 1.0


def section() -> None:
    """The form, and what came of the last check."""
    st.subheader(t("models.own"), anchor=False)
    st.markdown(t("models.own.sentence"))
    with st.form("models-own", border=False):
        left, right = st.columns(2)
        model = left.text_input(t("compress.model.id"), key="models-own-model", help=t("compress.model.id.help"))
        path = right.text_input(t("compress.model.data"), key="models-own-data", help=t("compress.model.data.help"))
        asked = st.form_submit_button(t("models.own.check"), icon=":material/fact_check:", **allowed())
    with plain_errors():
        if asked:
            _ask(model.strip(), path.strip())
        given = st.session_state.get("models-checked")
        if given:
            _outcome(*given)


def _ask(model: str, path: str) -> None:
    """Start the check; without a model there is nothing to check."""
    st.session_state["models-checked"] = [model, path] if model else None
    if model:
        name = name_of(model, path)
        background.start(KIND, name, MODULE, [name, model, path])
    else:
        st.error(t("models.own.unnamed"))


def _outcome(model: str, path: str) -> None:
    running = background.look(KIND, name_of(model, path)).state == "running"
    # drawn again without the rest of the page, and so without its guard
    st.fragment(plain_errors()(_contents), run_every=EVERY_S if running else None)(model, path, running)


def _contents(model: str, path: str, was_running: bool) -> None:
    name = name_of(model, path)
    work = background.look(KIND, name)
    if (work.state == "running") != was_running:
        st.rerun()
    if work.state == "running":
        words = safe(sentence(work.text) or t("models.working.start"))
        st.info(t("models.working", text=words, time=duration(work.seconds)))
        if st.button(t("models.working.stop"), key="models-own-stop", icon=":material/stop:", **allowed()):
            background.stop(KIND, name)
            st.rerun()
    elif work.state == "failed":
        st.error(safe(sentence(work.text)))
    elif work.state == "done":
        _well(work, model, path)


def _well(work: Work, model: str, path: str) -> None:
    """What was found, and the way to the Compress page with both filled in."""
    found = work.answer or {}
    words = {
        "model": safe(model),
        "parameters": count(found["parameters"]),
        "labels": safe(", ".join(found["labels"])),
        **{name: f"{number:,}" for name, number in found["splits"].items()},
    }
    st.success(t("models.own.well", **words))
    if st.button(t("models.own.compress"), key="models-own-compress", type="primary", icon=":material/compress:"):
        fields = {"model": model, "targets": draft.draft()["targets"]}
        draft.load(Recipe.parse(fields | ({"data": path} if path else {})))
        go("compress")
