"""A race between the baseline and its variants, and what both the measurement and the race come to."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer.charts.style import family_colour
from explorer.conclusion import conclusion
from explorer.errors import ExplorerError
from explorer.quantities import duration, significant
from explorer.serving.client import Standing, Tally
from explorer.serving.verdict import BATCH, disagreement, measured, race_ratio, race_sentence
from explorer.texts import t
from pages.parts import data, telling
from pages.parts.demo import Side, Subject
from pages.parts.page import plain_errors, safe, theme
from pages.parts.telling import told_errors

REQUESTS = 1000
EVERY_S = 0.25
BAR = '.st-key-rate-{key} [data-testid="stProgressBarTrack"] > div {{ background-color: {colour}; }}'


def section(subject: Subject) -> None:
    """The race, drawn again while it is on."""
    st.subheader(t("demo.race"), anchor=False)
    st.html(_colours(subject))
    standing = _standing(subject)
    running = standing is not None and standing.running
    # drawn again without the rest of the page, and so without its guard
    st.fragment(plain_errors()(_contents), run_every=EVERY_S if running else None)(subject, running)


def _colours(subject: Subject) -> str:
    """Each bar in the colour of its family, as on the charts."""
    rules = [BAR.format(key=side.key, colour=family_colour(side.family, theme())) for side in subject.sides]
    return f"<style>{' '.join(rules)}</style>"


def _race(subject: Subject) -> str | None:
    """The race that the reader started with these variants."""
    key, race = st.session_state.get("demo-race", ((), ""))
    return race if key == subject.key else None


def _standing(subject: Subject) -> Standing | None:
    """How it stands; None where there is none, or where it ended together with its process."""
    race = _race(subject)
    try:
        return subject.shown.standing(race) if race else None
    except ExplorerError:
        return None


def _contents(subject: Subject, running: bool) -> None:
    telling.now()
    _button(subject, running)
    standing = _standing(subject)
    if standing is not None and not standing.running:
        _comes_to(subject, standing)
    if standing is not None:
        _bars(subject, standing)
    elif _race(subject):
        st.info(t("demo.race.gone"))
    if data.at_work():
        st.caption(t("demo.race.busy"))
    if standing is None or standing.running:
        _comes_to(subject, None)
    if (standing is not None and standing.running) != running:
        st.rerun()  # to begin or to end being drawn again and again; what is drawn by now stays in sight


def _button(subject: Subject, running: bool) -> None:
    """Start and stop in the same place.

    What they do is done before anything is drawn: what is drawn again by itself can be broken off by the next time.
    """
    start = t("demo.race.start", count=f"{REQUESTS:,}")
    if running:
        st.button(t("demo.race.stop"), key="demo-race-stop", icon=":material/stop:", on_click=_stop, args=(subject,))
    else:
        how: dict[str, Any] = {"type": "primary", "icon": ":material/flag:", "on_click": _start, "args": (subject,)}
        st.button(start, key="demo-race-start", **how)


def _start(subject: Subject) -> None:
    with told_errors():
        st.session_state["demo-race"] = (subject.key, subject.shown.race(REQUESTS))


def _stop(subject: Subject) -> None:
    with told_errors():
        subject.shown.stop(_race(subject) or "")


def _bars(subject: Subject, standing: Standing) -> None:
    """How far each of them is, and while they run how long the slowest still needs."""
    if standing.running:
        left = standing.left_s
        st.caption(t("demo.race.left.unknown") if left is None else t("demo.race.left", time=duration(left)))
    for side, tally in zip(subject.sides, standing.tallies, strict=True):
        _bar(side, tally, standing)


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


def _comes_to(subject: Subject, over: Standing | None) -> None:
    """The measurements' conclusions and, of a race that is over, what each came to, which is none."""
    with st.container(key="comes-to"):
        if over is not None and over.state == "stopped":
            st.markdown(t("demo.race.stopped"))
        if over is not None and over.arrived:
            st.markdown(t("demo.race.arrived", order=_order(subject, over)))
        for place, (row, side) in enumerate(zip(subject.rows, subject.sides[1:], strict=True)):
            if len(subject.rows) > 1:
                st.markdown(f"**{safe(side.name)}**")
            _verdict(row.result or {}, subject.target, over, place)
        if over is not None and (differs := _differing(subject, over)):
            st.markdown(differs)


def _differing(subject: Subject, standing: Standing) -> str:
    """Where the race tells of another speed than the measurement does."""
    variants = [
        (safe(side.name), race_ratio(standing, place), row.result or {})
        for place, (row, side) in enumerate(zip(subject.rows, subject.sides[1:], strict=True))
    ]
    return disagreement(variants, subject.target, "race")


def _order(subject: Subject, standing: Standing) -> str:
    """Who was first, second and third, each with the seconds that its requests took."""
    found = []
    for place, number in enumerate(standing.arrived, start=1):
        name, seconds = safe(subject.sides[number].name), significant(standing.tallies[number].seconds)
        found.append(t("demo.race.place", place=place, name=name, seconds=seconds))
    return " · ".join(found)


def _verdict(result: dict[str, Any], target: str, over: Standing | None, place: int) -> None:
    here = measured(result, target) is not None
    words = conclusion(result, target if here else None, BATCH if here else None)
    st.markdown(t("demo.measured", conclusion=safe(words)))
    found = race_sentence(over, place) if over is not None else ""
    if found:
        st.markdown(t("demo.found", sentence=found))
