"""Other ways to look at the variants of the chart: as a table, as parallel coordinates, as sweeps, over time."""

from __future__ import annotations

import streamlit as st

from explorer.charts import (
    Axes,
    credit,
    hypervolume_figure,
    hypervolume_info,
    parallel_figure,
    parallel_info,
    sweep_figure,
    sweep_info,
)
from explorer.charts.parallel import RESULTS, least_width_px
from explorer.charts.tradeoff import front_runs
from explorer.labels import with_origin
from explorer.latest import Latest
from explorer.quantities import QUANTITIES, Y_AXES
from explorer.sweeps import Sweep, sweeps
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence, setting
from explorer.variants import Variant
from explorer.view import View
from pages.parts import data, empty, glossary, linked, marks, state, tradeoffs, variant_table, view_charts
from pages.parts.page import safe, theme
from pages.parts.pictures import draw

_front: Latest[frozenset[str]] = Latest(1)
WIDE = """<style>
.st-key-wide-chart {{ overflow: auto hidden; }}
.st-key-wide-chart > * {{ min-width: {width}px; }}
</style>"""
"""A chart that is wider than the page scrolls sideways in its box."""
VIEWS = ("table", "parallel", "sweep", "progress")


def section(rows: list[Variant], view: View) -> None:
    """A choice of views of what the charts show, and the chosen one: the table has all devices, the others have one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = linked.segments(t("views.title"), VIEWS, "table", "view", lambda name: t(f"views.{name}"), hidden=True)
        device = view.devices[0] if chosen == "table" else _device(view)
    shown = view.rows(rows, device)
    where = t("chart.where", target=target_title(view.target(device)), batch=view.batch)
    if chosen == "table":
        variant_table.draw(view.of_all_devices(rows), view.budget(rows), view.targets)
    elif chosen == "parallel":
        _parallel(shown, where, view.axes)
    elif chosen == "sweep":
        _sweep(shown, where)
    elif chosen == "progress":
        _progress(view.with_baselines().rows(rows, device), where)


def _device(view: View) -> str:
    """The one to look at: a choice where the charts show two."""
    if len(view.devices) == 1:
        return view.devices[0]
    return linked.segments(
        t("filter.where"), view.devices, view.devices[0], "view-where", view_charts.place_words, hidden=True
    )


def _parallel(rows: list[Variant], where: str, axes: Axes) -> None:
    recipes = {run.run: run.recipe for run in data.finished()}
    front = _front.of((rows,), axes, lambda: front_runs(rows, axes))
    results = linked.several(
        t("views.parallel.axes"), list(QUANTITIES), RESULTS, "axes", lambda key: QUANTITIES[key].title
    )
    info = parallel_info(rows, recipes, where, front, frozenset(state.selected()), results)
    if info.empty:
        empty.reason(info.title, info.empty, info.left_out_words)
        return
    st.html(WIDE.format(width=least_width_px(info)))
    with st.container(key="wide-chart"):
        figure = parallel_figure(info, theme(), ranges=marks.ranges())
        draw(figure, f"{info.title}. {info.subtitle}", "parallel", credit=credit(rows))
    st.caption(safe(f"{t('views.parallel.hint')} {info.left_out_words}"))
    glossary.explain("parallel", "parallel")


def _sweep(rows: list[Variant], where: str) -> None:
    by_run = {row.run: row for row in rows if row.available}
    found = sweeps(run for run in data.finished() if run.run in by_run)
    if not found:
        empty.reason(t("views.sweep"), t("views.sweep.none"))
        return
    which, what = st.columns([3, 2])
    with which:
        place = st.selectbox(t("views.sweep.which"), range(len(found)), key="sweep", format_func=_words(found))
    with what:
        key = st.selectbox(t("filter.y"), Y_AXES, key="swept", format_func=lambda name: QUANTITIES[name].title)
    info = sweep_info(found[place], by_run, key, where, tuple(state.selected()))
    draw(
        sweep_figure(info, theme()),
        f"{info.title}. {info.subtitle}",
        "sweep-chart",
        credit=credit(by_run[run] for run in info.runs),
        on_select=lambda: tradeoffs.pick_boxed("sweep-chart"),
        selection_mode="box",
    )
    st.caption(t("views.sweep.hint"))
    glossary.explain("sweep", "elbow")


def _words(found: list[Sweep]):  # type: ignore[no-untyped-def]
    """What a sweep is called in a list."""

    def words(place: int) -> str:
        sweep = found[place]
        names = t("word.and").join(setting(axis[2]).lower() for axis in sweep.axes)
        what = f"{sweep.model} · {sentence(' → '.join(sweep.techniques))} · {names} · {len(sweep.runs)}"
        return with_origin(what, sweep)

    return words


def _progress(rows: list[Variant], where: str) -> None:
    finished = {run.run: str(run.finished_at) for run in data.finished()}
    info = hypervolume_info(rows, finished, where)
    if not info.series:
        empty.reason(info.title, t("views.progress.none"))
        return
    alt = f"{info.title}. {info.subtitle}"
    draw(hypervolume_figure(info, theme()), alt, "hypervolume", credit=credit(rows))
    across = t("views.progress.time" if info.moments else "views.progress.order")
    st.caption(safe(f"{t('views.progress.hint')} {across}"))
    glossary.explain("progress", "hypervolume")
