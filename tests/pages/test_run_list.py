"""Which cards stand on the Runs page."""

import time
from dataclasses import replace

import pytest

from explorer import jobs
from explorer.errors import Unavailable
from explorer.jobs.usage import Usage
from explorer.measure.nvml import GpuUse
from explorer.rundir import RunFolder
from pages.parts import run_progress
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


@pytest.fixture
def at_work(place, monkeypatch):
    """A run that trains, one that rests, one that waits and one that is done; the folder of the first."""
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    trains, rests, waits, done = (*sample_runs(8)[5:], sample_runs(1)[0])
    active = [replace(run, state="queued", result=None) for run in (trains, rests, waits)]
    write_runs(place / "home" / "runs", [*active, done])
    folders = [RunFolder(place / "home" / "runs" / run.run) for run in active]
    for folder in folders[:2]:
        folder.claim({"pid": 1, "claimed_at": time.time()})
        folder.add_state("running")
        folder.add_progress("apply", "Pruning", fraction=0.5, seconds_left=75.0)
    folders[1].set_paused(True)
    (folders[2].path / "events.jsonl").unlink()
    return folders[0]


def test_the_table_tells_of_runs_at_work_what_their_cards_do(at_work, open_page):
    table = open_page("2_Runs").dataframe[0].value.set_index("state")
    assert list(table.index) == ["queued", "paused", "running", "done"]
    assert table.loc["running", ["progress", "now"]].to_list() == [pytest.approx(100 * 1.5 / 14), "Pruning"]
    assert table.loc["running", "left"].replace("\u202f", " ") == "this step 1 min 15 s"
    assert table.loc["paused", "now"] == "Pruning"
    assert table.loc["queued", ["now", "left"]].to_list() == ["", ""] and table["progress"].isna()["queued"]
    assert table.loc["done", "accuracy"] and not table.loc["running", "accuracy"]


def test_columns_that_say_nothing_of_any_run_are_left_out(own, open_page):
    table = open_page("2_Runs").dataframe[0].proto
    figures = ["accuracy", "size", "speedup", "took"]
    assert list(table.column_order) == ["state", "label", "model", *figures, "study", "when"]


@pytest.mark.parametrize(
    ("read", "words_of"),
    [
        (lambda: GpuUse(12_000_000_000, 0.57), "GPU 12.0 GB in use and 57 % busy, all programs together"),
        (lambda: refuse("the GPU does not answer"), "use of the GPU unavailable: the GPU does not answer"),
    ],
)
def test_a_run_that_uses_the_gpu_tells_of_it(at_work, open_page, monkeypatch, read, words_of):
    monkeypatch.setattr(run_progress, "usage", lambda run: Usage(1_000_000_000, 1.0))
    monkeypatch.setattr(run_progress, "uses_gpu", lambda recipe: True)
    monkeypatch.setattr(run_progress, "gpu_use", read)
    bars = [bar.proto.text.replace("\u202f", " ") for bar in open_page("2_Runs").get("progress")]
    assert len(bars) == 2 and all(f"1.00 GB · 1.0 cores busy · {words_of}" in bar for bar in bars)


def refuse(reason):
    raise Unavailable(reason)


def test_a_run_on_a_cluster_says_why_it_tells_no_memory(at_work, open_page):
    (at_work.path / "ray.json").write_text("{}")
    told = [bar.proto.text for bar in open_page("2_Runs").get("progress")]
    assert ["memory and cores unavailable: the run is at work on the cluster" in text for text in told] == [True, False]


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
