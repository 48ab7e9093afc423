"""Runs that rest, a queue that rests, and runs that take too long."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from explorer import jobs
from explorer.errors import BadInput
from explorer.jobs import processes, time_limit
from explorer.jobs.supervisor import Supervisor
from explorer.jobs.time_limit import Clock
from explorer.rundir import RunFolder
from explorer.store import Store


@pytest.fixture
def resting(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:counting")
    return home


def counted(home, run: str) -> int:
    path = home.folder(run) / "count"
    return int(path.read_text() or 0) if path.exists() else 0


def test_a_paused_run_stands_still_and_goes_on_where_it_was(resting):
    run = jobs.submit(resting.recipe())
    resting.until(lambda: counted(resting, run) > 2)
    jobs.pause(run)
    resting.until(lambda: resting.row(run).paused)
    time.sleep(0.5)
    before = counted(resting, run)
    time.sleep(0.5)
    assert counted(resting, run) == before and resting.row(run).state == "running"
    jobs.resume(run)
    resting.until(lambda: counted(resting, run) > before)
    (resting.folder(run) / "go").touch()
    assert resting.settled(run).state == "done" and not resting.row(run).paused


def test_another_run_takes_the_place_of_one_that_rests(resting):
    first, second = (jobs.submit(resting.recipe(seed)) for seed in range(2))
    resting.until(lambda: counted(resting, first) > 0)
    assert resting.row(second).state == "queued"
    jobs.pause(first)
    resting.until(lambda: counted(resting, second) > 0)
    for run in (second, first):
        (resting.folder(run) / "go").touch()
    assert resting.settled(second).state == "done"
    jobs.resume(first)
    assert resting.settled(first).state == "done"


def test_a_resumed_run_waits_until_there_is_a_slot_and_says_so(resting):
    first, second = (jobs.submit(resting.recipe(seed)) for seed in range(2))
    resting.until(lambda: counted(resting, first) > 0)
    jobs.pause(first)
    resting.until(lambda: counted(resting, second) > 0)
    before = counted(resting, first)
    jobs.resume(first)
    resting.until(lambda: resting.row(first).text == "waits for its turn: EXPLORER_JOBS allows 1 at a time")
    assert (resting.row(first).state, resting.row(first).paused) == ("running", False)
    resting.kill_supervisor()
    jobs.ensure_supervisor()
    time.sleep(1.5)
    assert counted(resting, first) == before, "the next supervisor keeps it waiting"
    (resting.folder(second) / "go").touch()
    resting.until(lambda: counted(resting, first) > before)
    assert (resting.row(first).stage, resting.row(first).text, resting.row(first).fraction) == (
        "train",
        "Training",
        0.25,
    )
    (resting.folder(first) / "go").touch()
    assert resting.settled(first).state == "done"


def test_a_resumed_run_goes_before_those_that_are_queued(resting):
    first, second, third = (jobs.submit(resting.recipe(seed)) for seed in range(3))
    resting.until(lambda: counted(resting, first) > 0)
    jobs.pause(first)
    resting.until(lambda: counted(resting, second) > 0)
    before = counted(resting, first)
    jobs.resume(first)
    (resting.folder(second) / "go").touch()
    resting.until(lambda: counted(resting, first) > before)
    assert resting.row(third).state == "queued"
    (resting.folder(first) / "go").touch()
    resting.until(lambda: counted(resting, third) > 0)


def test_a_run_that_waits_to_go_on_can_be_paused_again(resting):
    first, second = (jobs.submit(resting.recipe(seed)) for seed in range(2))
    resting.until(lambda: counted(resting, first) > 0)
    jobs.pause(first)
    resting.until(lambda: counted(resting, second) > 0)
    jobs.resume(first)
    jobs.pause(first)
    assert resting.row(first).paused
    before = counted(resting, first)
    (resting.folder(second) / "go").touch()
    assert resting.settled(second).state == "done"
    time.sleep(0.5)
    assert counted(resting, first) == before and resting.row(first).paused


def test_a_resumed_run_does_not_wait_for_one_that_waits_for_what_it_has_begun(resting, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:sharing")
    first = jobs.submit(resting.recipe(0))
    resting.until(lambda: counted(resting, first) > 0)
    jobs.pause(first)
    resting.until(lambda: resting.row(first).paused)
    second = jobs.submit(resting.recipe(1))
    resting.until(lambda: resting.row(second).text == "waiting for another run that computes the same")
    before = counted(resting, first)
    jobs.resume(first)
    resting.until(lambda: counted(resting, first) > before)
    for run in (first, second):
        (resting.folder(run) / "go").touch()
    assert [resting.settled(run).state for run in (first, second)] == ["done", "done"]


def test_a_resumed_run_waits_for_memory(resting, monkeypatch):
    monkeypatch.setenv("EXPLORER_JOBS", "3")
    first = jobs.submit(resting.recipe(0))
    resting.until(lambda: counted(resting, first) > 0)
    jobs.pause(first)
    second = jobs.submit(resting.recipe(1))
    resting.until(lambda: counted(resting, second) > 0)
    before = counted(resting, first)
    resting.kill_supervisor()
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "1.2")  # each takes about 0.8 GB
    jobs.resume(first)
    resting.until(lambda: (resting.row(first).text or "").startswith("waits for memory: it takes about 0.8 GB"))
    assert counted(resting, first) == before
    (resting.folder(second) / "go").touch()
    resting.until(lambda: counted(resting, first) > before)


def test_a_paused_run_can_be_cancelled(resting):
    run = jobs.submit(resting.recipe())
    resting.until(lambda: counted(resting, run) > 0)
    jobs.pause(run)
    time.sleep(0.5)
    jobs.cancel(run)
    assert resting.settled(run).state == "cancelled"


def test_a_pause_outlives_the_supervisor(resting):
    run = jobs.submit(resting.recipe())
    resting.until(lambda: counted(resting, run) > 0)
    jobs.pause(run)
    resting.kill_supervisor()
    time.sleep(0.5)
    before = counted(resting, run)
    jobs.ensure_supervisor()
    time.sleep(0.5)
    assert counted(resting, run) == before and resting.row(run).paused
    Store().reindex()
    assert resting.row(run).paused
    (resting.folder(run) / "go").touch()
    jobs.resume(run)
    assert resting.settled(run).state == "done"


def test_a_queued_run_that_is_paused_is_overtaken(resting):
    running, paused, last = (jobs.submit(resting.recipe(seed)) for seed in range(3))
    jobs.pause(paused)
    (resting.folder(running) / "go").touch()
    (resting.folder(last) / "go").touch()
    assert resting.settled(last).state == "done"
    assert resting.row(paused).state == "queued" and resting.row(paused).paused
    jobs.resume(paused)
    (resting.folder(paused) / "go").touch()
    assert resting.settled(paused).state == "done"


def test_a_paused_queue_starts_nothing(resting):
    jobs.pause_queue()
    run = jobs.submit(resting.recipe())
    (resting.folder(run) / "go").touch()
    time.sleep(1.5)
    assert resting.row(run).state == "queued"
    jobs.resume_queue()
    assert resting.settled(run).state == "done"


def test_a_run_that_is_over_cannot_rest(home):
    run = jobs.submit(home.recipe())
    home.settled(run)
    with pytest.raises(BadInput, match=r"is done; only one that is queued or running can be paused"):
        jobs.pause(run)


def test_a_run_is_ended_by_its_limit(resting):
    run = jobs.submit(resting.recipe(), time_limit_min=1 / 60)
    row = resting.settled(run)
    assert (row.state, row.reason) == (
        "failed",
        "it took longer than its limit of 1 s; give it more time or make it smaller",
    )
    resting.until(lambda: not processes.alive(RunFolder(resting.folder(run)).worker()))


def test_the_usual_limit_is_the_environment_s(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_TIME_LIMIT_MIN", "20")
    run, _ = jobs.enqueue(home.recipe(0))
    assert RunFolder(home.folder(run)).request()["time_limit_s"] == 1200
    run, _ = jobs.enqueue(home.recipe(1), time_limit_min=5)
    assert RunFolder(home.folder(run)).request()["time_limit_s"] == 300


def test_time_for_which_a_run_waits_does_not_count(home, monkeypatch):
    run, _ = jobs.enqueue(home.recipe(), time_limit_min=1 / 6)
    folder, killed, now = RunFolder(home.folder(run)), [], [time.monotonic()]
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now[0])
    supervisor = Supervisor(Store(), SimpleNamespace())
    watch = SimpleNamespace(folder=folder, kill=lambda: killed.append(folder.snapshot().state))

    def after(seconds: float) -> list[str]:
        now[0] += seconds
        supervisor._keep_time(watch)
        return killed

    after(0)
    assert after(60) == [], "it is queued, maybe on a cluster"
    folder.claim({"pid": 1, "claimed_at": time.time()})
    folder.add_state("running")
    folder.add_progress("wait", "waiting for a measurement to finish")
    assert after(60) == []
    folder.add_progress("train", "Training")
    assert after(8) == []
    assert after(8) == ["failed"]
    assert after(8) == ["failed", "failed"], "until it is gone"
    states = [event["state"] for event in jobs.events(run) if event["kind"] == "state"]
    assert states == ["running", "failed"], "and told once"


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_an_impossible_limit_is_refused(home, limit):
    with pytest.raises(BadInput, match="expected is a number of minutes above 0"):
        jobs.submit(home.recipe(), time_limit_min=limit)


def test_time_that_is_paused_does_not_count(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock(limit_s=10)
    now[0] += 8
    assert not clock.is_over(paused=False)
    now[0] += 60
    assert not clock.is_over(paused=True)
    now[0] += 3
    assert clock.is_over(paused=False)
    assert clock.reason.startswith("it took longer than its limit of 10 s")


def limited(home, **mark) -> RunFolder:
    """A run with a limit of 10 s at work on a machine that is another one, or was restarted since."""
    run, _ = jobs.enqueue(home.recipe(), time_limit_min=1 / 6)
    folder = RunFolder(home.folder(run))
    folder.claim({**processes.mark(), "boot_id": "another", "claimed_since_boot": 5.0, **mark})
    return folder


def tell(folder: RunFolder, moment: float, monkeypatch, stage: str) -> None:
    with monkeypatch.context() as then:
        then.setattr(time, "time", lambda: moment)
        folder.add_progress(stage, "Something")


def test_another_machine_s_supervisor_goes_on_counting(home, monkeypatch):
    folder, now = limited(home), time.time()
    tell(folder, now - 1000, monkeypatch, "wait")
    tell(folder, now - 500, monkeypatch, "train")
    tell(folder, now - 494, monkeypatch, "wait")
    tell(folder, now - 3, monkeypatch, "train")
    assert Clock.of(folder).elapsed_s == pytest.approx(9, abs=0.9)
    folder.set_paused(True)
    assert Clock.of(folder).elapsed_s == pytest.approx(6, abs=0.1)


def test_the_next_supervisor_counts_no_rest_that_the_last_one_saw(home, monkeypatch):
    folder, now = limited(home), [time.monotonic()]
    tell(folder, time.time() - 1000, monkeypatch, "train")
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now[0])
    clock = Clock(3600)
    for seconds, paused in ((8, False), (900, True), (12, False)):
        now[0] += seconds
        clock.is_over(paused)
    clock.keep(folder)
    assert Clock.of(folder).elapsed_s == pytest.approx(20, abs=1)
    (folder.path / "time.json").write_text("{")
    assert Clock.of(folder).elapsed_s == pytest.approx(1000, abs=1), "then its events are all there is"


def test_a_clock_that_is_set_forward_ends_no_run(home, monkeypatch):
    claimed = time_limit._since_boot()
    folder = limited(home, boot_id=processes.boot_id(), claimed_since_boot=claimed)
    tell(folder, time.time() - 86_400, monkeypatch, "train")
    assert Clock.of(folder).elapsed_s < 60


def test_a_run_on_a_cluster_that_shares_no_path_cannot_rest(resting, monkeypatch):
    run = jobs.submit(resting.recipe())
    resting.until(lambda: counted(resting, run) > 0)
    (resting.folder(run) / "ray.json").touch()
    with pytest.raises(BadInput, match="to a cluster that does not see its folder, and cannot be told to rest"):
        jobs.pause(run)
    assert not resting.row(run).paused
    monkeypatch.setenv("EXPLORER_RAY_SHARED", "1")
    jobs.pause(run)
    assert resting.row(run).paused


def test_nor_can_one_that_waits_for_its_place_there(home, monkeypatch):
    run, _ = jobs.enqueue(home.recipe())
    assert jobs.why_not_paused(run) is None
    (home.folder(run) / "ray.json").touch()
    with pytest.raises(BadInput, match="to a cluster that does not see its folder, and cannot be told to rest"):
        jobs.pause(run)
    monkeypatch.setenv("EXPLORER_RAY_SHARED", "1")
    assert jobs.why_not_paused(run) is None
