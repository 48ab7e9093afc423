"""What the worker says about whatever stopped it, and that it survives a disk on which nothing can be written."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from explorer import models
from explorer.errors import BadInput, Cancelled, ExplorerError
from explorer.jobs import enqueue, lifecycle, memory_guard, processes, request, submit, worker
from explorer.jobs.lifecycle import READ_ONLY
from explorer.models import hub
from explorer.rundir import RunFolder
from explorer.store import Store
from tests.jobs.under_fire import surroundings

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
DISK_FULL = (
    "the disk was full (0 MB of 587 MB were free when this was written down); remove model files of old runs or empty "
    "the trash, then try again"
)
QUOTA_FULL = "your quota on the disk was full; remove model files of old runs or empty the trash, then try again"
USAGE = shutil._ntuple_diskusage(total=587_000_000, used=587_000_000, free=0)
SIZES = {"model.safetensors": 2_999_000_000, "config.json": 1_000_000, "pytorch_model.bin": 9_000_000_000}


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BadInput("The file is missing."), "The file is missing."),
        (FULL, DISK_FULL),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), QUOTA_FULL),
        (RuntimeError("I/O error: Disk quota exceeded (os error 122)"), QUOTA_FULL),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), READ_ONLY),
        (RuntimeError("I/O error: No space left on device (os error 28)"), DISK_FULL),
        (_caused(ExplorerError("The export failed."), FULL), DISK_FULL),
        (MemoryError(), worker.NO_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), worker.NO_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate"), worker.NO_MEMORY),
        (ValueError("first line\nsecond line"), "unexpected: ValueError: first line"),
        (AssertionError(), "unexpected: AssertionError"),
        (Cancelled(), "interrupted: the worker process was told to stop"),
        (_caused(TypeError("in an import"), Cancelled()), "interrupted: the worker process was told to stop"),
        (SystemExit(3), "unexpected: SystemExit: 3"),
    ],
)
def test_a_failure_is_one_sentence(folder, monkeypatch, error, reason):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE)
    assert worker.explain(error, folder) == ("failed", reason)


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
def test_a_requested_end_is_cancelled_whatever_it_ended_as(folder, error):
    folder.request_cancel()
    assert worker.explain(error, folder) == ("cancelled", None)


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
    monkeypatch.undo()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE)
    lifecycle.settle(folder, folder.worker(), None)  # by one that did not see the exit status
    assert folder.snapshot().reason == DISK_FULL


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
    reason = RunFolder(home.folder(run)).snapshot().reason
    assert reason == READ_ONLY if number == errno.EROFS else reason.startswith("the disk was full (")


@pytest.mark.parametrize("status", [None, -signal.SIGBUS])
def test_a_worker_that_went_without_a_word_on_a_full_disk_failed_for_that(folder, monkeypatch, status):
    folder.claim(processes.mark())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE)
    lifecycle.settle(folder, folder.worker(), status)
    assert folder.snapshot().reason == DISK_FULL


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (-signal.SIGKILL, "the worker process was killed (signal 9)"),
        (None, "interrupted: the worker process is gone"),
    ],
)
@pytest.mark.parametrize("kills", [0, 1])
def test_lack_of_memory_is_said_only_where_the_system_ended_something_for_it(
    folder, tmp_path, monkeypatch, kills, status, reason
):
    counter = tmp_path / "memory.events"
    monkeypatch.setattr(memory_guard, "_KILLS", (tmp_path / "missing", counter))
    counter.write_text("oom 3\noom_kill 4\n")
    folder.claim({**processes.mark(), "memory_kills": memory_guard.kills()})
    counter.write_text(f"oom 9\noom_kill {4 + kills}\n")
    lifecycle.settle(folder, folder.worker(), status)
    told = {reason, f"{reason} for lack of memory", reason.replace("is gone", "was killed for lack of memory")}
    said = folder.snapshot().reason
    assert said in told and (said != reason) == bool(kills)


def test_an_event_of_which_the_disk_takes_a_part_is_refused(folder, monkeypatch):
    """As a nearly full disk does: the first write is short, the next one fails."""
    room = [20]

    class Disk(io.FileIO):
        def write(self, data):
            if not room:
                raise FULL
            return super().write(data[: room.pop()])

    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode, **how: Disk(path, mode.replace("b", "")))
    with pytest.raises(OSError, match="No space"):
        folder.add_state("failed", "a reason")
    monkeypatch.setattr(Path, "open", opened)
    assert folder.snapshot().state == "queued"
    folder.add_state("failed", "a reason")
    assert folder.snapshot().reason == "a reason"


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
    monkeypatch.setattr(worker, "_weigh", lambda *_: None)  # the hub is not asked
    monkeypatch.setattr(hub, "_cached_revision", lambda model: "a1b2" if downloaded else None)
    asked = home.recipe().model_copy(update={"model": "owner/name"})
    run, _ = enqueue(asked)
    monkeypatch.setattr(request, "digest_of", lambda recipe: "of its files")  # the download changes it
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert worker.perform(RunFolder(home.folder(run))) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert RunFolder(home.folder(run)).result()["digest"] == ("digest-owner/name-0" if downloaded else "of its files")
    Store().refresh(run)
    if not downloaded:
        assert enqueue(asked) == (run, False), "the same recipe is recognised as done"


def test_a_download_is_checked_for_room_first(home, folder, monkeypatch):
    recipe = home.recipe().model_copy(update={"model": "owner/name"})
    files = [SimpleNamespace(rfilename=name, size=size) for name, size in SIZES.items()]
    asked = []

    def model_info(self, model, files_metadata, timeout):
        asked.append(model)
        return SimpleNamespace(siblings=files)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(hub, "is_here", lambda model: False)
    monkeypatch.setattr(hub, "hub_cache", lambda: home.path / "hub" / "models")
    monkeypatch.setattr(models, "card_for", lambda *_: asked.append("downloaded"))
    with monkeypatch.context() as disk:
        disk.setattr(shutil, "disk_usage", lambda path: USAGE._replace(free=2_000_000_000))
        with pytest.raises(ExplorerError, match=r"The disk has 2\.00 GB left, and 3\.00 GB more are needed and 500 MB"):
            worker._weigh(recipe, {}, folder, lambda **news: None)
    monkeypatch.setenv("EXPLORER_QUOTA_GB", "1")
    with pytest.raises(ExplorerError, match=r"and 3\.00 GB more would exceed the quota of 1\.00 GB"):
        worker._weigh(recipe, {}, folder, lambda **news: None)
    assert asked == ["owner/name", "owner/name"]
    monkeypatch.setattr(hub, "hub_cache", lambda: home.path.parent)  # no quota is for what lies elsewhere
    worker._weigh(recipe, {}, folder, lambda **news: None)
    assert asked[2:] == ["owner/name", "downloaded"]


@pytest.mark.parametrize("error", [ConnectionError, type("ConnectError", (Exception,), {})])
def test_a_hub_that_does_not_say_how_large_a_model_is_holds_up_nothing(monkeypatch, error):
    def away(*_, **__):
        raise error

    monkeypatch.setattr(hub, "is_here", lambda model: False)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", away)
    assert hub.download_bytes("owner/name") == 0


def test_submitting_on_a_full_disk_is_one_sentence_and_leaves_nothing(home, monkeypatch):
    def full(descriptor):
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExplorerError, match="EXPLORER_HOME cannot be written to: the disk is full"):
        submit(home.recipe())
    assert list((home.path / "runs").iterdir()) == []
