"""Studies on the Runs page: what each is about, put away or back, begun anew from another, sent and received."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from explorer import studies
from explorer.store import Store
from explorer.studies import files
from explorer.texts import t
from pages.parts import downloads
from pages.parts.guests import allowed
from pages.parts.page import plain_errors, safe
from pages.parts.telling import told_errors


def section() -> None:
    """One study of one's own at a time; below, the way in for a file from another machine."""
    box = st.expander(t("studies.title"), icon=":material/folder_open:", key="studies", on_change="rerun")
    if not box.open:
        return
    with box, plain_errors():
        names = [name for name in Store().studies() if name != studies.RECORDED]
        if names:
            _one(names)
        _take_in()


def _one(names: list[str]) -> None:
    hidden = studies.archived()
    name = st.selectbox(
        t("column.study"),
        sorted(names, key=lambda one: (one in hidden, one)),
        key="studies-name",
        format_func=lambda one: t("studies.archived", name=one) if one in hidden else one,
    )
    about = studies.study(name)
    st.text_area(
        t("studies.description"),
        about.description,
        key=f"studies-text-{name}",
        max_chars=studies.MOST_DESCRIPTION,
        height=90,
        on_change=_describe,
        args=(name,),
        placeholder=t("studies.description.hint"),
        **allowed(),
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            t("studies.unarchive" if about.archived else "studies.archive"),
            key="studies-archive",
            icon=":material/unarchive:" if about.archived else ":material/archive:",
            on_click=_archive,
            args=(name, not about.archived),
            **allowed(help=t("studies.archive.help")),
        )
        none = not Store().runs(study=name, states=["done"], with_results=False)
        for whole, words in ((False, t("studies.export")), (True, t("studies.export.whole"))):
            downloads.button(
                words,
                partial(_file, name, whole),
                "study-with-models.zip" if whole else "study.zip",
                "application/zip",
                key=f"studies-export-{whole}",
                icon=":material/download:",
                disabled=none,
                help=t("studies.export.none" if none else "studies.export.help"),
            )
    with st.form("studies-duplicate", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        new = st.text_input(t("studies.duplicate.name"), max_chars=studies.MOST_NAME)
        if st.form_submit_button(t("studies.duplicate"), **allowed(help=t("studies.duplicate.help"))):
            with plain_errors():
                count = studies.duplicate(name, new)
                st.toast(t("studies.duplicated", count=count, name=safe(new)))


def _describe(name: str) -> None:
    with told_errors():
        studies.describe(name, st.session_state[f"studies-text-{name}"])


def _archive(name: str, archived: bool) -> None:
    with told_errors():
        studies.archive(name, archived)


def _file(name: str, whole: bool) -> bytes:
    """The content of the study's file, made when the button is clicked."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "study.zip"
        files.export_study(name, path, whole)
        return path.read_bytes()


def _take_in() -> None:
    with st.form("studies-import", border=False, clear_on_submit=True):
        most = f"{st.get_option('server.maxUploadSize'):,}"
        may = allowed(help=t("studies.import.help", most=most))
        given = st.file_uploader(t("studies.import"), type=["zip"], **may)
        if st.form_submit_button(t("studies.import.button"), **allowed()) and given is not None:
            with plain_errors(), tempfile.TemporaryDirectory() as place:
                path = Path(place) / "study.zip"
                path.write_bytes(given.getbuffer())
                found = files.import_study(path)
                words = {"name": safe(found.study), "new": len(found.new), "known": len(found.known)}
                joined = t("studies.joined", count=len(found.joined)) if found.joined else ""
                st.success(f"{t('studies.imported', **words)} {joined}")
