"""A trade-off chart, its front in figures, and what was picked on it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from plotly.graph_objects import Figure

from explorer.charts import TradeoffInfo, tradeoff_figure
from explorer.charts.labelling import Area
from explorer.charts.style import Theme
from explorer.charts.tradeoff import covering, drawing, labels
from explorer.labels import shown_name
from explorer.latest import Latest
from explorer.quantities import QUANTITIES
from explorer.rundir import ACTIVE
from explorer.store import RunRow
from explorer.texts import language, t
from explorer.texts.sentences import sentence
from explorer.variants import Variant
from pages.parts import data, run_details, state
from pages.parts.page import go, safe, theme
from pages.parts.pictures import draw
from pages.parts.tables import table

PHONE = Area(270, 230)
"""What a telephone leaves between the axes."""


@dataclass(frozen=True)
class _Drawn:
    """A chart, and which of the words beside its marks would cover something on a telephone."""

    figure: Figure
    covering: list[int]


_drawn: Latest[_Drawn] = Latest(2)


def chart(info: TradeoffInfo, key: str) -> None:
    """The figure; a box selects runs here, a click through ``marks``."""
    colours = theme()
    drawn = _drawn.of((), (info, colours, language()), lambda: _draw(info, colours))
    draw(
        drawn.figure,
        f"{info.title}. {info.subtitle}",
        key,
        drawing(info),
        info.credit,
        on_select=lambda: pick_boxed(key),
        selection_mode="box",
    )
    spare_words(key, drawn.covering)
    st.caption(safe(f"{info.caption} {info.knee_words}"))


def _draw(info: TradeoffInfo, colours: Theme) -> _Drawn:
    return _Drawn(tradeoff_figure(info, colours), covering(info, labels(info), PHONE))


def spare_words(key: str, places: list[int]) -> None:
    """Hide these words beside marks where the window is as narrow as a phone, which only the browser knows."""
    if places:
        which = ", ".join(f'[data-index="{place}"]' for place in places)
        hidden = f".st-key-{key} .annotation:is({which}) {{ display: none; }}"
        st.html(f"<style>@media (max-width: 640px) {{ {hidden} }}</style>")


def pick_boxed(key: str) -> None:
    """Light up the runs in the box that was drawn on the chart ``key``.

    An empty event may only mean that the chart was drawn anew: ignore it.
    """
    points = st.session_state[key]["selection"]["points"]
    runs = [point["customdata"][0] for point in points if point.get("customdata")]
    if runs:
        state.pick(runs)


def front_table(info: TradeoffInfo, rows: list[Variant]) -> None:
    """The front in figures, for people and programs that do not read charts."""
    front = dict.fromkeys((front.target, run) for front in info.fronts for run in front.runs)
    by_spot = {(row.target, row.run): row for row in rows}
    keys = ("accuracy", "file_size", "latency", "speedup")
    several, targets = len({row.model for row in rows}) > 1, len(info.targets)
    with st.expander(t("front.title", count=len(front))):
        table(
            [t("column.label"), *(QUANTITIES[key].title for key in keys)],
            [
                [
                    shown_name(by_spot[spot], several, spot[0] if targets > 1 else ""),
                    *(QUANTITIES[key].write(by_spot[spot]) for key in keys),
                ]
                for spot in front
            ],
            range(1, 5),
        )


def picked() -> None:
    """The details of the shown run; what to do with several; else how to pick one."""
    runs = state.selected()
    st.toggle(t("picked.collect"), key="collect", help=t("picked.collect.help"), persist_state="session")
    if len(runs) > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("picked.several", count=len(runs)))
            if st.button(t("picked.compare"), key="compare-picked"):
                state.compare(runs)
                go("compare")
    row = _shown(runs)
    with st.container(border=True):
        if row is None:
            _without_figures(runs)
        else:
            run_details.variant(row)
    if runs:
        st.button(t("picked.clear"), type="tertiary", on_click=state.select, args=([],), key="clear-picked")


def _without_figures(runs: list[str]) -> None:
    """Why nothing is shown of the run that was picked last, or how to pick one."""
    row = data.find(runs[-1]) if runs else None
    if row is None:
        st.markdown(t("picked.none" if not runs else "picked.baseline" if _is_baseline(runs[-1]) else "picked.gone"))
        return
    over = row.state not in ACTIVE
    st.markdown(
        t(
            "picked.failed" if over else "picked.unfinished",
            name=safe(sentence(row.label)),
            state=t(f"state.{row.state}"),
        )
    )
    if row.reason:
        st.markdown(safe(sentence(row.reason)))
    if st.button(t("picked.runs"), key="picked-runs"):
        go("runs")


def explained() -> None:
    """Why the shown run is as it is, in the whole width of the page; nothing where none is shown."""
    row = _shown(state.selected())
    if row is not None:
        with st.container(border=True):
            run_details.explained(row)


def _shown(runs: list[str]) -> RunRow | None:
    """The run that was picked last, where it has a result."""
    row = data.find(runs[-1]) if runs else None
    return row if row is not None and row.finished else None


def _is_baseline(run: str) -> bool:
    return run.startswith("baseline-of-")
