"""The memory guard: what fits, what waits, and what is refused, each with its figures."""

from __future__ import annotations

import os
from types import SimpleNamespace

import huggingface_hub
import psutil
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from explorer import jobs, models, planning
from explorer.advice import kind_of
from explorer.errors import BadInput, NeverFits
from explorer.jobs import memory_guard, processes, worker
from explorer.jobs.supervisor import Supervisor
from explorer.models import hub
from explorer.planning import memory_bytes
from explorer.recipe import Recipe
from explorer.rundir import RunFolder
from explorer.store import Store


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


def test_a_run_alone_waits_for_other_programs_and_is_refused_where_it_could_never_fit(home, monkeypatch):
    monkeypatch.delenv("EXPLORER_MEMORY_GB", raising=False)
    memory = SimpleNamespace(total=int(8e9), available=int(3e9))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(memory_guard, "_LIMITS", ())
    monkeypatch.setattr(memory_guard, "_USES", ())
    assert memory_guard.obstacle(folder(home, 2.9), []) is None
    found = memory_guard.obstacle(folder(home, 4.0), [])
    assert found == "waits for memory: it takes about 4.0 GB, and 3.0 GB are free; close other programs"
    with pytest.raises(NeverFits, match=r"takes about 8\.1 GB of memory, and all runs here may take 8\.0 GB together"):
        memory_guard.obstacle(folder(home, 8.1), [])


def test_a_queued_run_that_could_never_fit_fails_with_the_figures_and_holds_up_no_other(home, limited):
    monster, small = folder(home, 3.5), folder(home, 0.1)
    supervisor = Supervisor(Store(), SimpleNamespace(
        slots=1, lane=lambda run, running: None, has_begun=lambda run: False, obstacle=memory_guard.obstacle,
        start=lambda run: SimpleNamespace(folder=run), look_after=lambda *_: None,
    ))  # fmt: skip
    supervisor.tick()
    row = home.row(monster.run)
    assert (row.state, row.reason) == (
        "failed",
        "This run takes about 3.5 GB of memory, and all runs here may take 3.0 GB together (EXPLORER_MEMORY_GB sets "
        "the limit); choose a smaller model or another machine.",
    )
    assert kind_of(row.reason) == "memory" and list(supervisor.watches) == [small.run]


def test_a_hub_model_is_weighed_by_the_worker_once_it_is_here(home, limited, monkeypatch):
    run, here = folder(home, 0.0), []
    (run.path / "request.json").write_text('{"recipe": {"model": "someone/something", "data": "texts.csv"}}')
    recipe = Recipe(model="someone/something", data="texts.csv")
    monkeypatch.setattr(hub, "download_bytes", lambda model: 0)
    monkeypatch.setattr(models, "card_for", lambda model, data: here.append(model))
    monkeypatch.setattr(planning, "memory_bytes", lambda recipe: int(2e9) if here else None)
    told = []
    worker._weigh(recipe, run.request(), run, lambda **news: told.append(news["text"]))
    assert told == ["Downloading someone/something"]
    assert memory_guard.free_bytes([run]) == pytest.approx(1e9), "the next run knows"
    monkeypatch.setattr(planning, "memory_bytes", lambda recipe: int(4e9))
    with pytest.raises(NeverFits, match=r"takes about 4\.0 GB of memory, and all runs here may take 3\.0 GB"):
        worker._weigh(recipe, run.request(), run, lambda **news: None)


def test_a_hub_model_that_was_weighed_waits_until_its_memory_is_free(home, monkeypatch):
    run, told = folder(home, 0.0), []
    (run.path / "request.json").write_text('{"recipe": {}}')
    memory = SimpleNamespace(total=int(8e9), available=int(1e9))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(memory_guard, "_LIMITS", ())
    monkeypatch.setattr(memory_guard, "_USES", ())

    def freed(seconds: float) -> None:
        memory.available = int(7e9)

    monkeypatch.setattr(memory_guard.time, "sleep", freed)
    memory_guard.weigh(run, int(2e9), told.append)
    assert told == ["waits for memory: it takes about 2.0 GB, and 1.0 GB are free; close other programs"]


def test_a_hub_model_is_not_downloaded_to_be_weighed_at_launch(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    asked = []

    def snapshot(model, local_files_only=False, **_):
        asked.append(local_files_only)
        raise LocalEntryNotFoundError("nothing here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert memory_bytes(Recipe(model="someone/something", data="nothing.csv")) is None
    assert asked == [True]


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
