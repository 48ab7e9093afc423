"""The memory guard: what fits, what waits, and what is refused, each with its figures."""

from __future__ import annotations

import os

import psutil
import pytest

from explorer import jobs
from explorer.errors import BadInput
from explorer.jobs import memory_guard, processes
from explorer.planning import memory_bytes
from explorer.recipe import Recipe
from explorer.rundir import RunFolder


@pytest.fixture
def limited(monkeypatch):
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "3")


def folder(home, gigabytes: float, claimed: bool = False) -> RunFolder:
    runs = home.path / "runs"
    runs.mkdir(exist_ok=True)
    made = RunFolder.create(runs, {"recipe": {}, "memory_bytes": int(gigabytes * 1e9)})
    if claimed:
        made.claim(processes.mark(os.getpid()))
    return made


def test_what_fits_has_no_obstacle(home, limited):
    assert memory_guard.obstacle(folder(home, 1.4), [folder(home, 1.5)]) is None


def test_what_does_not_fit_waits_and_says_how_much_is_missing(home, limited):
    found = memory_guard.obstacle(folder(home, 1.6), [folder(home, 1.5)])
    assert found == "waits for memory: it takes about 1.6 GB, and 1.5 GB are free"


def test_a_run_that_has_grown_beyond_what_was_expected_counts_as_it_is(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "30")
    small = folder(home, 0.0, claimed=True)  # this very process, which has more than nothing
    taken = psutil.Process().memory_info().rss
    assert taken > 1e7 and memory_guard.free_bytes([small]) == pytest.approx(30e9 - taken, abs=0.2e9)


def test_a_run_alone_always_starts(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "0.1")
    assert memory_guard.obstacle(folder(home, 1.0), []) is None


def test_a_run_that_rests_already_has_what_it_took(home, limited):
    resting, at_work = folder(home, 1.5), folder(home, 1.5)
    resting.set_paused(True)
    assert memory_guard.obstacle(resting, [resting, at_work]) is None
    grown = folder(home, 1.6)
    found = memory_guard.obstacle(resting, [resting, grown])
    assert found == "waits for memory: it takes about 1.5 GB, and 1.4 GB are free"


def test_runs_that_rest_do_not_wait_for_each_other(home, limited):
    one, other = folder(home, 2.0), folder(home, 2.0)
    for resting in (one, other):
        resting.set_paused(True)
    assert memory_guard.obstacle(one, [one, other]) is None and memory_guard.obstacle(other, [one, other]) is None
    assert memory_guard.obstacle(folder(home, 2.0), [one]) is not None


def test_the_machine_s_own_memory_counts_without_a_limit(home):
    total, free = memory_guard.total_bytes(), memory_guard.free_bytes([])
    assert 1e8 < free < total
    assert memory_guard.free_bytes([folder(home, 0.5)]) == pytest.approx(free - 0.5e9, abs=0.4e9)


def test_a_run_that_could_never_fit_is_refused_with_the_figures(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "1")
    recipe = Recipe.parse({"model": "minilm-tweets", "steps": [{"technique": "fine-tune"}]})
    with pytest.raises(BadInput, match=r"takes about 1\.9 GB of memory, and all runs here may take 1\.0 GB together"):
        jobs.submit(recipe)
    assert not (home.path / "runs").exists() or not list((home.path / "runs").iterdir())


def test_a_limit_that_is_no_number_is_refused(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "much")
    with pytest.raises(BadInput, match="EXPLORER_MEMORY_GB is 'much'; expected is a number of gigabytes"):
        jobs.submit(home.recipe())


def test_training_is_expected_to_take_more_than_rounding():
    rounding, training = (
        memory_bytes(Recipe.parse({"model": "minilm-tweets", "steps": [{"technique": name}]}))
        for name in ("int8-dynamic", "fine-tune")
    )
    assert training - rounding == 700_000_000 and rounding > 4 * 80_000_000


def test_a_model_of_unknown_size_is_expected_to_take_nothing_in_particular(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    assert memory_bytes(Recipe(model="someone/something", data="nothing.csv")) is None


def test_a_run_waits_for_memory_and_starts_when_there_is_room(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    monkeypatch.setenv("EXPLORER_JOBS", "2")
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "1.2")  # each takes about 0.8 GB
    first, second = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))
    home.training(first)
    home.until(lambda: (home.row(second).text or "").startswith("waits for memory: it takes about 0.8 GB"))
    assert (home.row(first).state, home.row(second).state) == ("running", "queued")
    (home.folder(first) / "go").touch()
    home.training(second)
