"""Which cards stand on the Runs page."""

from dataclasses import replace

import pytest

from pages.parts.run_list import in_view
from tests.support.sample_results import sample_runs


def watched(over: int, at_work: int):
    runs = [replace(run, run=f"{place:02}") for place, run in enumerate(sample_runs(over + at_work))]
    return [replace(run, state="done" if place < over else "queued") for place, run in enumerate(runs)]


@pytest.mark.parametrize(
    ("over", "at_work", "first", "cards", "queued"),
    [
        (0, 20, 0, 8, 12),
        (3, 17, 0, 8, 12),
        (9, 11, 6, 8, 6),  # what runs is in sight however much is over
        (17, 3, 12, 8, 0),
        (20, 0, 12, 8, 0),  # nothing waits any more
        (2, 1, 0, 3, 0),
    ],
)
def test_what_is_at_work_is_always_in_sight(over, at_work, first, cards, queued) -> None:
    runs = watched(over, at_work)
    shown, waiting = in_view(runs)
    assert ([run.run for run in shown], waiting) == ([f"{first + i:02}" for i in range(cards)], queued)
