"""One run at work: what it does now, how far it is, and ways to let it rest, go ahead or end."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from explorer import jobs
from explorer.home import home
from explorer.quantities import duration
from explorer.rundir import ACTIVE, queue_paused
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import run_progress
from pages.parts.guests import allowed
from pages.parts.page import safe
from pages.parts.telling import tell, told_errors

QUEUE: dict[Literal["first", "up", "down", "last"], str] = {
    "first": ":material/vertical_align_top:",
    "up": ":material/arrow_upward:",
    "down": ":material/arrow_downward:",
    "last": ":material/vertical_align_bottom:",
}


def card(row: RunRow, name: str) -> None:
    """One run: a line with its ``name`` where it waits or is over; at work also what it does, how far and how long."""
    if row.state == "running":
        with st.container(border=True):
            title, buttons = st.columns([3, 2], vertical_alignment="center")
            title.markdown(_title(row, name))
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                controls(row)
            st.progress(run_progress.share(row), text=safe(run_progress.line(row)))
    else:
        with st.container(key=f"quiet-card-{row.run}"):
            more = _ended(row) if row.state not in ACTIVE else safe(sentence(row.text or ""))
            words = f"{_title(row, name)} :gray[{more}]" if more else _title(row, name)
            if row.state == "queued":
                title, buttons = st.columns([1, 1], vertical_alignment="center")
                title.markdown(words)
                with buttons.container(horizontal=True, horizontal_alignment="right"):
                    controls(row)
            else:
                st.markdown(words)


def _title(row: RunRow, name: str) -> str:
    return f"**{safe(name)}** · {safe(row.model)} · {run_progress.state_word(row)}{_who(row)}"


def _who(row: RunRow) -> str:
    """Who launched it, where people log in."""
    return f" · {t('runs.by', name=safe(row.launched_by))}" if row.launched_by else ""


def controls(row: RunRow, place: str = "") -> None:
    """What can be done with an active run: another place in the queue, rest or go on, end; quiet where it waits.

    The keys of the buttons begin with ``place``, so that they can stand at several places of one page. What they do is
    done before anything is drawn: what is drawn again by itself can be broken off by the next time.
    """
    if row.state == "queued":
        _places(row, place)
    look: Literal["secondary", "tertiary"] = "secondary" if row.state == "running" else "tertiary"
    reason = None if row.paused else jobs.why_not_paused(row.run)
    st.button(
        t("runs.resume" if row.paused else "runs.pause"),
        key=f"{place}pause-{row.run}",
        type=look,
        on_click=_pause,
        args=(row.run, not row.paused),
        **allowed(reason is not None, sentence(reason) if reason else t("runs.pause.help")),
    )
    cancel = f"{place}cancel-{row.run}"
    st.button(t("runs.cancel"), key=cancel, type=look, on_click=_cancel, args=(row.run,), **allowed())


def _cancel(run: str) -> None:
    with told_errors():
        jobs.cancel(run)
        tell(t("runs.cancelling"))


def _pause(run: str, paused: bool) -> None:
    with told_errors():
        (jobs.pause if paused else jobs.resume)(run)


def queue_switch(rows: list[RunRow]) -> None:
    """Let the queue rest or go on, where anything is queued or it rests already, and end all that waits."""
    paused, waiting = queue_paused(home()), [row.run for row in rows if row.state == "queued"]
    with st.container(horizontal=True, vertical_alignment="center"):
        if paused or waiting:
            st.button(
                t("runs.queue.resume" if paused else "runs.queue.pause"),
                key="queue-switch",
                icon=":material/play_arrow:" if paused else ":material/pause:",
                on_click=_switch_queue,
                args=(not paused,),
                **allowed(),
            )
        if len(waiting) > 1:
            _cancel_all(waiting)
        if paused:  # beside the buttons: above them it would move all below, under a hand that is about to click
            st.markdown(t("runs.queue.paused"), width="content")


def _cancel_all(runs: list[str]) -> None:
    with st.popover(t("runs.queue.cancel"), icon=":material/cancel:", key="cancel-all-box", **allowed()):
        st.markdown(t("runs.queue.cancel.sure", count=f"{len(runs):,}"))
        st.button(t("runs.queue.cancel.yes"), key="cancel-all", on_click=_cancel_each, args=(runs,), **allowed())


def _cancel_each(runs: list[str]) -> None:
    with told_errors():
        for run in runs:
            jobs.cancel(run)
        tell(t("runs.queue.cancelling", count=f"{len(runs):,}"))


def _switch_queue(paused: bool) -> None:
    with told_errors():
        (jobs.pause_queue if paused else jobs.resume_queue)()


def _places(row: RunRow, place: str) -> None:
    """Ways to another place in the queue."""
    reason = jobs.why_not_moved(row.run)
    for to, icon in QUEUE.items():
        st.button(
            t(f"runs.move.{to}"),
            key=f"{place}move-{to}-{row.run}",
            icon=icon,
            type="tertiary",
            on_click=_move,
            args=(row.run, to),
            **allowed(reason is not None, sentence(reason) if reason else None),
        )


def _move(run: str, to: Literal["first", "up", "down", "last"]) -> None:
    with told_errors():
        jobs.move(run, to)


def _ended(row: RunRow) -> str:
    """How a run that was watched came to its end, where its state does not say so."""
    if row.result:
        return t("details.took", time=duration(row.result["seconds"]))
    return safe(sentence(row.reason or ""))
