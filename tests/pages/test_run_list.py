"""Which cards stand on the Runs page."""

from dataclasses import replace

import pytest

from explorer import jobs
from pages.parts.run_list import in_view
from tests.pages.conftest import words
from tests.support.sample_results import sample_runs, write_runs


def test_cards_and_table_show_the_seed_where_runs_differ_in_nothing_else(place, open_page, monkeypatch):
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    one, other = sample_runs(3)[1:]
    waiting = replace(one, state="queued", result=None)
    seeded = replace(waiting, run="sample-0009", recipe=one.recipe | {"seed": 5})
    write_runs(place / "home" / "runs", [waiting, seeded, other])
    app = open_page("2_Runs")
    named = ["prune-neurons 50 % · seed 0", "prune-neurons 50 % · seed 5"]
    assert all(f"**{name}** · {one.model}" in words(app) for name in named)
    assert sorted(app.dataframe[0].value["label"]) == ["int8-dynamic", *named]


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
