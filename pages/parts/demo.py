"""The variant that is demonstrated: chosen among finished runs, and kept ready to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from explorer import jobs
from explorer.quantities import QUANTITIES
from explorer.serving.client import Pair
from explorer.serving.pairs import PairFiles, files_of
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from explorer.variants import FALLBACK_TARGET, family_of
from pages.parts import data, run_details, state
from pages.parts.comparing import variant_name
from pages.parts.page import safe

MOST_PAIRS = 2

# What is said in large type: answers, times and sizes, the sentences at the end.
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
</style>"""


@dataclass(frozen=True)
class Side:
    """One of the two that answer: its key, its name and what colours it, and the size of its file in words."""

    key: str
    name: str
    family: str
    size: str


@dataclass(frozen=True)
class Subject:
    """The variant with its baseline, ready to answer."""

    row: RunRow
    files: PairFiles
    pair: Pair
    sides: tuple[Side, Side]

    @property
    def result(self) -> dict[str, Any]:
        return self.row.result or {}


def candidates() -> list[RunRow]:
    """Finished runs that compressed something: one's own first, the newest of them before the others."""
    rows = [row for row in reversed(data.finished()) if row.families]
    return sorted(rows, key=lambda row: row.recorded)


def picker(rows: list[RunRow]) -> RunRow:
    """Choose one of ``rows``; begins with the one that was shown last."""
    by_run = {row.run: row for row in rows}
    shown = state.shown()
    state.remember_value("demo-picker", shown if shown in by_run else rows[0].run)
    if st.session_state["demo-picker"] not in by_run:
        del st.session_state["demo-picker"]
    run = st.selectbox(
        t("demo.pick"),
        list(by_run),
        key="demo-picker",
        format_func=lambda run: variant_name(by_run[run]),
        on_change=lambda: state.select([st.session_state["demo-picker"]]),
    )
    return data.whole(by_run[run])


def subject(row: RunRow) -> Subject | None:
    """The chosen variant ready to answer; None after a sentence that says why it cannot and what to do."""
    reason = data.missing(FALLBACK_TARGET)
    if reason is not None:
        st.info(t("demo.no_runtime", reason=safe(sentence(reason))))
        return None
    files = None if row.recorded else files_of(jobs.run_folder(row.run))
    if isinstance(files, PairFiles):
        return Subject(row, files, _pair(files, files.version), _sides(row))
    st.info(t(f"demo.gone.{files or 'recorded'}"))
    run_details.rerun_button(row)
    return None


def _sides(row: RunRow) -> tuple[Side, Side]:
    result = row.result or {}
    size = QUANTITIES["file_size"]
    before, now = (size.number(size.scale * result[whose]["file_bytes"]) for whose in ("baseline_size", "size"))
    baseline = Side("baseline", t("family.baseline"), "baseline", before)
    return baseline, Side("variant", t("demo.side.compressed"), family_of(row.families), now)


@st.cache_resource(
    max_entries=MOST_PAIRS, show_spinner=False, on_release=lambda pair: pair.close(), hash_funcs={PairFiles: repr}
)
def _pair(files: PairFiles, version: tuple[int, ...]) -> Pair:
    """One process for each pair of files; the one that was made first is closed when there are too many."""
    return Pair(files)
