"""Work in a process of its own: started once, followed, stopped, and every mistake one sentence."""

import time

import pytest

from explorer.anatomy import background
from explorer.errors import BadInput, ExplorerError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))


def until_over(kind, name, seconds=60):
    for _ in range(10 * seconds):
        work = background.look(kind, name)
        if work.state != "running":
            return work
        time.sleep(0.1)
    raise AssertionError("it still runs")


SLEEP = ["-n", "1", "-r", "1", "import time; print('asleep', flush=True); time.sleep(120)"]


def test_nothing_was_asked():
    assert background.look("tests", "a").state == "none"


def test_an_answer_is_kept():
    background.serve("tests", "a", lambda: {"heads": [1.5]})
    work = background.look("tests", "a")
    assert (work.state, work.answer) == ("done", {"heads": [1.5]})


def test_a_mistake_is_its_sentence():
    def compute():
        raise BadInput("It has no heads.")

    background.serve("tests", "a", compute)
    assert (background.look("tests", "a").state, background.look("tests", "a").text) == ("failed", "It has no heads.")


def test_a_bug_is_not_taken_for_an_answer():
    with pytest.raises(ZeroDivisionError):
        background.serve("tests", "a", lambda: {"x": 1 // 0})
    assert background.look("tests", "a").state == "none"


def test_a_process_that_crashes_says_its_last_line():
    background.start("tests", "a", "no_such_module_at_all", [])
    work = until_over("tests", "a")
    assert work.state == "failed"
    assert work.text.startswith("The process ended without an answer: ")
    assert work.text.endswith("No module named no_such_module_at_all.")


def test_work_is_started_once_and_can_be_stopped():
    background.start("tests", "a", "timeit", SLEEP)
    folder = background.cache_folder("tests")
    first = (folder / "a.process").read_text()
    background.start("tests", "a", "timeit", SLEEP)
    assert (folder / "a.process").read_text() == first
    for _ in range(100):
        if background.look("tests", "a").text:
            break
        time.sleep(0.1)
    work = background.look("tests", "a")
    assert (work.state, work.text) == ("running", "asleep") and work.seconds >= 0
    background.stop("tests", "a")
    assert background.look("tests", "a").state == "none"


def test_what_was_found_before_goes_when_it_is_asked_anew():
    background.serve("tests", "a", lambda: {"old": True})
    background.start("tests", "a", "timeit", SLEEP)
    assert background.look("tests", "a").state == "running"
    background.stop("tests", "a")


def test_a_guest_starts_and_stops_nothing(monkeypatch):
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    with pytest.raises(ExplorerError, match="for looking only"):
        background.start("tests", "a", "timeit", SLEEP)
    with pytest.raises(ExplorerError, match="for looking only"):
        background.stop("tests", "a")
    assert background.look("tests", "a").state == "none"
