"""The command line: what it prints, its JSON, and one plain sentence with exit status 2 for bad input."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from explorer import cli, jobs
from explorer.cli import wording
from explorer.errors import ExplorerError
from explorer.store import Store
from tests.jobs.conftest import home  # noqa: F401
from tests.support.sample_results import sample_runs


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("model: cnn-digits\ntargets: [cpu-onnxruntime]\n")
    return str(path)


@pytest.fixture
def call(home, capsys):  # noqa: F811
    """Run a command; gives its exit status, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main(list(words))
        return status, *capsys.readouterr()

    return run


def test_run_waits_for_the_result_and_shows_it(call, recipe):
    status, out, err = call("run", recipe, "--json")
    result = json.loads(out)
    assert (status, result["state"], result["size"]["file_bytes"]) == (0, "done", 5)
    assert "[apply] Working  50%  100 samples/s  1 s left" in err
    status, out, err = call("run", recipe)
    assert (status, err) == (0, "")  # found, not run again
    assert out.startswith(f"{result['run']}  cnn-digits  baseline\nfile size  0.00 MB")
    last = json.loads(call("runs", "--json")[1])[-1]
    assert (last["run"], last["recipe"]) == (result["run"], result["recipe"]) and "packed" not in last
    assert last["result"]["size"] == result["size"]


def test_a_failed_run_has_exit_status_1_and_says_why(call, recipe, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:full_disk")
    status, out, err = call("run", recipe)
    assert (status, out) == (1, "")
    assert re.search(r"ended failed: the disk was full \(.* or empty the trash, then try again\.$", err.rstrip())


def test_a_full_disk_is_said_and_can_be_cleaned_without_the_index(call, home, recipe, monkeypatch):  # noqa: F811
    call("run", recipe)
    cached = home.path / "cache" / "logits" / "a.npy"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(bytes(2_000_000))
    (home.path / "index.sqlite-wal").mkdir()  # SQLite cannot open the database

    def full(path, *given, **named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "mkdir", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=587_000_000, used=0, free=0))
    said = "The disk is full, 0 MB of 587 MB are free, and the runs are read from their folders without an index;"
    status, out, err = call("runs")
    assert status == 0 and "cnn-digits  baseline" in out and err.startswith(said)
    status, out, err = call("clean", "--days", "0", "--no-front")
    assert (status, out) == (1, "") and err.startswith("EXPLORER_HOME cannot be written to: the disk is full")
    status, out, err = call("clean", "--days", "0", "--no-front", "--trash", "--cache")
    assert status == 0 and err.startswith(said)
    assert (
        out.startswith("The model files of 1 runs (") and ") are gone for good.\n" in out and "MB were freed.\n" in out
    )
    assert not cached.exists() and not list(home.path.glob("runs/*/artefact"))


def test_recipes_of_a_folder_run_one_after_the_other(call, tmp_path):
    folder = tmp_path / "recipes"
    folder.mkdir()
    for seed in (2, 1):
        (folder / f"{seed}.yaml").write_text(f"model: cnn-digits\nseed: {seed}\ntargets: [cpu-onnxruntime]\n")
    (folder / "README.md").write_text("No recipe.")
    status, out, _ = call("run", str(folder), "--json")
    assert status == 0 and [one["recipe"]["seed"] for one in json.loads(out)] == [1, 2]
    assert call("submit", str(folder))[1].split() == [one["run"] for one in json.loads(out)]  # done, found again


