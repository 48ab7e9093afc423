"""Results of several variants as a table, their bundles and their recipes in one file each, and their charts."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.bundles import bundle_name, export_bundles, parts, previews, recipe_texts, with_model, zipped
from explorer.home import runs_folder
from explorer.quantities import file_size
from explorer.result_tables import COLUMNS, FORMS, MEDIA_TYPES, Form, flat_rows, written
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, downloads, exporting_charts, state
from pages.parts.naming import namer
from pages.parts.page import plain_errors, safe

CHOICES = ("chosen", "study")
MOST_BUNDLES, MOST_BYTES = 50, 1_000_000_000
"""What a download carries, which the dashboard holds in its memory meanwhile."""
LISTED_PX = 320


def section() -> None:
    """Choose variants or a study; then what is wanted most comes first: results, bundles, charts, recipes."""
    st.header(t("several.title"), anchor=False)
    how, what = st.columns([1, 3], vertical_alignment="top")
    with how:
        by = st.segmented_control(
            t("several.by"),
            CHOICES,
            default="chosen",
            key="several-by",
            format_func=lambda name: t(f"several.by.{name}"),
            required=True,
        )
    with what:
        rows, words = _study() if by == "study" else _chosen()
    if not rows:
        st.markdown(t("several.none"))
        return
    figures, bundles = st.columns(2, gap="large")
    with figures:
        _figures(rows, words)
    with bundles, plain_errors():
        _bundles(rows, words)
    exporting_charts.section(rows)
    _recipes(rows)


def _chosen() -> tuple[list[RunRow], list[str]]:
    """Variants chosen one by one, with the options of the command that name them."""
    by_run = {row.run: row for row in data.finished()}
    begin = [run for run in state.compared() or state.selected() if run in by_run]
    st.session_state["several-picker"] = [run for run in st.session_state.get("several-picker", begin) if run in by_run]
    runs = st.multiselect(
        t("compare.pick"),
        list(by_run),
        key="several-picker",
        placeholder=t("word.choose"),
        format_func=namer(by_run),
    )
    return [by_run[run] for run in runs], [word for run in runs for word in ("--run", run)]


def _study() -> tuple[list[RunRow], list[str]]:
    """All finished variants of a study."""
    finished = data.finished()
    own_first = sorted(reversed(finished), key=lambda row: row.recorded)
    studies = dict.fromkeys(study for row in own_first for study in row.studies)
    study = st.selectbox(t("column.study"), list(studies), key="several-study")
    return [row for row in finished if study in row.studies], ["--study", str(study)]


def _figures(rows: list[RunRow], words: list[str]) -> None:
    """The table's format, its download, and the command that writes the same file."""
    st.subheader(t("several.results"), anchor=False)
    st.markdown(t("several.sentence"))
    form: Form = st.segmented_control(
        t("several.format"),
        FORMS,
        default=FORMS[0],
        key="several-format",
        format_func=lambda name: t(f"several.format.{name}"),
        required=True,
    )
    table = flat_rows(rows)
    st.caption(t("several.size", rows=f"{len(table):,}", columns=len(COLUMNS), variants=f"{len(rows):,}"))
    downloads.button(
        t("several.download"),
        partial(written, table, form),
        f"results.{form}",
        MEDIA_TYPES[form],
        icon=":material/table:",
    )
    command = ["python", "-m", "explorer", "results", *words, "--format", form, "--to", f"results.{form}"]
    st.code(shlex.join(command), language="bash", wrap_lines=True)


def _recipes(rows: list[RunRow]) -> None:
    """The recipes in one zip, and the command that makes all those variants again."""
    st.subheader(t("several.recipes.title"), anchor=False)
    texts, reasons = recipe_texts(rows)
    for reason in reasons.values():
        st.caption(safe(sentence(reason)))
    if not texts:
        return
    downloads.button(
        t("several.recipes"),
        partial(zipped, texts, "recipes"),
        "recipes.zip",
        "application/zip",
        icon=":material/description:",
    )
    st.caption(t("several.recipes.unpack"))
    st.code("python -m explorer run recipes", language="bash", wrap_lines=True)


