"""Results of several variants as a table, their bundles and their recipes in one file each, and their charts."""

from __future__ import annotations

import shlex
import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.bundles import bundle_name, bundle_sizes, export_bundles, recipe_texts, zipped
from explorer.home import runs_folder
from explorer.quantities import file_size
from explorer.result_tables import COLUMNS, FORMS, MEDIA_TYPES, Form, flat_rows, written
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, exporting_charts, state
from pages.parts.naming import namer
from pages.parts.page import plain_errors, safe

CHOICES = ("chosen", "study")
MOST_BUNDLES = 12


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
        _bundles(rows)
    exporting_charts.section(rows)
    _recipes(rows)


def _chosen() -> tuple[list[RunRow], list[str]]:
    """Variants chosen one by one, with the options of the command that name them."""
    by_run = {row.run: row for row in data.finished()}
    begin = [run for run in state.compared() or state.selected() if run in by_run]
    st.session_state["several-picker"] = [run for run in st.session_state.get("several-picker", begin) if run in by_run]
    runs = st.multiselect(t("compare.pick"), list(by_run), key="several-picker", format_func=namer(by_run))
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
    st.download_button(
        t("several.download"),
        partial(written, table, form),
        f"results.{form}",
        MEDIA_TYPES[form],
        icon=":material/table:",
        on_click="ignore",
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
    st.download_button(
        t("several.recipes"),
        partial(zipped, texts, "recipes"),
        "recipes.zip",
        "application/zip",
        icon=":material/description:",
        on_click="ignore",
    )
    st.caption(t("several.recipes.unpack"))
    st.code("python -m explorer run recipes", language="bash", wrap_lines=True)


def _bundles(rows: list[RunRow]) -> None:
    """The bundles of those variants that have their files here, in one zip; which have none, and why."""
    st.subheader(t("several.bundles.title"), anchor=False)
    own = {bundle_name(row): runs_folder() / row.run for row in rows if not row.recorded}
    if len(own) < len(rows):
        st.caption(t("several.recorded", count=len(rows) - len(own)))
    if len(own) > MOST_BUNDLES:
        st.caption(t("several.bundles.many", most=MOST_BUNDLES, count=len(own)))
        return
    sizes, reasons = bundle_sizes(own)
    for reason in reasons.values():
        st.caption(safe(sentence(reason)))
    if not sizes:
        return
    st.caption(t("several.bundles.size", count=len(sizes), size=file_size(sum(sizes.values()))))
    st.download_button(
        t("several.bundles"),
        partial(make_bundles, {name: own[name] for name in sizes}),
        "bundles.zip",
        "application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
    )
    commands = [["python", "-m", "explorer", "export", own[name].name, "--to", f"bundles/{name}"] for name in sizes]
    st.code("\n".join(map(shlex.join, commands)), language="bash", wrap_lines=True)


def make_bundles(folders: dict[str, Path]) -> bytes:
    """The content of the zip file with these bundles, made when the button is clicked."""
    with tempfile.TemporaryDirectory() as place:
        return export_bundles(folders, Path(place) / "bundles.zip").read_bytes()