def test_a_run_that_fails_holds_up_none_after_it(call, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:full_disk")
    files = [tmp_path / f"{seed}.yaml" for seed in (1, 2)]
    for seed, file in enumerate(files):
        file.write_text(f"model: cnn-digits\nseed: {seed}\ntargets: [cpu-onnxruntime]\n")
    status, _, err = call("run", *map(str, files))
    assert status == 1 and err.count("ended failed") == 2


def test_a_recipe_that_is_refused_holds_up_none_after_it(call, recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_MEMORY_GB", "1")
    (tmp_path / "large.yaml").write_text("model: minilm-tweets\nsteps: [{technique: fine-tune}]\n")
    status, out, err = call("run", str(tmp_path / "large.yaml"), recipe, "--json")
    assert status == 2 and "of memory" in err and [one["state"] for one in json.loads(out)] == ["done"]


def test_an_interrupt_cancels_a_run_in_the_foreground(home, recipe):  # noqa: F811
    code = (
        "import os; os.environ['EXPLORER_PIPELINE'] = 'tests.jobs.pipelines:gated';"
        "from explorer import cli; from explorer.jobs import request;"
        "import signal; signal.signal(2, signal.default_int_handler);"  # a shell's background jobs begin without it
        f"request.digest_of = lambda recipe: 'd'; raise SystemExit(cli.main(['run', {recipe!r}]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while "Training" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(2)
    err = process.communicate(timeout=10)[1]
    assert process.returncode == 1 and err.endswith("ended cancelled.\n")


def test_submit_runs_logs_cancel_retry_and_delete(call, home, recipe, monkeypatch):  # noqa: F811
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run = json.loads(call("submit", recipe, "--study", "mine", "--json")[1])["run"]
    home.training(run)
    assert f"{run}  running    cnn-digits  baseline  Training 25%" in call("runs", "--study", "mine")[1]
    assert "[train] Training" in call("logs", run)[1]
    assert json.loads(call("logs", run, "--json")[1])["events"][0]["state"] == "running"
    assert call("cancel", run) == (0, f"{run} is being cancelled.\n", "")
    assert "The run was cancelled." in call("logs", run, "--follow")[1]
    home.settled(run)
    assert call("cancel", run)[::2] == (
        2,
        f"The run '{run}' is cancelled already; only a queued or running one can end.\n",
    )
    again = call("retry", run)[1].strip()
    assert again != run and jobs.cancel(again)
    assert json.loads(call("reindex", "--json")[1]) == {"runs": 2}


@pytest.mark.parametrize(
    "words", [("runs",), ("logs", "{0}", "--follow"), ("move", "{1}"), ("pause", "{1}"), ("pause",)]
)
def test_a_run_whose_processes_were_killed_ends_after_any_look_at_it(call, home, monkeypatch, words):  # noqa: F811
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    run, other = jobs.submit(home.recipe(1)), jobs.submit(home.recipe(2))
    worker = home.training(run)
    home.kill_supervisor()
    os.kill(worker, signal.SIGKILL)
    assert home.row(run).state == "running"
    status, _, err = call(*[word.format(run, other) for word in words])
    assert (status, err) == (0, "")
    assert home.settled(run).state == "failed"


def test_a_look_shows_the_runs_also_where_no_supervisor_can_start(call, queued, monkeypatch):
    def refused() -> None:
        raise ExplorerError("The disk is full.")

    monkeypatch.setattr(jobs, "ensure_supervisor", refused)
    status, out, err = call("runs", "--study", "default")
    assert (status, len(out.splitlines()), err) == (0, 3, "")


@pytest.fixture
def queued(call, home, monkeypatch):  # noqa: F811
    """Three runs that wait, the second one launched to go first; nothing starts them."""
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    names = [jobs.submit(home.recipe(seed)) for seed in range(3)]
    call("move", names[1])
    return names


def test_what_waits_says_its_place_and_why(call, home, queued):  # noqa: F811
    first, second, third = queued
    folder = jobs._folder(second)
    folder.add_progress("wait", "waits for memory: it takes about 2.0 GB, and 1.0 GB are free")
    Store().refresh(second)
    jobs.pause(third)
    lines = {line.split()[0]: line.split("  ")[1:] for line in call("runs", "--study", "default")[1].splitlines()}
    assert lines[second][0] == "queued" and lines[second][-1] == (
        "place 1 in the queue, waits for memory: it takes about 2.0 GB, and 1.0 GB are free"
    )
    assert lines[first][-1] == "place 2 in the queue"
    assert (lines[third][0], lines[third][-1]) == ("paused", "place 3 in the queue")
    found = json.loads(call("runs", "--study", "default", "--json")[1])
    assert {row["run"]: row["place"] for row in found} == {second: 1, first: 2, third: 3}
    jobs.pause_queue()
    assert "place 2 in the queue, which is paused" in call("runs")[1]


def test_runs_that_differ_in_their_seed_alone_show_it(call, queued):
    lines = call("runs", "--study", "default")[1].splitlines()
    assert ["baseline · seed" in line for line in lines] == [True] * 3 and "baseline · seed 2  place" in lines[2]


def test_runs_are_listed_by_several_states(call, home, queued):  # noqa: F811
    jobs.cancel(queued[0])
    jobs._folder(queued[0]).add_state("cancelled")
    Store().refresh(queued[0])

    def listed(*words: str) -> list[str]:
        return [line.split()[0] for line in call("runs", "--study", "default", *words)[1].splitlines()]

    assert listed("--state", "running") == [] and listed("--state", "queued") == queued[1:]
    assert listed("--state", "queued", "--state", "cancelled") == listed("--state", "queued,cancelled") == queued


def test_several_runs_are_cancelled_and_one_that_is_over_holds_up_none(call, home, queued):  # noqa: F811
    first, second, third = queued
    assert call("cancel", first, second) == (0, f"{first} is being cancelled.\n{second} is being cancelled.\n", "")
    jobs._folder(first).add_state("cancelled")
    Store().refresh(first)
    status, out, err = call("cancel", first, "nothing", third, second, "--json")
    assert status == 2 and json.loads(out) == [{"run": run, "cancelled": True} for run in (third, second)]
    assert err.splitlines() == [
        f"The run '{first}' is cancelled already; only a queued or running one can end.",
        "There is no run 'nothing'; 'python -m explorer runs' lists the known ones.",
    ]
    assert all(jobs._folder(run).cancel_requested for run in queued)


def test_several_runs_are_retried_deleted_and_restored_and_one_that_cannot_be_holds_up_none(call, home, queued):  # noqa: F811
    first, second, third = queued
    for run in (first, third):
        jobs._folder(run).add_state("failed")
        Store().refresh(run)
    active = f"The run '{second}' is still queued; cancel it before you "
    status, out, err = call("retry", first, second, third)
    assert (status, err) == (2, f"{active}try it again.\n")
    assert [Store().run(run).recipe["seed"] for run in out.split()] == [0, 2] and not {*out.split()} & {*queued}
    status, out, err = call("delete", first, second, third, "--json")
    assert (status, err) == (2, f"{active}delete it.\n")
    assert json.loads(out) == [{"run": run, "deleted": True} for run in (first, third)]
    assert not home.folder(first).exists() and not home.folder(third).exists()
    status, out, err = call("restore", third, second, first)
    assert (status, out) == (2, f"{third} is back.\n{first} is back.\n")
    assert err == f"There is nothing of '{second}' in the trash that could be brought back.\n"
    assert home.folder(first).exists() and home.folder(third).exists()


def test_one_run_is_retried_deleted_and_restored_as_one_object(call, home, queued):  # noqa: F811
    first = queued[0]
    jobs._folder(first).add_state("failed")
    Store().refresh(first)
    again = json.loads(call("retry", first, "--json")[1])["run"]
    assert Store().run(again).recipe["seed"] == 0 and again != first
    assert json.loads(call("delete", first, "--json")[1]) == {"run": first, "deleted": True}
    assert json.loads(call("restore", first, "--json")[1]) == {"run": first, "restored": True}


def test_a_retry_that_the_disk_refuses_has_status_1_and_the_others_are_told(call, queued, monkeypatch):
    def retry(run: str, fresh: bool | None) -> str:
        if run == queued[1]:
            raise ExplorerError("The disk is full.")
        return f"{run}-again"

    monkeypatch.setattr(jobs, "retry", retry)
    assert call("retry", *queued) == (1, f"{queued[0]}-again\n{queued[2]}-again\n", "The disk is full.\n")


def test_lists_have_json_and_text(call):
    for command in ("models", "techniques", "targets"):
        status, out, _ = call(command, "--json")
        rows = json.loads(out)
        assert status == 0 and all(row["name"] in call(command)[1] for row in rows)
    assert {"cpu-onnxruntime", "cuda-torch"} <= {row["name"] for row in json.loads(call("targets", "--json")[1])}


def test_targets_stand_in_columns(call):
    lines = call("targets")[1].splitlines()
    starts = {min(place for word in ("available", "unavailable") if (place := line.find(word)) > 0) for line in lines}
    assert len(starts) == 1, lines
    assert all("  " in line[:25] for line in lines), "names do not run into titles"


def test_the_help_goes_from_what_there_is_over_running_to_results():
    names = [one.name or one.callback.__name__.replace("_", "-") for one in cli.app.registered_commands]
    stations = ("models", "run", "cancel", "export-study", "front", "verify", "reindex")
    assert sorted(stations, key=names.index) == list(stations)


def test_a_summary_says_what_was_done_to_the_inputs_and_how_long_they_were():
    row = sample_runs(3)[2]
    accuracy, latency = row.result["accuracy"][0], row.result["latency"][0]
    changed = {
        "accuracy": [accuracy, accuracy | {"condition": "typos"}],
        "latency": [latency | {"sequence": 64, "lengths": "padded"}, latency | {"lengths": "real"}],
    }
    lines = wording.summary(replace(row, result=row.result | changed))
    assert [line.partition(":")[0] for line in lines if line.startswith(("accuracy", "latency"))] == [
        f"accuracy   {accuracy['target']}, {accuracy['split']}",
        f"accuracy   {accuracy['target']}, {accuracy['split']} with typing errors",
        f"latency    {latency['target']}, batch {latency['batch']} x 64",
        f"latency    {latency['target']}, batch {latency['batch']} x real lengths",
    ]


def test_front_lists_what_no_other_variant_beats(call, monkeypatch):
    from explorer.store import Store

    rows = sample_runs(16)

    def runs(self, states=None, model=None, with_results=True):
        return [row for row in rows if model in (None, row.model)]

    monkeypatch.setattr(Store, "runs", runs)
    for x, cost in (("size", "file_bytes"), ("latency", "p50_ms")):
        front = json.loads(call("front", "--model", "vit-digits", "--x", x, "--json")[1])
        assert front == sorted(front, key=lambda row: row[cost])
        assert [row["accuracy"] for row in front] == sorted(row["accuracy"] for row in front)
        for row in json.loads(call("front", "--x", x, "--json")[1]):
            assert row["target"] == "cpu-onnxruntime" and row["batch"] == 1
    best = {row["model"] for row in json.loads(call("front", "--json")[1])}
    assert best == {row.model for row in rows}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "missing.yaml"], "There is no readable recipe file 'missing.yaml'; expected is a YAML file."),
        (["submit", "missing.yaml"], "There is no readable recipe file 'missing.yaml'; expected is a YAML file."),
        (["runs", "--state", "lost"], "There is no state 'lost'; known are queued, running, done, failed, cancelled."),
        (["front", "--target", "tpu"], "There is no target 'tpu'"),
        (
            ["front", "--model", "banana"],
            "There is no finished run of a model 'banana'; there are some of minilm-tweets, ",
        ),
        (["front", "--x", "beauty"], "Invalid value for '--x': 'beauty' is not one of 'size', 'latency'."),
        (["front", "--batch", "0"], "Invalid value for '--batch'"),
        (["run", "{recipe}", "{folder}"], "The folder '{folder}' holds no recipe; expected are YAML or JSON files."),
        (["runs", "--colour"], "No such option: --colour"),
        (["dance"], "No such command 'dance'."),
        (["cancel"], "Missing argument 'RUN...'."),
        (["retry", "recorded-nothing"], "There is no run 'recorded-nothing'"),
        (["submit", "{recipe}", "--study", "recorded"], "A study needs a name other than 'recorded' of 1 to 100"),
        *([[command, "../nothing"], "There is no run '../nothing'"] for command in ("logs", "cancel", "retry")),
        (["measure", "nothing", "--size", "7"], "--size takes whole numbers from 8 to 1,024; given was '7'."),
        (["measure", "nothing", "--size", "own,wide"], "--size takes whole numbers from 8 to 1,024; given was 'wide'."),
        (["export", "nothing", "--to", "."], "There is no run 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_status_2(call, recipe, tmp_path, words, expected):
    (folder := tmp_path / "empty").mkdir()
    status, out, err = call(*[word.format(recipe=recipe, folder=folder) for word in words])
    assert (status, out) == (2, "")
    assert err.startswith(expected.format(folder=folder)) and err.count("\n") == 1 and err.endswith((".\n", "?\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: [", "The recipe is not valid YAML"),
        ("steps: []", "The recipe is wrong: 'model' is missing."),
        ("model: cnn-digits\nsteps: [{technique: shrink}]", "There is no technique 'shrink'"),
        ("model: cnn-digits\ntargets: [tpu]", "There is no target 'tpu'"),
    ],
)
def test_a_wrong_recipe_is_one_sentence_and_writes_nothing(call, home, tmp_path, text, expected):  # noqa: F811
    (tmp_path / "wrong.yaml").write_text(text)
    for command in ("run", "submit"):
        status, _, err = call(command, str(tmp_path / "wrong.yaml"))
        assert status == 2 and err.startswith(expected) and err.count("\n") == 1
    assert not (home.path / "runs").exists()


def test_commands_that_only_list_import_no_torch():
    code = (
        "import sys; from explorer.cli import main; main(['techniques']); main(['targets']); main(['models']);"
        "print({'torch', 'transformers', 'onnxruntime', 'streamlit'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
