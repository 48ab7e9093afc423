"""What pages read: runs and their rows, cached until the index changes. What comes back is shared: do not change it."""

from __future__ import annotations

from typing import TypeVar

import streamlit as st

from explorer import memory, studies, twins
from explorer import store as index
from explorer.errors import BadInput
from explorer.home import home
from explorer.latest import Latest
from explorer.measure.targets import availability
from explorer.models import ModelCard, cards
from explorer.store import RunRow, Store
from explorer.variants import Variant, flatten, own_rows, with_baselines

MOST = 10_000
"""So many of one's own runs that are over are read: the newest."""
_T = TypeVar("_T")
_lists: Latest[list[RunRow]] = Latest(1)
_variants: Latest[list[Variant]] = Latest(1)
_kin: Latest[dict[str, str]] = Latest(1)
_learnt: Latest[None] = Latest(1)


def runs() -> list[RunRow]:
    """The recorded runs, then one's own at work and the newest that are over, with their results."""
    return _runs(*_version())


def beyond() -> int:
    """How many of one's own runs are over, where pages do not read all of them; else 0."""
    over = _over(*_version())
    return over if over > MOST else 0


def variants() -> list[Variant]:
    """The rows of all finished runs and their baselines."""
    runs = finished()
    return _variants.of((runs,), None, lambda: _kept(with_baselines(flatten(runs), runs)))


def learn() -> None:
    """Read of every result what pages want to know of all of them; each is unpacked once, which takes the time."""
    _learnt.of((finished(),), None, _learn)


def _learn() -> None:
    for run in finished():
        own_rows(run)
        twins.made_of(run)


def models() -> list[str]:
    """The built-in models, then the others in the order of their first runs: what decides their symbols on charts."""
    return list(dict.fromkeys([*model_cards(), *(row.model for row in finished())]))


def kin() -> dict[str, str]:
    """By finished run what it shares with the other runs of its recipe."""
    runs = finished()
    return _kin.of((runs,), None, lambda: twins.kin(runs))


def find(run: str) -> RunRow | None:
    """One run, be it older than those that are read; None when it is not there any more."""
    return next((row for row in runs() if row.run == run), None) or _older(run, *_version())


def whole(row: RunRow) -> RunRow:
    """The run with its whole result, which lists of runs do not carry."""
    return _whole(row.run, *_version()) if row.finished and not row.recorded else row


def finished() -> list[RunRow]:
    """The runs that have a result; the same list for as long as they are the same, whatever waits or works."""
    return _finished(*_version())


def has_own() -> bool:
    """Whether any run of the reader's own is done; until then pages offer the example."""
    return any(not row.recorded for row in finished())


def at_work() -> bool:
    """Whether any run is at work now."""
    return bool(Store().in_state("running"))


def recorded_notes() -> str:
    """What a reader of the recorded studies should know, in plain sentences."""
    return " ".join(note for study in index.recorded_studies() for note in study.get("notes", []))


@st.cache_data(ttl=60, show_spinner=False)
def model_cards() -> dict[str, ModelCard]:
    """The built-in models that can be used."""
    try:
        return cards()
    except BadInput:
        return {}


def _version() -> tuple[str, int, int]:
    """Changes whenever the runs do."""
    recorded = max((path.stat().st_mtime_ns for path in index.RECORDED.glob("*.json")), default=0)
    return str(home()), Store().version(), max(recorded, studies.changed())


@st.cache_resource(max_entries=8, show_spinner=False)
def _whole(run: str, home: str, version: int, recorded: int) -> RunRow:
    return Store().run(run)


@st.cache_resource(max_entries=1, show_spinner=False)
def _runs(home: str, version: int, recorded: int) -> list[RunRow]:
    return Store().newest(MOST, studies.archived())


@st.cache_resource(max_entries=1, show_spinner=False)
def _finished(home: str, version: int, recorded: int) -> list[RunRow]:
    rows = [row for row in _runs(home, version, recorded) if row.finished]
    return _lists.of(tuple(rows), None, lambda: _kept(rows))


def _kept(rows: list[_T]) -> list[_T]:
    memory.set_aside(len(rows))
    return rows


@st.cache_resource(max_entries=1, show_spinner=False)
def _over(home: str, version: int, recorded: int) -> int:
    return Store().over(studies.archived())


@st.cache_resource(max_entries=8, show_spinner=False)
def _older(run: str, home: str, version: int, recorded: int) -> RunRow | None:
    try:
        found = studies.in_sight([Store().run(run)])
    except BadInput:
        return None
    return found[0] if found else None


def gpu() -> str:
    """The device of this machine's GPU: Apple's where there is one."""
    return "mps" if missing("mps-torch") is None else "cuda"


@st.cache_data(ttl=300, show_spinner=False)
def missing(target: str) -> str | None:
    """Why a target is not here, or None."""
    return availability(target)
