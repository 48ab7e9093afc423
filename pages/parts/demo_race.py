"""A race between baseline and variant, and what both the measurement and the race come to."""

from __future__ import annotations

import streamlit as st

from explorer.conclusion import conclusion
from explorer.errors import ExplorerError
from explorer.quantities import significant
from explorer.serving.client import Standing, Tally
from explorer.serving.verdict import BATCH, disagreement, measured, race_sentence
from explorer.texts import t
from explorer.variants import FALLBACK_TARGET
from pages.parts import data
from pages.parts.demo import Side, Subject
from pages.parts.page import plain_errors, safe

REQUESTS = 1000
EVERY_S = 0.5


def section(subject: Subject) -> None:
    """The race, drawn again while it is on."""
    st.subheader(t("demo.race"), anchor=False)
    standing = _standing(subject)
    running = standing is not None and standing.running
    # drawn again without the rest of the page, and so without its guard
    st.fragment(plain_errors()(_contents), run_every=EVERY_S if running else None)(subject, running)


def _race(subject: Subject) -> str | None:
    """The race that the reader started with this variant."""
    run, race = st.session_state.get("demo-race", ("", ""))
    return race if run == subject.row.run else None


def _standing(subject: Subject) -> Standing | None:
    """How it stands; None where there is none, or where it ended together with its process."""
    race = _race(subject)
    try:
        return subject.pair.standing(race) if race else None
    except ExplorerError:
        return None


def _contents(subject: Subject, running: bool) -> None:
    _button(subject, running)
    standing = _standing(subject)
    if (standing is not None and standing.running) != running:
        st.rerun()
    if standing is not None:
        for side, tally in zip(subject.sides, (standing.baseline, standing.variant), strict=True):
            _bar(side, tally, standing)
    elif _race(subject):
        st.info(t("demo.race.gone"))
    if data.at_work():
        st.caption(t("demo.race.busy"))
    _comes_to(subject, standing)


def _button(subject: Subject, running: bool) -> None:
    """Start and stop in the same place."""
    start = t("demo.race.start", count=f"{REQUESTS:,}")
    with plain_errors():
        if running:
            if st.button(t("demo.race.stop"), key="demo-race-stop", icon=":material/stop:"):
                subject.pair.stop(_race(subject) or "")
        elif st.button(start, key="demo-race-start", type="primary", icon=":material/flag:"):
            st.session_state["demo-race"] = (subject.row.run, subject.pair.race(REQUESTS))


def _bar(side: Side, tally: Tally, standing: Standing) -> None:
    """How far one of them is and how fast it goes; the totals when it is over."""
    over = not standing.running or tally.requests == standing.requests
    words = t(
        "demo.race.total" if over else "demo.race.now",
        name=side.name,
        done=f"{tally.requests:,}",
        count=f"{standing.requests:,}",
        rate=significant(tally.per_s),
        seconds=significant(tally.seconds),
    )
    with st.container(key=f"rate-{side.key}"):
        st.progress(standing.share(tally), text=words)


def _comes_to(subject: Subject, standing: Standing | None) -> None:
    """The measurement's conclusion and beside it the race's, which is none."""
    here = measured(subject.result) is not None
    words = conclusion(subject.result, FALLBACK_TARGET if here else None, BATCH if here else None)
    with st.container(key="comes-to"):
        st.markdown(t("demo.measured", conclusion=safe(words)))
        if standing is None or standing.running:
            return
        if standing.state == "stopped":
            st.markdown(t("demo.race.stopped"))
        found, differs = race_sentence(standing), disagreement(standing, subject.result)
        if found:
            st.markdown(t("demo.found", sentence=found))
        if differs:
            st.markdown(differs)
