"""What fits a budget, and the best of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explorer.budget import Budget, fast_runs, picks
from explorer.variants import Variant


def row(run: str, mb: float, accuracy: float, speedup: float | None = 1.0, **more: object) -> Variant:
    base = Variant(
        run=run, model="m", label=run, studies=(), recorded=False, task="t", family="quantization",
        families=("quantization",), host="h", date="2026-01-01", file_bytes=round(mb * 1e6), zipped_bytes=1,
        parameters=1, nonzero_parameters=1, target="cpu-onnxruntime", batch=1, sequence=1, accuracy=accuracy,
        difference=accuracy - 0.9, speedup=speedup,
    )  # fmt: skip
    return replace(base, **more)


BASELINE = row("baseline", 100, 0.9, family="baseline", families=())
TINY, SMALL = row("tiny", 5, 0.8, 2), row("small", 10, 0.885, 1.5)
FAST, GOOD = row("fast", 50, 0.88, 4), row("good", 90, 0.905)
ROWS = [BASELINE, TINY, SMALL, FAST, GOOD]


@pytest.mark.parametrize(
    ("budget", "fitting"),
    [
        (Budget(), ["tiny", "small", "fast", "good"]),
        (Budget(lost_points=2), ["small", "fast", "good"]),
        (Budget(lost_points=1.5), ["small", "good"]),
        (Budget(file_mb=10), ["tiny", "small"]),
        (Budget(speedup=2), ["tiny", "fast"]),
        (Budget(lost_points=2, file_mb=20, speedup=1.5), ["small"]),
        (Budget(lost_points=0, speedup=2), []),
    ],
)
def test_every_limit_is_kept(budget: Budget, fitting: list[str]) -> None:
    assert [one.run for one in ROWS if budget.fits(one) and not one.baseline] == fitting
    assert budget.given == (budget != Budget())
    assert (picks(ROWS, budget).count, picks(ROWS, budget).total) == (len(fitting), 4)


def test_what_was_not_measured_fits_no_limit_on_it() -> None:
    unknown = row("unknown", 1, 0.9, None, difference=None)
    assert Budget(file_mb=2).fits(unknown)
    assert not Budget(speedup=1).fits(unknown) and not Budget(lost_points=9).fits(unknown)


def test_the_best_of_what_fits() -> None:
    found = picks(ROWS, Budget())
    assert (found.most_accurate, found.smallest, found.fastest) == (GOOD, TINY, FAST)
    assert found.per_megabyte == GOOD, "10 MB for nothing lost are more per point than 90 MB for 1.5 points"
    assert picks([BASELINE, TINY, SMALL, FAST], Budget()).per_megabyte == SMALL, "60 MB a point, 25 and 9.5"
    assert picks(ROWS, Budget(speedup=9)).most_accurate is None


def test_disturbed_and_estimated_times_are_never_the_fastest() -> None:
    noisy, guessed = replace(FAST, noisy=True), replace(FAST, estimated=True)
    assert picks([BASELINE, TINY, noisy, guessed], Budget()).fastest == TINY


def test_the_speed_may_count_on_another_target() -> None:
    there = [replace(FAST, target="cuda-torch", speedup=1.4), replace(SMALL, target="cuda-torch", speedup=2.0)]
    absent = replace(GOOD, target="cuda-torch", available=False)
    fast = fast_runs([*there, absent, replace(TINY, target="cuda-torch", speedup=None)], 2)
    budget = Budget(lost_points=2, speedup=2, fast=fast)
    assert [one.run for one in ROWS if budget.fits(one)] == ["small"]
    assert [one.run for one in ROWS if Budget(lost_points=2, speedup=2).fits(one)] == ["fast"]
