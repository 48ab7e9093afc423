"""Runs that begin alike: one computes the beginning, the others wait in the queue and hold no place."""

from __future__ import annotations

import psutil
import pytest

from explorer import cache, jobs
from explorer.jobs import request
from explorer.jobs.beginnings import computed_by
from explorer.pipeline import Bench
from explorer.recipe import Recipe
from explorer.rundir import RunFolder

REAL = request.beginnings
ALIKE = [("first", False), ("second", True)]


@pytest.fixture
def alike(home, monkeypatch):
    """A home of two places whose runs begin alike, but for those of seeds from 10 on."""
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:beginning")
    monkeypatch.setenv("EXPLORER_JOBS", "2")
    monkeypatch.setattr(request, "beginnings", lambda recipe: ALIKE[1:] if recipe.seed < 10 else [])
    return home


def started(home, run: str) -> bool:
    return RunFolder(home.folder(run)).worker() is not None


def counted(home, run: str) -> bool:
    return (home.folder(run) / "count").exists()


def test_who_waits_for_a_beginning_holds_no_place_and_goes_on_when_it_is_there(alike):
    first, second, third = (jobs.submit(alike.recipe(seed)) for seed in (0, 1, 10))
    alike.until(lambda: alike.row(third).stage == "evaluate")  # it went past the one that waits
    alike.until(lambda: counted(alike, first))
    assert (alike.row(second).state, alike.row(second).stage) == ("queued", "wait")
    assert alike.row(second).text == f"waits for run {first}, which computes the same beginning"
    (alike.folder(first) / "go").touch()
    alike.until(lambda: alike.row(first).stage == "evaluate")
    assert not started(alike, second), "now it waits for a place"
    (alike.folder(third) / "end").touch()
    alike.until(lambda: alike.row(second).stage == "evaluate")
    assert alike.row(first).state == "running" and not counted(alike, second)
    for run in (first, second):
        (alike.folder(run) / "end").touch()
        assert alike.settled(run).state == "done"


def test_where_the_one_that_computes_fails_the_next_one_does(alike):
    first, second, third = (jobs.submit(alike.recipe(seed)) for seed in (0, 1, 2))
    alike.until(lambda: counted(alike, first))
    psutil.Process(RunFolder(alike.folder(first)).worker()["pid"]).kill()
    assert alike.settled(first).state == "failed"
    alike.until(lambda: counted(alike, second))
    alike.until(lambda: alike.row(third).text == f"waits for run {second}, which computes the same beginning")
    assert not started(alike, third)


def run_of(home, *beginnings: tuple[str, bool]) -> RunFolder:
    runs = home.path / "runs"
    runs.mkdir(exist_ok=True)
    return RunFolder.create(runs, {"recipe": {}, "beginnings": beginnings})


def test_who_waits_for_whom(home):
    mine, other = run_of(home, *ALIKE, ("third", True)), run_of(home, *ALIKE, ("fourth", True))
    assert computed_by(mine, [mine]) is None and computed_by(mine, [other]) is other, "it is about to begin"
    assert computed_by(run_of(home), [other]) is None
    assert computed_by(mine, [run_of(home, ALIKE[0], ("fifth", True))]) is None, (
        "a step that trains nothing is no reason"
    )
    other.add_progress("export", "The baseline's export")
    assert computed_by(mine, [other]) is other
    other.add_progress("train", "Training")
    assert computed_by(mine, [other]) is None, "it is at its other steps"
    with cache.alone("prefixes", "first"):
        assert computed_by(mine, [other]) is other
    with cache.alone("prefixes", "second"):
        cache.put("prefixes", "second", lambda place: None)
        assert computed_by(mine, [other]) is None, "it is there"
    (mine.path / "request.json").write_text('{"recipe": {}, "beginnings": [3]}')
    assert computed_by(mine, [other]) is None


def test_a_launch_names_the_beginnings_as_the_cache_does(home):
    steps = [{"technique": name} for name in ("prune-magnitude", "fine-tune", "optimize-graph")]
    recipe = Recipe.parse({"model": "cnn-digits", "steps": steps})
    first, second = REAL(recipe)
    bench = Bench(recipe, lambda **news: None)
    assert [first[0], second[0]] == [bench.digest(1), bench.digest(2)]
    assert (first[1], second[1]) == (False, True) and first[0] != second[0]
    assert REAL(recipe.model_copy(update={"steps": recipe.steps[:2]})) == [first, second]
    assert REAL(recipe.model_copy(update={"steps": recipe.steps[:1]})) == []
    assert REAL(recipe.model_copy(update={"seed": 1}))[1] != second
