"""What the worker says about whatever stopped it, and that it survives a disk on which nothing can be written."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from explorer import jobs
from explorer.errors import BadInput, Cancelled, ExplorerError
from explorer.jobs import enqueue, lifecycle, submit, worker
from explorer.jobs.lifecycle import DISK_FULL, READ_ONLY
from explorer.models import hub
from explorer.rundir import RunFolder
from explorer.store import Store
from tests.jobs.under_fire import surroundings

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BadInput("The file is missing."), "The file is missing."),
        (FULL, DISK_FULL),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), READ_ONLY),
        (RuntimeError("I/O error: No space left on device (os error 28)"), DISK_FULL),
        (_caused(ExplorerError("The export failed."), FULL), DISK_FULL),
        (MemoryError(), worker.NO_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), worker.NO_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate"), worker.NO_MEMORY),
        (ValueError("first line\nsecond line"), "unexpected: ValueError: first line"),
        (AssertionError(), "unexpected: AssertionError"),
        (Cancelled(), "interrupted: the worker process was told to stop"),
        (SystemExit(3), "unexpected: SystemExit: 3"),
    ],
)
def test_a_failure_is_one_sentence(error, reason):
    assert worker.explain(error, cancel_requested=False) == ("failed", reason)


@pytest.mark.parametrize(
    "error",
    [
        Cancelled(),
        KeyboardInterrupt(),
        BadInput("'owner/name' cannot be loaded: The run was cancelled."),  # a library that swallowed it
        RuntimeError("The run was cancelled."),
        MemoryError(),
        SystemExit(1),
    ],
)
def test_a_requested_end_is_cancelled_whatever_it_ended_as(error):
    assert worker.explain(error, cancel_requested=True) == ("cancelled", None)


def test_a_disk_on_which_nothing_can_be_written_is_told_by_the_exit_status(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    folder = RunFolder.create(tmp_path / "runs", {"recipe": {"model": "cnn-digits", "targets": ["cpu-onnxruntime"]}})

    def full(self, event):
        raise FULL

    monkeypatch.setattr(RunFolder, "_append", full)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert worker.perform(folder) == errno.ENOSPC
    finally:
        signal.signal(signal.SIGTERM, before)
    assert folder.snapshot().state == "running"  # until the supervisor can say more


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_worker_that_cannot_even_claim_its_run_tells_why_by_the_exit_status(home, tmp_path_factory, number):
    run, _ = enqueue(home.recipe())
    injected = tmp_path_factory.mktemp("faults")
    (injected / "worker").write_text(str(number))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings(home.path, injected).items():
            patch.setenv(name, value)
        process = lifecycle.start_worker(RunFolder(home.folder(run)))
    assert process.wait() == number
    lifecycle.settle(RunFolder(home.folder(run)), None, process.returncode)
    assert RunFolder(home.folder(run)).snapshot().reason == lifecycle.CANNOT_WRITE[number]


def test_the_log_says_the_sentence_before_the_traceback(home, monkeypatch, capfd):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:mistaken")
    run, _ = enqueue(home.recipe())
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert worker.perform(RunFolder(home.folder(run))) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    log = capfd.readouterr().err
    assert log.startswith("The file 'tweets.csv' has no column 'text'; expected are 'text' and 'label'.\n\nHow it came")
    assert "Traceback" in log


@pytest.mark.parametrize("downloaded", [True, False])
def test_a_hub_model_that_is_downloaded_only_now_gets_the_digest_of_its_files(home, monkeypatch, downloaded):
    monkeypatch.setattr(hub, "_cached_revision", lambda model: "a1b2" if downloaded else None)
    asked = home.recipe().model_copy(update={"model": "owner/name"})
    run, _ = enqueue(asked)
    monkeypatch.setattr(jobs, "_digest", lambda recipe: "of its files")  # the download changes it
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert worker.perform(RunFolder(home.folder(run))) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert RunFolder(home.folder(run)).result()["digest"] == ("digest-owner/name-0" if downloaded else "of its files")
    Store().refresh(run)
    if not downloaded:
        assert enqueue(asked) == (run, False), "the same recipe is recognised as done"


def test_submitting_on_a_full_disk_is_one_sentence_and_leaves_nothing(home, monkeypatch):
    def full(descriptor):
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExplorerError, match="EXPLORER_HOME cannot be written to: the disk is full"):
        submit(home.recipe())
    assert list((home.path / "runs").iterdir()) == []