def _bundles(rows: list[RunRow], words: list[str]) -> None:
    """The bundles of those variants that have their files here, in one zip or in parts; which have none, and why."""
    st.subheader(t("several.bundles.title"), anchor=False)
    own = {bundle_name(row): row for row in rows if not row.recorded}
    if len(own) < len(rows):
        st.caption(t("several.recorded", count=len(rows) - len(own)))
    folders = {name: runs_folder() / row.run for name, row in own.items()}
    sizes = with_model(folders)
    if len(sizes) < len(own):
        gone = [row.run for name, row in own.items() if name not in sizes]
        st.caption(t("several.gone", count=len(gone), runs=", ".join([*gone[:3], *(["…"] if gone[3:] else [])])))
    if sizes:
        place, names = _part(sizes)
        _download(place, {name: folders[name] for name in names}, own)
        command = ["python", "-m", "explorer", "export-bundles", *words, "--to", "bundles.zip"]
        st.code(shlex.join(command), language="bash", wrap_lines=True)


def _part(sizes: dict[str, int]) -> tuple[str, list[str]]:
    """The part that is to be downloaded, by what its file is called besides ``bundles``, and the bundles in it."""
    found = parts(sizes, MOST_BYTES, MOST_BUNDLES)
    if len(found) == 1:
        return "", found[0]
    most = {"most": MOST_BUNDLES, "size": file_size(MOST_BYTES)}
    st.caption(t("several.bundles.many", count=f"{len(sizes):,}", parts=len(found), **most))
    place = st.selectbox(
        t("several.part"),
        range(len(found)),
        key=f"several-part-of-{len(found)}",
        format_func=lambda part: t("several.part.of", part=part + 1, parts=len(found), count=len(found[part])),
    )
    return f"-{place + 1}", found[place]


def _download(place: str, folders: dict[str, Path], rows: dict[str, RunRow]) -> None:
    """What is in the zip file, and the button that makes it."""
    contents, reasons = previews(folders)
    for reason in reasons.values():
        st.caption(safe(sentence(reason)))
    if not contents:
        return
    size = sum(sum(files.values()) for files in contents.values())
    st.caption(t("several.bundles.size", count=len(contents), size=file_size(size)))
    _preview(contents, namer({row.run: row for row in rows.values()}), rows)
    downloads.button(
        t("several.bundles"),
        partial(make_bundles, {name: folders[name] for name in contents}),
        f"bundles{place}.zip",
        "application/zip",
        icon=":material/folder_zip:",
    )


def _preview(contents: dict[str, dict[str, int]], named: Callable[[str], str], rows: dict[str, RunRow]) -> None:
    """Every file of every bundle, with its size and what it is."""
    listed = [
        {
            "variant": named(rows[name].run),
            "file": file,
            "size": file_size(size),
            "what": t(f"export.file.{file}"),
            "folder": name,
        }
        for name, files in contents.items()
        for file, size in files.items()
    ]
    text = st.column_config.TextColumn
    st.dataframe(
        listed,
        hide_index=True,
        height=LISTED_PX,
        key="several-preview",
        alt=t("several.preview"),
        column_config={
            "variant": text(t("export.pick"), width=190),
            "file": text(t("column.file"), width=115),
            "size": text(t("column.size"), width=75, alignment="right"),
            "what": t("column.what"),
            "folder": t("column.folder"),
        },
    )


def make_bundles(folders: dict[str, Path]) -> bytes:
    """The content of the zip file with these bundles, made when the button is clicked."""
    with tempfile.TemporaryDirectory() as place:
        return export_bundles(folders, Path(place) / "bundles.zip").read_bytes()
