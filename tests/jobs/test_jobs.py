"""Jobs with real supervisor and worker processes: what happens when each of them is killed, cancelled or disturbed."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from explorer import cli, jobs
from explorer.errors import BadInput, ExplorerError
from explorer.recipe import Measuring, Recipe
from explorer.rundir import RunFolder
from explorer.store import Store


def test_a_submitted_run_is_done_with_its_result_log_and_progress(home):
    run = jobs.submit(home.recipe(), study="mine")
    row = home.settled(run)
    assert (row.state, row.reason, row.study) == ("done", None, "mine")
    assert row.result["size"]["file_bytes"] == 5
    assert (row.stage, row.fraction, row.samples_per_s, row.seconds_left) == ("apply", 0.5, 100.0, 1.0)
    assert row.created_at <= row.started_at
    assert "a line in the log" in jobs.log_text(run)
    states = [event["state"] for event in jobs.events(run) if event["kind"] == "state"]
    assert states == ["running", "done"]
    assert not Store().active()


def test_runs_are_executed_one_after_another_in_order(home):
    runs = [jobs.submit(home.recipe(seed)) for seed in range(3)]
    assert runs == sorted(runs)
    for run in runs:
        home.settled(run)
    ends = [[event["time"] for event in jobs.events(run)] for run in runs]
    assert ends[0][-1] < ends[1][0] and ends[1][-1] < ends[2][0]


def test_queued_runs_change_places_and_are_executed_in_the_new_order(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    running, *queued = [jobs.submit(home.recipe(seed)) for seed in range(4)]
    home.training(running)
    a, b, c = queued
    jobs.move(c, "first")
    assert Store().in_state("queued") == [c, a, b]
    jobs.move(a, "down")
    assert Store().in_state("queued") == [c, b, a]
    jobs.move(a, "up")
    jobs.move(a, "up")
    jobs.move(a, "up")  # it is first already
    assert Store().in_state("queued") == [a, c, b]
    jobs.move(a, "last")
    assert Store().in_state("queued") == [c, b, a]
    Store().reindex()
    assert Store().in_state("queued") == [c, b, a], "the order is in the folders"
    with pytest.raises(BadInput, match="is running; only a queued run"):
        jobs.move(running, "first")
    jobs.cancel(running)
    home.until(lambda: home.row(c).state == "running")
    assert Store().in_state("queued") == [b, a]


@pytest.mark.parametrize("jump_s", [-86_400, -0.5, 86_400])
def test_a_clock_that_is_set_leaves_the_queue_in_the_order_of_launching(home, monkeypatch, jump_s):
    jobs.pause_queue()
    first, second = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + jump_s)
        third, fourth = jobs.submit(home.recipe(2)), jobs.submit(home.recipe(3))
    assert Store().in_state("queued") == [first, second, third, fourth]
    jobs.move(first, "last")
    assert Store().in_state("queued") == [second, third, fourth, first]


def test_an_equal_recipe_is_not_run_twice(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    with ThreadPoolExecutor(6) as tabs:
        runs = set(tabs.map(lambda _: jobs.submit(home.recipe()), range(6)))
    assert len(runs) == 1
    run = runs.pop()
    assert len(list((home.path / "runs").iterdir())) == 1
    (home.folder(run) / "go").touch()
    assert home.settled(run).state == "done"
    assert jobs.submit(home.recipe()) == run
    assert jobs.submit(home.recipe(), fresh=True) != run


def test_a_run_that_serves_another_study_appears_in_it_too(home):
    run = jobs.submit(home.recipe(), study="mine")
    assert jobs.submit(home.recipe(), study="early") == run  # while it is queued or running
    home.settled(run)
    assert jobs.submit(home.recipe(), study="late") == jobs.submit(home.recipe(), study="mine") == run
    assert home.row(run).studies == ("mine", "early", "late")
    assert [row.run for row in Store().runs(study="late")] == [run]
    again = jobs.retry(run)
    assert home.row(again).studies == ("mine", "early", "late")


def test_a_run_from_elsewhere_serves_no_other_recipe_whatever_its_digest_says(home):
    run = jobs.submit(home.recipe())
    home.settled(run)
    path = home.folder(run) / "request.json"
    request = json.loads(path.read_text()) | {"imported": True}
    path.write_text(json.dumps(request))
    assert jobs.submit(home.recipe()) == run
    path.write_text(json.dumps(request | {"recipe": request["recipe"] | {"seed": 7}}))
    assert jobs.submit(home.recipe()) != run


@pytest.mark.parametrize(
    "odd",
    [
        {"seed": "first"},
        {"steps": [{"technique": "no-such"}]},
        {"steps": [{"technique": ["int8-dynamic"]}]},
        {"steps": "int8-dynamic"},
        {"targets": [["cpu-onnxruntime"]]},
        {"measure": {"batches": "many"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("imported", [True, False])
def test_a_recipe_that_does_not_parse_equals_none_and_blocks_none(home, odd, imported):
    jobs.pause_queue()
    run, _ = jobs.enqueue(home.recipe())
    path = home.folder(run) / "request.json"
    request = json.loads(path.read_text())
    path.write_text(json.dumps(request | {"imported": imported, "recipe": request["recipe"] | odd}))
    Store().reindex()
    again, new = jobs.enqueue(home.recipe())
    assert new and again != run
    assert {row.run for row in Store().runs(study="default")} == {run, again}


def test_nothing_is_queued_that_no_supervisor_could_start(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_ENGINE", "rya")
    with pytest.raises(BadInput, match="EXPLORER_ENGINE is 'rya'"):
        jobs.submit(home.recipe())
    assert not (home.path / "runs").exists() or not list((home.path / "runs").iterdir())


def test_a_home_that_cannot_be_written_to_is_told_in_one_sentence(home, monkeypatch):
    jobs.pause_queue()
    first, second = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))

    opened = io.open

    def refused(path, mode="r", *given, **named):
        if mode in ("r", "rb"):
            return opened(path, mode, *given, **named)
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refused)  # markers
    monkeypatch.setattr(io, "open", refused)  # files
    orders = [
        lambda: jobs.submit(home.recipe(2)),
        lambda: jobs.cancel(first),
        lambda: jobs.pause(first),
        lambda: jobs.move(second, "first"),
        jobs.ensure_supervisor,
    ]
    for order in orders:
        with pytest.raises(ExplorerError, match=r"^EXPLORER_HOME cannot be written to: read-only file system\.$"):
            order()
    assert Store().in_state("queued") == [first, second]


def test_a_retry_keeps_the_time_limit(home):
    run = jobs.submit(home.recipe(), time_limit_min=5)
    home.settled(run)
    assert '"time_limit_s": 300.0' in (home.folder(jobs.retry(run)) / "request.json").read_text()


def test_a_run_whose_model_file_is_gone_serves_nobody(home):
    run = jobs.submit(home.recipe())
    home.settled(run)
    (home.folder(run) / "artefact" / "model.onnx").unlink()
    again = jobs.submit(home.recipe())
    assert again != run
    assert home.settled(again).state == "done" and jobs.submit(home.recipe()) == again


def test_local_paths_are_written_down_in_full(home, tmp_path, monkeypatch):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "data.csv").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "models")
    full = (str(tmp_path / "models" / "mine"), str(tmp_path / "data.csv"))
    given = (("./mine", "../data.csv"), ("mine", "~/data.csv"), ("~/models/mine", full[1]), full)
    for seed, (model, data) in enumerate(given):
        run, _ = jobs.enqueue(Recipe(model=model, data=data, seed=seed))
        recipe = RunFolder(home.folder(run)).request()["recipe"]
        assert (recipe["model"], Path(recipe["data"]).resolve()) == (full[0], Path(full[1]))
        assert Path(recipe["data"]).is_absolute()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cnn-digits").mkdir()
    for model in ("cnn-digits", "owner/name", "~nobody-here/x"):  # names, and what is not there, stay what they are
        run, _ = jobs.enqueue(Recipe(model=model, data="nothing.csv"))
        assert RunFolder(home.folder(run)).request()["recipe"] | {"data": ""} == Recipe(model=model, data="").plain()


def test_a_run_with_local_files_is_tried_again_from_another_folder(home, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:mistaken")
    (tmp_path / "here" / "mine").mkdir(parents=True)
    (tmp_path / "here" / "data.csv").touch()
    monkeypatch.chdir(tmp_path / "here")
    run = jobs.submit(Recipe(model="./mine", data="data.csv"))
    home.settled(run)
    monkeypatch.chdir("/")
    again = jobs.retry(run)
    recipe = home.row(again).recipe
    assert (recipe["model"], recipe["data"]) == (str(tmp_path / "here" / "mine"), str(tmp_path / "here" / "data.csv"))


def test_an_equal_recipe_on_more_targets_is_run(home):
    run = jobs.submit(home.recipe())
    home.settled(run)
    more = home.recipe().model_copy(update={"targets": ("cpu-onnxruntime", "cpu-torch")})
    assert jobs.submit(more) != run


def test_an_equal_recipe_measured_at_more_shapes_is_run(home):
    run = jobs.submit(home.recipe())
    home.settled(run)
    more, fewer = ({"measure": Measuring(batches=batches)} for batches in ((1, 8, 16), (8,)))
    assert jobs.submit(home.recipe().model_copy(update=fewer)) == run
    assert jobs.submit(home.recipe().model_copy(update=more)) != run


def test_cancel_ends_the_worker_and_what_it_started_within_four_seconds(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:with_child")
    run = jobs.submit(home.recipe())
    pids = [home.training(run), int((home.folder(run) / "child").read_text())]
    assert all(psutil.pid_exists(pid) for pid in pids)
    assert jobs.cancel(run)
    home.until(lambda: not any(_runs(pid) for pid in pids), seconds=4)
    row = home.settled(run)
    assert (row.state, row.reason, row.stage) == ("cancelled", None, "train")


def test_cancel_is_reacted_to_by_the_worker_itself_and_leaves_nothing_half_written(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    home.training(run)
    jobs.cancel(run)
    assert home.settled(run).state == "cancelled"
    assert not (home.folder(run) / "artefact").exists()
    assert "The run was cancelled." in jobs.log_text(run)
    assert not jobs.cancel(run)


def test_a_queued_run_can_be_cancelled_before_it_starts(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    first, second = jobs.submit(home.recipe(0)), jobs.submit(home.recipe(1))
    home.training(first)
    jobs.cancel(second)
    assert home.settled(second).state == "cancelled"
    assert not (home.folder(second) / "worker.json").exists()
    assert home.row(first).state == "running"


def test_a_killed_worker_is_failed_with_the_reason_and_keeps_its_progress(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    os.kill(home.training(run), signal.SIGKILL)
    row = home.settled(run)
    assert row.state == "failed"
    assert row.reason == "the worker process was killed (signal 9)"
    assert (row.stage, row.text, row.fraction) == ("train", "Training", 0.25)


def test_a_killed_supervisor_leaves_the_job_running_and_the_next_one_adopts_it(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    worker = home.training(run)
    home.kill_supervisor()
    assert _runs(worker) and home.row(run).state == "running"
    jobs.ensure_supervisor()
    home.until(home.supervisor)
    (home.folder(run) / "go").touch()
    assert home.settled(run).state == "done"
    assert [event.get("state") for event in jobs.events(run)].count("running") == 1


def test_a_result_finished_while_nobody_watched_is_found(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    worker = home.training(run)
    home.kill_supervisor()
    (home.folder(run) / "go").touch()
    home.until(lambda: not _runs(worker))
    jobs.ensure_supervisor()
    assert home.settled(run).state == "done"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "interrupted: the worker process is gone"),
        ({"boot_id": "another"}, "interrupted: the machine was restarted while the run was going on"),
        ({"pid": os.getpid()}, "interrupted: the worker process is gone"),
    ],
)
def test_a_run_whose_worker_died_unseen_is_interrupted(home, monkeypatch, change, reason):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    worker = home.training(run)
    home.kill_supervisor()
    os.kill(worker, signal.SIGKILL)
    home.until(lambda: not _runs(worker))
    mark = home.folder(run) / "worker.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), **change}))
    jobs.ensure_supervisor()
    row = home.settled(run)
    assert (row.state, row.reason) == ("failed", reason)


def test_a_killed_dashboard_leaves_its_jobs_running(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    code = (
        "import time; from explorer import jobs; from explorer.jobs import request; from explorer.recipe import Recipe;"
        "request.digest_of = lambda r: 'd';"
        "print(jobs.submit(Recipe(model='cnn-digits')), flush=True); time.sleep(60)"
    )
    dashboard = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0)
    run = dashboard.stdout.readline().strip()
    home.training(run)
    os.killpg(dashboard.pid, signal.SIGKILL)
    dashboard.communicate()
    (home.folder(run) / "go").touch()
    assert home.settled(run).state == "done"


def test_only_one_supervisor_serves_a_home(home):
    jobs.ensure_supervisor()
    home.until(home.supervisor)
    second = subprocess.run([sys.executable, "-m", "explorer.jobs.supervisor"], timeout=20, check=False)
    assert second.returncode == 0
    assert home.supervisor() is not None


def test_an_idle_supervisor_leaves_and_the_next_submit_starts_another(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_IDLE_S", "0.2")
    assert home.settled(jobs.submit(home.recipe(0))).state == "done"
    home.until(lambda: home.supervisor() is None)
    assert home.settled(jobs.submit(home.recipe(1))).state == "done"


def test_runs_submitted_while_the_supervisor_leaves_are_not_forgotten(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_IDLE_S", "0.01")
    for seed in range(3):
        assert home.settled(jobs.submit(home.recipe(seed))).state == "done"


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ("full_disk", "the disk was full ("),
        ("mistaken", "The file 'tweets.csv' has no column 'text'; expected are 'text' and 'label'."),
        ("broken", "unexpected: KeyError: 'missing'"),
        ("hungry", "there is not enough memory for this run; close other programs or choose a smaller model"),
        (
            "vanishing",
            "the worker process ended before its work was done (exit status 7); its log may say why",
        ),
    ],
)
def test_a_run_that_cannot_work_fails_with_one_sentence(home, monkeypatch, pipeline, reason):
    monkeypatch.setenv("EXPLORER_PIPELINE", f"tests.jobs.pipelines:{pipeline}")
    run = jobs.submit(home.recipe())
    row = home.settled(run)
    assert (row.state, row.result) == ("failed", None) and row.reason.startswith(reason)
    assert not (home.folder(run) / "artefact").exists()
    assert ("Traceback" in jobs.log_text(run)) == (pipeline != "vanishing")


def test_a_failed_run_is_tried_again_with_what_it_had_finished(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    first = jobs.submit(home.recipe(), study="mine")
    with pytest.raises(BadInput, match="is still"):
        jobs.retry(first)
    os.kill(home.training(first), signal.SIGKILL)
    home.settled(first)
    second = jobs.retry(first)
    assert jobs.retry(first) == second  # a second click
    assert second != first and home.row(second).recipe == home.row(first).recipe
    assert RunFolder(home.folder(second)).request()["fresh"] is False
    assert home.row(second).study == "mine"


def test_garbage_in_the_events_disturbs_nothing(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    home.training(run)
    with (home.folder(run) / "events.jsonl").open("ab") as file:
        file.write(b'\xff\xfe\n[1]\n{"kind": "progress", "stage": 5}\n{"kind": "prog')
    (home.folder(run) / "go").touch()
    row = home.settled(run)
    assert (row.state, row.stage) == ("done", "apply")


def test_a_run_folder_deleted_while_it_runs_ends_the_worker_and_the_row(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    worker = home.training(run)
    shutil.rmtree(home.folder(run))
    home.until(lambda: not _runs(worker))
    assert Store().runs(study="default") == []
    for ask in (jobs.log_text, jobs.events, jobs.cancel, jobs.retry, jobs.delete):
        with pytest.raises(BadInput, match="There is no run"):
            ask(run)
    later = jobs.submit(home.recipe(1))
    home.training(later)
    (home.folder(later) / "go").touch()
    assert home.settled(later).state == "done"


def test_a_deleted_run_is_kept_in_the_trash(home):
    run = jobs.submit(home.recipe())
    home.settled(run)
    jobs.delete(run)
    assert (home.path / "trash" / run / "result.json").exists()
    assert Store().runs(study="default") == []


def test_an_active_run_is_not_deleted(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    with pytest.raises(BadInput, match="is still"):
        jobs.delete(run)
    assert home.folder(run).exists()


@pytest.mark.parametrize("pipeline", ["gated", "broken"])
def test_a_run_that_is_over_stays_over_whatever_becomes_of_its_events(home, monkeypatch, pipeline):
    monkeypatch.setenv("EXPLORER_PIPELINE", f"tests.jobs.pipelines:{pipeline}")
    run = jobs.submit(home.recipe())
    if pipeline == "gated":
        home.training(run)
        jobs.cancel(run)
    state = home.settled(run).state
    (home.folder(run) / "events.jsonl").write_bytes(b"")
    assert (RunFolder(home.folder(run)).snapshot().state, home.row(run).state) == ("running", state)
    assert not jobs.cancel(run) and not jobs.active(run)
    with pytest.raises(BadInput, match=f"^The run '{run}' is {state}; only one that is queued or running"):
        jobs.pause(run)
    jobs.delete(run)
    assert not home.folder(run).exists()


def test_the_index_followed_live_equals_the_one_rebuilt_from_the_folders(home, monkeypatch):
    for seed, pipeline in enumerate(["quick", "mistaken"]):
        monkeypatch.setenv("EXPLORER_PIPELINE", f"tests.jobs.pipelines:{pipeline}")
        home.settled(jobs.submit(home.recipe(seed)))
        if home.supervisor():
            home.kill_supervisor()
    followed = Store().runs(study="default")
    assert [row.state for row in followed] == ["done", "failed"]
    assert Store().reindex() == 2
    assert Store().runs(study="default") == followed


def test_a_second_worker_leaves_the_run_to_the_first(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    home.training(run)
    command = [sys.executable, "-m", "explorer.jobs.worker", str(home.folder(run))]
    assert subprocess.run(command, timeout=20, check=False).returncode == 0
    (home.folder(run) / "go").touch()
    assert home.settled(run).state == "done"
    assert [event.get("state") for event in jobs.events(run)].count("running") == 1


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_was_queued_goes_on_after_everything_was_killed(home, monkeypatch):
    """As after a power cut: nobody submits anything, somebody only looks."""
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    runs = [jobs.submit(home.recipe(seed)) for seed in range(3)]
    worker = home.training(runs[0])
    os.kill(home.supervisor().pid, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    home.until(lambda: home.supervisor() is None)
    for run in runs:
        (home.folder(run) / "go").touch()
    jobs.carry_on()
    assert [home.settled(run).state for run in runs] == ["failed", "done", "done"]
    assert home.row(runs[0]).reason.startswith("interrupted: the worker process is gone")


def test_a_run_whose_worker_is_gone_is_never_listed_as_running(home, monkeypatch, capsys):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = jobs.submit(home.recipe())
    worker = home.training(run)
    os.kill(home.supervisor().pid, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    home.until(lambda: home.supervisor() is None)
    assert cli.main(["runs", "--state", "running,failed"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if run in line]
    assert "failed" in line and "running" not in line
