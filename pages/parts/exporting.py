"""A variant's bundle: what is in it, the download, how to make it again, and what other machines measured of it."""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.artefacts import baseline_file
from explorer.errors import ExplorerError
from explorer.export import bundle_files, export_bundle
from explorer.home import runs_folder
from explorer.importing import reported, take_in
from explorer.measure.elsewhere import parse
from explorer.quantities import QUANTITIES, file_size
from explorer.recipe import Recipe
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, downloads, launch, run_details, state
from pages.parts.guests import allowed
from pages.parts.naming import namer
from pages.parts.page import plain_errors, safe
from pages.parts.tables import table

BETWEEN_CHINESE = re.compile("(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])")
"""Where a line may break within a Chinese word."""


def one_variant() -> RunRow:
    """What can be taken away of one variant: its bundle, and the recipe that makes it again; returns which it is."""
    st.header(t("export.one"), anchor=False)
    row = picker()
    left, right = st.columns(2, gap="large")
    with left:
        bundle(row)
    with right:
        reproduce(row)
    return row


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
        format_func=namer(by_run),
        on_change=lambda: state.select([st.session_state["export-picker"]]),
    )
    return by_run[run]


def bundle(row: RunRow) -> None:
    """What is in the bundle and the button that makes it; for a recorded run, why there is none."""
    st.subheader(t("export.bundle"), anchor=False)
    if row.recorded:
        st.info(t("export.recorded"))
        with st.container(horizontal=True):
            run_details.rerun_button(row)
            if not data.has_own():
                launch.example_button("export-example")
        return
    with plain_errors():
        folder = runs_folder() / row.run
        gone = baseline_file(folder) is None
        help_text = t("export.with_baseline.gone" if gone else "export.with_baseline.help")
        with_baseline = st.checkbox(t("export.with_baseline"), key="with-baseline", help=help_text, disabled=gone)
        files = bundle_files(folder, with_baseline and not gone)
        rows = [[name, _unbroken(file_size(count)), t(f"export.file.{name}")] for name, count in files.items()]
        table([t("column.file"), t("column.size"), t("column.what")], rows, [1])
        _download(folder, row, with_baseline and not gone)


def _unbroken(words: str) -> str:
    """Words that stay on one line in a narrow window, Chinese ones too."""
    return BETWEEN_CHINESE.sub("\u2060", words.replace(" ", "\u00a0"))


def _download(folder: Path, row: RunRow, with_baseline: bool) -> None:
    name = f"{row.model.replace('/', '-')}-{row.run}"
    downloads.button(
        t("export.download"),
        partial(make_bundle, folder, name, with_baseline),
        f"{name}.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
    )


def make_bundle(folder: Path, name: str, with_baseline: bool = False) -> bytes:
    """The content of the zip file ``name``, made when the button is clicked."""
    with tempfile.TemporaryDirectory() as place:
        return export_bundle(folder, Path(place) / f"{name}.zip", with_baseline=with_baseline).read_bytes()


def elsewhere(row: RunRow) -> None:
    """Take in a file that another machine wrote, and what such machines measured of this variant so far."""
    st.header(t("elsewhere.title"), anchor=False)
    st.markdown(t("elsewhere.sentence"))
    given = st.file_uploader(t("elsewhere.upload"), type=["json"], key="measurements", max_upload_size=5, **allowed())
    if given is not None:
        with plain_errors():
            _take_in(given.getvalue(), given.name)
    rows = reported((data.find(row.run) or row).result or {})
    if rows:
        figures = [QUANTITIES["latency"].title, QUANTITIES["speedup"].title, t("column.same_answers")]
        names = [t("column.device"), t("column.where"), t("column.shape"), *figures, t("column.day")]
        table(names, rows, range(2, 7))


def _take_in(content: bytes, name: str) -> None:
    """Drawing the page anew takes the same file in again, which changes nothing."""
    report = parse(content, name)
    found = take_in(report)
    if found.new:
        names = ", ".join(f"`{run}`" for run in found.new)
        st.success(t("elsewhere.added", device=safe(report.device.name), count=len(found.new), runs=names))
    else:
        st.info(t("elsewhere.known", device=safe(report.device.name)))


def reproduce(row: RunRow) -> None:
    """The command and the recipe that make this variant again."""
    st.subheader(t("export.reproduce"), anchor=False)
    st.markdown(t("export.reproduce.sentence"))
    st.code("python -m explorer run recipe.yaml", language="bash")
    try:
        recipe = Recipe.parse(row.recipe).to_yaml()
    except ExplorerError as error:
        st.error(safe(sentence(str(error))))
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
