"""One run in detail: as a job (learning curve, log, retry) and as a variant (numbers, findings, recipe)."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer import jobs, seeds, trash
from explorer.advice import advice, mends_recipe
from explorer.charts import learning_figure, learning_info
from explorer.comparison import TableRow, table
from explorer.errors import ExplorerError
from explorer.quantities import duration, short_date
from explorer.recipe import Recipe
from explorer.rundir import ACTIVE
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import host_of
from pages.parts import data, draft, filters, grid, run_card, run_progress, state, undo, why
from pages.parts.guests import allowed
from pages.parts.page import go, plain_errors, safe, theme
from pages.parts.pictures import draw
from pages.parts.tables import fact_table
from pages.parts.telling import told_errors


def job(row: RunRow, name: str) -> None:
    """How the run of this ``name`` went or goes: state, buttons, learning curve, log."""
    st.subheader(safe(name), anchor=False)
    facts = [safe(row.model), run_progress.state_word(row), f"`{row.run}`"]
    facts += [t("runs.by", name=safe(row.launched_by))] if row.launched_by else []
    facts += [t("runs.imported", host=safe(_measured_on(row.result)))] if row.imported and row.result else []
    st.caption(" · ".join(facts))
    if row.reason:
        st.error(safe(sentence(row.reason)))
        if row.state == "failed":
            st.markdown(advice(row.reason))
    _job_buttons(row)
    try:
        info, log = learning_info(jobs.events(row.run)), jobs.log_text(row.run, tail=200)
    except ExplorerError as error:
        st.info(safe(sentence(str(error))))
        return
    if info.series:
        draw(learning_figure(info, theme()), info.title, "learning-curve")
    with st.expander(t("runs.log"), key=f"log-{row.run}", on_change="rerun"):
        st.code(log or t("runs.log.empty"), language=None, height=320)


def _job_buttons(row: RunRow) -> None:
    with st.container(horizontal=True):
        if row.state == "done" and st.button(t("runs.show"), key=f"show-{row.run}", icon=":material/scatter_plot:"):
            state.select([row.run])
            filters.show(row.model)
            go("trade_offs")
        if row.state in ACTIVE:
            run_card.controls(row, "details-")
        else:
            words, kind = ("runs.again", "secondary") if row.state == "done" else ("runs.retry", "primary")
            how: dict[str, Any] = {"type": kind, "icon": ":material/replay:", "on_click": _retry, "args": (row.run,)}
            st.button(t(words), key=f"retry-{row.run}", **how, **allowed())
            if row.state == "failed" and mends_recipe(row.reason):
                _change_recipe(row)
            with st.popover(t("runs.delete"), icon=":material/delete:", key=f"delete-box-{row.run}", **allowed()):
                st.markdown(t("runs.delete.sure", days=trash.KEPT_DAYS))
                if st.button(t("runs.delete.yes"), key=f"delete-{row.run}", **allowed()):
                    with plain_errors():
                        jobs.delete(row.run)
                        undo.offer(t("runs.deleted", label=safe(sentence(row.label))), [row.run])
                        state.forget(row.run)
                        st.rerun()


def _retry(run: str) -> None:
    with told_errors():
        state.select([jobs.retry(run)])


def _change_recipe(row: RunRow) -> None:
    """Open the run's recipe on the Compress page."""
    if st.button(t("runs.change"), key=f"change-{row.run}", icon=":material/edit:"):
        with plain_errors():
            draft.load(Recipe.parse(row.recipe), row.study)
            go("compress")


def variant(row: RunRow) -> None:
    """The figures of a variant, and where to go with it."""
    row = data.whole(row)
    result = row.result or {}
    st.subheader(safe(sentence(row.label)), anchor=False)
    device_host = _measured_on(result)
    kind = "details.recorded" if row.recorded else "details.imported" if row.imported else "details.own"
    st.caption(t(kind, model=safe(row.model), date=short_date(result["finished_at"]), host=safe(device_host)))
    variant_buttons(row)
    _facts(result)
    _training_noise(row)


def explained(row: RunRow) -> None:
    """Why a variant's figures are what they are, and what was done to make it."""
    row = data.whole(row)
    reasons, made = st.columns([3, 2], gap="large")
    with reasons:
        why.section(row)
        grid.section(row)
    with made:
        _notes(row.result or {})
        with st.expander(t("details.recipe")):
            st.code(Recipe.parse(row.recipe).to_yaml(), language="yaml")


def _measured_on(result: dict[str, Any]) -> str:
    """The part of the machine that ran the first target."""
    return sentence(host_of(result["host"], result["recipe"]["targets"][0]))


def _facts(result: dict[str, Any]) -> None:
    """The file and the first place where it was measured; the others, each under its name, open by a click."""
    groups: list[list[TableRow]] = []
    for row in table([result]):
        if not row.cells:
            groups.append([])
        groups[-1].append(row)
    columns = [t("column.quantity"), t("column.value")]
    fact_table(columns, [row for group in groups[:2] for row in group])
    for name, *rows in groups[2:]:
        with st.expander(safe(name.name)):
            fact_table(columns, rows)


def _training_noise(row: RunRow) -> None:
    """How much another seed changes, where the recipe was run with two or more."""
    noise = seeds.training_noise(row, data.finished())
    if noise is not None:
        st.markdown(f"{t('seeds.sampling')} {seeds.words(noise)}")


def _notes(result: dict) -> None:
    """What each step said of itself."""
    notes = [safe(sentence(note)) for step in result["steps"] for note in step.get("notes", ())]
    if notes:
        st.markdown(f"**{t('details.steps')}**\n" + "\n".join(f"- {note}" for note in notes))
    st.caption(t("details.took", time=duration(result["seconds"])))


def variant_buttons(row: RunRow) -> None:
    """Compare, export, and for a recorded run: do it again here."""
    with st.container(horizontal=True):
        if st.button(t("details.compare"), key=f"compare-{row.run}", icon=":material/compare_arrows:"):
            state.add_to_comparison(row.run)
            go("compare")
        if st.button(t("details.export"), key=f"export-{row.run}", icon=":material/download:"):
            state.select([row.run])
            go("export")
        if row.recorded:
            rerun_button(row)
        elif row.families:
            seeds_button(row)


def seeds_button(row: RunRow) -> None:
    """Run the recipe with the seeds that are missing to three."""
    missing = seeds.further_seeds(row, data.finished())
    words = t("seeds.repeat", seeds=seeds.ENOUGH)
    may = allowed(help=t("seeds.repeat.help"))
    if missing and st.button(words, key=f"seeds-{row.run}", icon=":material/casino:", **may):
        with plain_errors():
            runs = [jobs.submit(Recipe.parse({**row.recipe, "seed": seed}), study=row.study) for seed in missing]
            state.select(runs[:1])
            go("runs")


def rerun_button(row: RunRow) -> None:
    """Run a recorded recipe on this machine, whatever is done already."""
    if st.button(t("details.rerun"), key=f"rerun-{row.run}", type="primary", icon=":material/replay:", **allowed()):
        with plain_errors():
            state.select([jobs.submit(Recipe.parse(row.recipe), fresh=True)])
            go("runs")
