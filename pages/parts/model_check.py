"""A reader's own model and data: tried in a process of its own, and taken to the Compress page when all is well."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer.anatomy import background
from explorer.anatomy.check_process import KIND, MODULE
from explorer.anatomy.facts import key_of
from explorer.anatomy.own import name_of
from explorer.quantities import count, duration
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, draft, models_page
from pages.parts.guests import allowed
from pages.parts.page import go, plain_errors, safe

EVERY_S = 1.0
MODEL, DATA = "models-own-model", "models-own-data"


def section() -> None:
    """The form, and what came of the last check."""
    st.subheader(t("models.own"), anchor=False)
    st.markdown(t("models.own.sentence"))
    with st.form("models-own", border=False):
        left, right = st.columns(2)
        model = left.text_input(t("compress.model.id"), key=MODEL, help=t("compress.model.id.help"))
        path = right.text_input(t("compress.model.data"), key=DATA, help=t("compress.model.data.help"))
        asked = st.form_submit_button(t("models.own.check"), icon=":material/fact_check:", **allowed())
    with plain_errors():
        if asked:
            _ask(model.strip(), path.strip())
        given = st.session_state.get("models-checked")
        if given:
            _outcome(*given)


def look_first() -> None:
    """For the Compress page: the way to check one's own model and see what it is made of."""
    fields = draft.draft()
    if fields["model"] in data.model_cards() or draft.unnamed():
        return
    words = t("models.own.first")
    if st.button(words, key="compress-look-first", icon=":material/fact_check:", type="tertiary", **allowed()):
        st.session_state.update({MODEL: fields["model"], DATA: fields["data"]})
        _ask(fields["model"], fields["data"])
        go("models")


def _ask(model: str, path: str) -> None:
    """Start the check; without a model there is nothing to check."""
    st.session_state["models-checked"] = [model, path] if model else None
    st.session_state["models-to-show"] = bool(model)
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
        _well(work.answer or {})


def _well(found: dict[str, Any]) -> None:
    """What was found, with the model above, and the way to the Compress page with both filled in."""
    if st.session_state.pop("models-to-show", False):
        models_page.show(key_of(found["model"], found["data"]))
        st.rerun()
    words = {
        "model": safe(found["model"]),
        "parameters": count(found["parameters"]),
        "labels": safe(", ".join(found["labels"])),
        **{name: f"{number:,}" for name, number in found["splits"].items()},
    }
    st.success(t("models.own.well", **words))
    models_page.compress_button(found["model"], found["data"], "models-own-compress")
