"""A variant's bundle: what is in it, the download, and the command that makes it again."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.errors import ExplorerError
from explorer.export import bundle_files, export_bundle
from explorer.home import runs_folder
from explorer.quantities import file_size
from explorer.recipe import Recipe
from explorer.store import RunRow
from explorer.texts import t
from pages.parts import data, run_details, state
from pages.parts.comparing import variant_name
from pages.parts.page import plain_errors, safe
from pages.parts.tables import table


def picker() -> RunRow:
    """Choose one variant; begins with the one that was shown last, else the newest of one's own."""
    by_run = {row.run: row for row in reversed(data.finished())}
    shown = state.shown()
    state.remember_value("export-picker", shown if shown in by_run else next(iter(by_run)))
    if st.session_state["export-picker"] not in by_run:
        del st.session_state["export-picker"]
    run = st.selectbox(
        t("export.pick"),
        list(by_run),
        key="export-picker",
        format_func=lambda run: variant_name(by_run[run]),
        on_change=lambda: state.select([st.session_state["export-picker"]]),
    )
    return by_run[run]


def bundle(row: RunRow) -> None:
    """What is in the bundle and the button that makes it; for a recorded run, why there is none."""
    st.subheader(t("export.bundle"), anchor=False)
    if row.recorded:
        st.info(t("export.recorded"))
        run_details.rerun_button(row)
        return
    with plain_errors():
        folder = runs_folder() / row.run
        files = bundle_files(folder)
        rows = [[name, file_size(count), t(f"export.file.{name}")] for name, count in files.items()]
        table([t("column.file"), t("column.size"), t("column.what")], rows, [1])
        _download(folder, row)


def _download(folder: Path, row: RunRow) -> None:
    st.download_button(
        t("export.download"),
        partial(make_bundle, folder),
        f"{row.model.replace('/', '-')}-{row.run}.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )


def make_bundle(folder: Path) -> bytes:
    """The zip file's content, made when the button is clicked."""
    with tempfile.TemporaryDirectory() as place:
        return export_bundle(folder, Path(place) / "bundle.zip").read_bytes()


def reproduce(row: RunRow) -> None:
    """The command and the recipe that make this variant again."""
    st.subheader(t("export.reproduce"), anchor=False)
    st.markdown(t("export.reproduce.sentence"))
    st.code("python -m explorer run recipe.yaml", language="bash")
    try:
        recipe = Recipe.parse(row.recipe).to_yaml()
    except ExplorerError as error:
        st.error(safe(str(error)))
        return
    st.code(recipe, language="yaml")
    st.download_button(
        t("recipe.download"),
        recipe,
        "recipe.yaml",
        "application/yaml",
        icon=":material/description:",
        on_click="ignore",
    )
