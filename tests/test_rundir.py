"""A run folder appears whole, its events survive cut lines, and its state is read from its files alone."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from explorer.errors import BadInput
from explorer.rundir import RunFolder, open_run, sync, write_whole
from tests.support.disk import Disk

REQUEST = {"recipe": {"model": "cnn-digits", "steps": []}, "digest": "d", "study": "default", "fresh": False}
RESULT = json.dumps({"state": "done", "finished_at": "2026-11-22T04:15:03+00:00"})


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return _create(tmp_path)


def _create(home: Path) -> RunFolder:
    (home / "runs").mkdir(exist_ok=True)
    return RunFolder.create(home / "runs", REQUEST)


def test_ids_are_in_order_of_creation(tmp_path):
    ids = [_create(tmp_path).run for _ in range(20)]
    assert ids == sorted(ids) and len(set(ids)) == 20


def test_the_request_is_read_back(folder):
    request = folder.request()
    assert request.pop("run") == folder.run and request.pop("created_at").endswith("+00:00")
    assert request == REQUEST


def test_a_full_disk_leaves_no_half_written_run(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "runs").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        RunFolder.create(tmp_path / "runs", REQUEST)
    assert list(tmp_path.rglob("*")) == [tmp_path / "runs"]


def test_a_file_that_cannot_be_written_keeps_its_old_content(tmp_path, monkeypatch):
    write_whole(tmp_path / "result.json", "old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        write_whole(tmp_path / "result.json", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_the_artefact_is_on_the_disk_before_the_result_says_that_it_is(folder, monkeypatch):
    (folder.path / "artefact" / "torch").mkdir(parents=True)
    for name in ("model.onnx", "torch/model.safetensors"):
        (folder.path / "artefact" / name).write_bytes(b"weights")
    disk = Disk(monkeypatch)
    folder.write_result(RESULT)
    disk.check_safe(folder.path / "artefact", before="result.json")
    disk.check_safe(folder.path / "result.json", before="result.json")
    disk.check_kept(folder.path / "result.json")


def test_an_artefact_that_cannot_be_synced_has_no_result(folder, monkeypatch):
    (folder.path / "artefact").mkdir()
    (folder.path / "artefact" / "model.onnx").write_bytes(b"weights")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        folder.write_result(RESULT)
    assert folder.result() is None


def test_a_new_run_stays_in_the_folder_of_runs(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.check_kept(_create(tmp_path).path)


def test_a_file_system_that_cannot_sync_folders_is_no_hindrance(tmp_path, monkeypatch):
    def files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", files_only)
    write_whole(tmp_path / "result.json", "new")
    sync(tmp_path, tmp_path / "gone")
    assert (tmp_path / "result.json").read_text() == "new"


def test_the_state_follows_the_files(folder):
    assert folder.snapshot().state == "queued"
    assert folder.claim({"pid": 1, "claimed_at": 0})
    assert (folder.snapshot().state, folder.snapshot().started_at) == ("running", "1970-01-01T00:00:00+00:00")
    folder.add_progress("train", "Epoch 1", fraction=0.5, samples_per_s=9, seconds_left=3)
    folder.add_state("failed", "no memory")
    folder.add_state("cancelled")
    snapshot = folder.snapshot()
    assert (snapshot.state, snapshot.reason) == ("failed", "no memory")
    assert (snapshot.stage, snapshot.text, snapshot.fraction) == ("train", "Epoch 1", 0.5)
    folder.write_result(RESULT)
    snapshot = folder.snapshot()
    assert (snapshot.state, snapshot.reason, snapshot.finished_at) == ("done", None, "2026-11-22T04:15:03+00:00")


@pytest.mark.parametrize("text", ["", '{"state": "do', "[]", '{"state": "queued"}', "\x00"])
def test_a_damaged_result_is_no_result(folder, text):
    folder.add_state("done")
    (folder.path / "result.json").write_text(text)
    assert folder.snapshot().state == "failed"
    assert folder.snapshot().reason == "The run finished, but its result.json is missing or unreadable."


def test_only_one_worker_claims_a_run(folder):
    assert folder.claim({"pid": 1}) and not folder.claim({"pid": 2})
    assert folder.worker() == {"pid": 1}
    assert sorted(path.name for path in folder.path.iterdir()) == ["request.json", "worker.json"]


def test_lines_that_cannot_be_read_are_left_out(folder):
    folder.add_progress("load", "one")
    with (folder.path / "events.jsonl").open("ab") as file:
        file.write(b'\xff\x00garbage\n[1, 2]\n"text"\n{"kind": "progress", "te')
    folder.add_progress("load", "two")
    assert [event["text"] for event in folder.events()] == ["one", "two"]


def test_values_of_the_wrong_kind_are_not_passed_on(folder):
    with (folder.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "progress", "stage": 5, "text": ["x"], "fraction": "half", "time": "noon"}\n')
        file.write('{"kind": "state", "state": "failed", "reason": 7, "time": "noon"}\n')
    snapshot = folder.snapshot()
    assert (snapshot.state, snapshot.reason, snapshot.finished_at) == ("failed", None, None)
    assert (snapshot.stage, snapshot.text, snapshot.fraction) == (None, None, None)


def test_the_last_progress_is_found_behind_many_events(folder):
    for number in range(2000):
        folder.add_progress("train", f"Batch {number}")
    assert folder.snapshot().text == "Batch 1999"
    assert len(folder.events()) == 2000


def test_the_log_is_given_from_its_end(folder):
    assert folder.log_text() == ""
    (folder.path / "log.txt").write_bytes(b"one\ntwo\n\xff\n")
    assert folder.log_text(2) == "two\n\N{REPLACEMENT CHARACTER}\n"


@pytest.mark.parametrize("run", ["", ".", "..", "../runs", "unknown", "/etc"])
def test_an_unknown_run_is_refused(folder, run):
    with pytest.raises(BadInput, match="There is no run"):
        open_run(folder.path.parent, run)
    assert open_run(folder.path.parent, folder.run).path == folder.path


def test_reports_of_other_machines_belong_to_the_result(folder):
    assert folder.add_measurements('{"measured_at": "2"}')
    assert folder.result() is None, "there is none to add them to"
    folder.write_result(RESULT)
    assert folder.add_measurements('{"measured_at": "1"}')
    assert not folder.add_measurements('{"measured_at": "1"}'), "known already"
    assert folder.result() == json.loads(RESULT) | {"elsewhere": [{"measured_at": "1"}, {"measured_at": "2"}]}
    for path in (folder.path / "measurements").iterdir():
        path.write_text("cut")
    assert folder.result() == json.loads(RESULT), "what is not what its name says is left out"
    assert folder.add_measurements('{"measured_at": "1"}'), "and mended"


def test_the_study_that_asked_first_stays_the_first(folder):
    assert folder.studies() == ["default"]
    assert folder.add_study("mine") and folder.add_study("other")
    assert not folder.add_study("mine") and not folder.add_study("default")
    assert folder.studies() == ["default", "mine", "other"] and folder.people() == []
    assert folder.add_study("mine", by="a@b.c") and not folder.add_study("mine", by="a@b.c")
    assert folder.add_study("more") and folder.people() == ["a@b.c"]
    assert folder.studies() == ["default", "mine", "other", "more"]
    (folder.path / "studies.json").write_text('{"studies": 3}')
    assert folder.studies() == ["default"], "a file that cannot be read takes nothing away"
