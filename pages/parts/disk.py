"""What everything takes of the disk, and making room: shown on the Runs page while it is open."""

from __future__ import annotations

import streamlit as st

from explorer import housekeeping, trash
from explorer.quantities import file_size
from explorer.texts import t
from pages.parts import data, undo
from pages.parts.guests import allowed
from pages.parts.page import plain_errors
from pages.parts.tables import table
from pages.parts.telling import told_errors


def section() -> None:
    """Counted only while it is open: a thousand runs are many files."""
    box = st.expander(t("disk.title"), icon=":material/hard_drive:", key="disk", on_change="rerun")
    if not box.open:
        return
    with box, plain_errors():
        uses = housekeeping.disk_use()
        table(
            [t("disk.what"), t("disk.items"), t("column.size")],
            [[_name(use), f"{use.items:,}", file_size(use.bytes)] for use in uses],
            [1, 2],
        )
        _remove()
        _bring_back()
        _empty(uses)


def _name(use: housekeeping.Use) -> str:
    if use.name in ("cache", "trash", "hub"):
        return t(f"disk.{use.name}")
    return t("disk.study.shared" if use.shared else "disk.study", name=use.name, count=f"{use.shared:,}")


def _remove() -> None:
    """Model files by age and rank, those on any front kept unless told otherwise."""
    st.markdown(t("disk.remove.sentence", days=trash.KEPT_DAYS))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.number_input(t("disk.days"), 0, 3650, 30, key="disk-days")
        keep = st.toggle(t("disk.keep_front"), True, key="disk-keep", help=t("disk.keep_front.help"))
        best = st.number_input(t("disk.best"), 0, 10_000, 0, key="disk-best", help=t("disk.best.help"))
        runs = housekeeping.removable(data.runs(), data.variants(), float(days), keep, int(best))
        words = t("disk.remove", count=len(runs), size=file_size(housekeeping.model_file_bytes(runs)))
        st.button(words, key="disk-remove", on_click=_remove_these, args=(runs,), **allowed(not runs))


def _remove_these(runs: list[str]) -> None:
    with told_errors():
        removed = housekeeping.remove_artefacts(runs)
        undo.offer(t("disk.removed", count=len(removed)), removed)


def _bring_back() -> None:
    """Deleted runs, removed model files, and deleted presets and stories, as long as they are there."""
    runs, artefacts = housekeeping.restorable()
    files = housekeeping.restorable_files()
    names = {run: t("disk.restore.run", run=run) for run in runs}
    names |= {run: t("disk.restore.files", run=run) for run in artefacts if run not in names}
    names |= {key: _called(key, name) for key, name in files.items()}
    if not names:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            t("disk.restore.which"),
            list(names),
            key="disk-restore",
            format_func=lambda one: names[one],
        )
        st.button(t("disk.restore"), key="disk-restore-button", on_click=_restore, args=(chosen,), **allowed())


def _called(key: str, name: str) -> str:
    is_preset = key.startswith(f"{trash.PRESETS}/")
    return t("disk.restore.preset" if is_preset else "disk.restore.story", name=name)


def _restore(run: str) -> None:
    with told_errors():
        housekeeping.restore(run)


def _empty(uses: list[housekeeping.Use]) -> None:
    sizes = {use.name: use.bytes for use in uses}
    with st.container(horizontal=True):
        st.button(
            t("disk.empty.trash"), key="disk-trash", on_click=_empty_trash,
            **allowed(not sizes.get("trash"), t("disk.empty.trash.help")),
        )  # fmt: skip
        st.button(
            t("disk.empty.cache"), key="disk-cache", on_click=_empty_cache,
            **allowed(not sizes.get("cache"), t("disk.empty.cache.help")),
        )  # fmt: skip


def _empty_trash() -> None:
    with told_errors():
        housekeeping.empty_trash()


def _empty_cache() -> None:
    with told_errors():
        housekeeping.empty_cache()
