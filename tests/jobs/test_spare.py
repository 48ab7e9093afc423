"""The spare worker: it takes the next run at once, is never there while something is measured, and goes away."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil
import pytest

from explorer import jobs
from explorer.jobs.lifecycle import SPARE, hand_over, is_ready, start_spare
from explorer.jobs.local import Spare
from explorer.measure import lock
from explorer.rundir import RunFolder


@pytest.fixture
def gated(monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")


def spares(home) -> list[int]:
    """Process ids of the spare workers of this home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("EXPLORER_HOME") == str(home.path)
            if ours and process.cmdline()[-1:] == [SPARE] and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def test_the_next_run_is_done_by_the_spare_worker(home, gated):
    first, second = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))
    home.training(first)
    home.until(lambda: spares(home))
    (spare,) = spares(home)
    time.sleep(1.5)  # until it has imported what it needs; a run that came earlier would get a new worker
    (home.folder(first) / "go").touch()
    assert home.training(second) == spare
    (home.folder(second) / "go").touch()
    row = home.settled(second)
    assert row.state == "done" and "a line in the log" in jobs.log_text(second)


def test_a_cancelled_spare_worker_ends_like_any_other(home, gated):
    first, second = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))
    home.training(first)
    home.until(lambda: spares(home))
    jobs.cancel(first)
    home.training(second)
    jobs.cancel(second)
    assert home.settled(second).state == "cancelled"


def test_a_spare_worker_whose_supervisor_went_while_it_got_ready_ends_quietly(home):
    spare = start_spare(home.path)
    spare.stdin.close()
    spare.stdout.close()
    assert spare.wait(60) == 0
    assert (home.path / "supervisor.log").read_text() == ""


def test_a_spare_worker_ends_with_its_supervisor(home, gated):
    first, _ = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))
    home.training(first)
    home.until(lambda: spares(home))
    home.kill_supervisor()
    home.until(lambda: not spares(home))


def test_it_goes_away_when_nothing_wants_it_and_is_not_made_where_it_may_not_stay(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_SPARE_S", "0.5")
    home.settled(jobs.submit(home.recipe(0)))
    home.until(lambda: spares(home))
    home.until(lambda: not spares(home))
    home.kill_supervisor()
    monkeypatch.setenv("EXPLORER_SPARE_S", "0")
    home.settled(jobs.submit(home.recipe(1)))
    assert not spares(home)


def test_none_is_made_while_something_is_measured(home, monkeypatch):
    (home.path / "runs").mkdir()
    folder = RunFolder.create(home.path / "runs", {"recipe": {"model": "cnn-digits"}, "digest": "d", "study": "s"})
    made = []
    monkeypatch.setattr("explorer.jobs.local.start_spare", lambda place: made.append(place))
    spare = Spare(home.path)
    folder.add_progress("measure", "Timing")
    spare.tick(busy=True, waiting=True, running=[folder])
    assert not made
    folder.add_progress("train", "Training")
    spare.tick(busy=True, waiting=True, running=[folder])
    assert made == [home.path]


def test_it_imports_nothing_while_something_is_measured(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.importing:execute")
    asked, imported = str(home.path / "measure.gate"), home.path / "imported"
    with lock.measuring_slot(home.path, print):
        spare = start_spare(home.path)
        home.until(lambda: asked in [file.path for file in psutil.Process(spare.pid).open_files()])
        assert not imported.exists() and not is_ready(spare)
    home.until(lambda: is_ready(spare))
    assert imported.exists()
    spare.communicate(timeout=20)


def test_one_that_is_let_go_before_it_could_import_ends(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.importing:execute")
    with lock.measuring_slot(home.path, print):
        spare = start_spare(home.path)
        spare.communicate(timeout=20)
        assert spare.returncode == 0 and not (home.path / "imported").exists()


def test_a_dead_spare_worker_takes_no_run(home):
    (home.path / "runs").mkdir()
    folder = RunFolder.create(home.path / "runs", {"recipe": {"model": "cnn-digits"}, "digest": "d", "study": "s"})
    spare = start_spare(home.path)
    spare.kill()
    spare.wait()
    assert not hand_over(folder, spare) and not hand_over(folder, None)
