"""The variants that are demonstrated, kept ready to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from explorer import jobs
from explorer.errors import BadInput
from explorer.quantities import QUANTITIES
from explorer.serving.client import Demonstration
from explorer.serving.lineup import Lineup, files_of, together
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import family_of
from pages.parts import data, demo_choice, launch, run_details
from pages.parts.naming import short_names
from pages.parts.page import safe

MOST_PROCESSES = 2

# What is said in large type: answers, times and sizes, the sentences at the end. On a phone the answers are short rows
# one below another, and what explains them comes after the last.
LARGE = """<style>
[class*="st-key-said-"] p { font-size: clamp(2.2rem, 4.6vw, 4rem); font-weight: 650; line-height: 1.1; }
[class*="st-key-said-"] p { overflow-wrap: anywhere; }
[class*="st-key-cost-"] p { font-size: clamp(1.2rem, 2vw, 1.6rem); }
[class*="st-key-rate-"] p { font-size: clamp(1.3rem, 2.4vw, 1.9rem); font-weight: 600; line-height: 1.2; }
[class*="st-key-rate-"] p, [class*="st-key-cost-"] p { font-variant-numeric: tabular-nums; }
.st-key-comes-to p { font-size: clamp(1.2rem, 2.1vw, 1.7rem); line-height: 1.35; }
[class*="st-key-rate-"] [data-testid="stProgressBarTrack"] { height: 0.8rem; }
.st-key-demo-text textarea { font-size: 1.3rem; line-height: 1.4; }
[class*="st-key-demo-example-"] button { justify-content: flex-start; }
[class*="st-key-demo-example-"] button p { text-align: left; }
@media (max-width: 640px) {
  .st-key-answers > :has([class*="st-key-answers-charts-"]) { order: 1; }
  .st-key-answers, [class*="st-key-answers-row-"] [data-testid="stHorizontalBlock"] { gap: 1.2rem; }
  [class*="st-key-answer-"] { gap: 1.1rem; }
  [class*="st-key-answer-"] h3 { font-size: 1rem; padding: 0; }
  [class*="st-key-said-"] p { font-size: 1.6rem; }
  [class*="st-key-cost-"] { margin-top: -0.8rem; }
  [class*="st-key-cost-"] p { font-size: 1rem; }
}
</style>"""


@dataclass(frozen=True)
class Side:
    """One of those that answer: its key, its name and what colours it, and the size of its file in words."""

    key: str
    name: str
    family: str
    size: str


@dataclass(frozen=True)
class Subject:
    """The variants with their baseline, ready to answer on ``target``; the first side is the baseline's."""

    rows: tuple[RunRow, ...]
    lineup: Lineup
    target: str
    shown: Demonstration
    sides: tuple[Side, ...]

    @property
    def result(self) -> dict[str, Any]:
        """Of the first variant."""
        return self.rows[0].result or {}

    @property
    def key(self) -> tuple[str, ...]:
        """What is demonstrated, and where."""
        return (self.target, *(row.run for row in self.rows))


def subject(rows: list[RunRow]) -> Subject | None:
    """The chosen variants ready to answer; None after a sentence that says why they cannot and what to do."""
    found = []
    for row in rows:
        files = None if row.recorded else files_of(jobs.run_folder(row.run))
        if not isinstance(files, Lineup):
            _gone(row, files or "recorded")
            return None
        found.append(files)
    try:
        lineup = together(found)
    except BadInput as mistake:
        st.info(safe(sentence(str(mistake))))
        return None
    target = demo_choice.target(lineup, list(rows[0].recipe.get("targets") or ()))
    if target is None:
        return None
    return Subject(tuple(rows), lineup, target, _demonstration(lineup, target, lineup.version), _sides(rows))


def _gone(row: RunRow, what: str) -> None:
    """What is not here, and how to have it; who has nothing yet can begin with the example."""
    st.info(t(f"demo.gone.{what}"))
    with st.container(horizontal=True):
        run_details.rerun_button(row)
        if not data.has_own():
            launch.example_button("demo-example")


def _sides(rows: list[RunRow]) -> tuple[Side, ...]:
    names = short_names(rows) if len(rows) > 1 else {rows[0].run: t("demo.side.compressed")}
    baseline = Side("baseline", t("family.baseline"), "baseline", _size(rows[0], "baseline_size"))
    return baseline, *(
        Side(f"variant-{number}", names[row.run], family_of(row.families), _size(row, "size"))
        for number, row in enumerate(rows, start=1)
    )


def _size(row: RunRow, whose: str) -> str:
    size = QUANTITIES["file_size"]
    return size.number(size.scale * (row.result or {})[whose]["file_bytes"])


@st.cache_resource(
    max_entries=MOST_PROCESSES, show_spinner=False, on_release=lambda one: one.close(), hash_funcs={Lineup: repr}
)
def _demonstration(lineup: Lineup, target: str, version: tuple[int, ...]) -> Demonstration:
    """One process for each choice; the one that was made first is closed when there are too many."""
    return Demonstration(lineup, target)
