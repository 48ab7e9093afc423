"""How far a run at work is, in words and figures: for its card and its row in the table."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from explorer.errors import BadInput, Unavailable
from explorer.jobs.usage import is_elsewhere, usage, uses_gpu
from explorer.labels import trains
from explorer.measure.nvml import gpu_use
from explorer.planning import estimate
from explorer.progress import elapsed_s, left_s, overall
from explorer.quantities import duration, file_size, significant
from explorer.recipe import Recipe
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data


@dataclass(frozen=True)
class Times:
    """Seconds of a run at work: so far, and left of the whole or of its step; ``overdue`` where it takes longer."""

    elapsed_s: float | None
    left_s: float | None
    stage_left_s: float | None
    overdue: bool


def times(row: RunRow) -> Times:
    """How long a run is at work and how long it still needs, as far as that is known."""
    elapsed, expected = elapsed_s(row.started_at), _expected_s(row)
    left = left_s(expected, elapsed, row.seconds_left)
    overdue = left is None and expected is not None and elapsed is not None
    return Times(elapsed, left, row.seconds_left, overdue)


def state_word(row: RunRow) -> str:
    """The run's state; one that rests is paused, whatever it waits for."""
    return t("state.paused" if row.paused else f"state.{row.state}")


def share(row: RunRow) -> float:
    """How far the whole run is. It never falls: while a run waits or tells less, what was known stands."""
    key = f"share-{row.run}"
    known = st.session_state.get(key, 0.0)
    st.session_state[key] = max(known, overall(row.stage, row.fraction, trains(row.recipe)) or 0.0)
    return float(st.session_state[key])


def doing(row: RunRow) -> str:
    """What the run does now, or why it does not."""
    return sentence(row.text) if row.text else t("runs.paused" if row.paused else "state.running.text")


def left(row: RunRow) -> str:
    """The time left, as short as a cell of a table; nothing for a run that rests and does not say."""
    known = times(row)
    if known.left_s is not None:
        return t("runs.left.short", time=duration(known.left_s))
    if known.stage_left_s is not None:
        return t("runs.left.stage.short", time=duration(known.stage_left_s))
    if known.overdue:
        return t("runs.left.overdue.short")
    return "" if row.paused else t("runs.left.unknown.short")


def line(row: RunRow) -> str:
    """What it does now, its speed, the time left of the whole run or else of that, what it takes, and since when."""
    known = times(row)
    speed = [t("runs.speed", rate=significant(row.samples_per_s))] if row.samples_per_s else []
    return " · ".join([doing(row), *speed, *_left(row, known), *_taken(row), *_elapsed(known)])


def _left(row: RunRow, known: Times) -> list[str]:
    if known.left_s is not None:
        return [t("runs.left", time=duration(known.left_s))]
    if known.stage_left_s is not None:
        return [t("runs.left.stage", time=duration(known.stage_left_s))]
    return [] if known.overdue or row.paused else [t("runs.left.unknown")]


def _elapsed(known: Times) -> list[str]:
    if known.elapsed_s is None:
        return []
    return [t("runs.overdue" if known.overdue else "runs.elapsed", time=duration(known.elapsed_s))]


def _taken(row: RunRow) -> list[str]:
    """Memory and cores of the run, and what is taken of the GPU that it uses; why, where that cannot be read."""
    taken = usage(row.run)
    if taken is None:
        return [t("runs.usage.cluster")] if is_elsewhere(row.run) else []
    cores = [] if taken.cores is None else [t("runs.cores", cores=f"{taken.cores:.1f}")]
    return [file_size(taken.rss_bytes), *cores, *(_gpu() if uses_gpu(row.recipe) else [])]


def _gpu() -> list[str]:
    try:
        taken = gpu_use()
    except Unavailable as error:
        return [t("runs.gpu.unavailable", reason=sentence(str(error)))]
    return [t("runs.gpu", used=file_size(taken.used_bytes), busy=f"{100 * taken.busy:.0f} %")]


def _expected_s(row: RunRow) -> float | None:
    """How long the whole run will take, judging by those of the same techniques here; None where there are none."""
    if row.state != "running" or row.paused:
        return None
    try:
        expected = estimate(Recipe.parse(row.recipe), data.finished())
    except BadInput:  # written by another version
        return None
    return expected.seconds if expected else None
