"""The index equals the run folders whatever happens to it, changes states by compare-and-set, and is cheap to poll."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from explorer import store as store_module
from explorer.errors import BadInput, ExplorerError
from explorer.rundir import RunFolder
from explorer.store import Store, index, rows
from tests.support.sample_results import sample_runs, write_runs

RESULT = {"state": "done", "finished_at": "2026-11-22T04:15:03+00:00", "size": {"file_bytes": 7}}


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    (tmp_path / "runs").mkdir()
    (tmp_path / "recorded").mkdir()
    monkeypatch.setattr(store_module, "RECORDED", tmp_path / "recorded")
    return Store(tmp_path / "index.sqlite")


def _add(store: Store, seed: int = 0, study: str = "default", model: str = "cnn-digits") -> RunFolder:
    recipe = {"model": model, "steps": [], "targets": ["cpu-onnxruntime"], "seed": seed}
    request = {"recipe": recipe, "digest": f"d{seed}", "study": study, "fresh": False}
    return RunFolder.create(store.folders, request)


def _finish(store: Store, folder: RunFolder, **changes) -> None:
    folder.claim({"pid": 1, "claimed_at": 0})
    folder.write_result(json.dumps({**RESULT, "run": folder.run, **changes}))
    store.refresh(folder.run)


def _record(tmp_path: Path, *runs: str) -> None:
    results = [{**RESULT, "run": run, "digest": "r", "recipe": {"model": "vit-digits", "steps": []}} for run in runs]
    study = {"recorded_on": "2026-11-22", "host": {"cpu": "a"}, "title": "All", "notes": ["n"], "results": results}
    (tmp_path / "recorded" / "study.json").write_text(json.dumps(study))


def test_a_new_folder_is_a_queued_run_without_anybody_telling(store):
    folder = _add(store, 3, "mine")
    (row,) = store.runs()
    assert (row.run, row.digest, row.model, row.study, row.state) == (folder.run, "d3", "cnn-digits", "mine", "queued")
    assert (row.label, row.families, row.recorded, row.result) == ("baseline", (), False, None)
    assert store.run(folder.run) == row and store.active()


def test_runs_are_filtered_and_in_order(store):
    folders = [_add(store, 0, "a"), _add(store, 1, "b"), _add(store, 2, "a", "vit-digits")]
    _finish(store, folders[0])
    assert [row.run for row in store.runs()] == [folder.run for folder in folders]
    assert [row.order for row in store.runs()] == sorted({row.order for row in store.runs()})
    assert [row.digest for row in store.runs(study="a")] == ["d0", "d2"]
    assert [row.digest for row in store.runs(states=("queued",))] == ["d1", "d2"]
    assert [row.digest for row in store.runs(model="vit-digits")] == ["d2"]
    assert store.in_state("done") == [folders[0].run]
    assert [row.run for row in store.find("d1", ("queued", "running"))] == [folders[1].run]
    assert store.studies() == ["a", "b"]


def test_a_run_belongs_to_every_study_that_asked_for_it(store):
    folder, other = _add(store, 0, "a"), _add(store, 1, "b")
    _finish(store, folder)
    assert store.run(folder.run).studies == ("a",)
    version = store.version()
    assert folder.add_study("b")
    store.refresh(folder.run)
    row = store.run(folder.run)
    assert (row.study, row.studies, row.state) == ("a", ("a", "b"), "done") and store.version() > version
    assert [row.run for row in store.runs(study="b")] == [folder.run, other.run]
    assert [row.run for row in store.runs(study="b", states=("done",))] == [folder.run]
    assert store.studies() == ["a", "b"]
    before = store.runs()
    store.reindex()
    assert store.runs() == before


def test_results_are_given_with_done_runs(store):
    folder = _add(store)
    _finish(store, folder)
    assert store.run(folder.run).result["size"] == {"file_bytes": 7}
    assert store.runs(with_results=False)[0].result is None
    assert store.runs()[0].finished_at == "2026-11-22T04:15:03+00:00"


def test_a_finished_state_stands_but_a_result_wins(store):
    folder = _add(store)
    folder.claim({"pid": 1})
    assert store.refresh(folder.run) == "running"
    folder.add_state("cancelled")
    assert store.refresh(folder.run) == "cancelled"
    (folder.path / "events.jsonl").unlink()
    assert store.refresh(folder.run) == "cancelled"
    _finish(store, folder)
    assert store.run(folder.run).state == "done"
    (folder.path / "result.json").unlink()
    assert store.refresh(folder.run) == "done"


def test_the_result_of_a_run_that_is_done_may_grow(store):
    folder = _add(store)
    _finish(store, folder)
    version = store.version()
    store.refresh(folder.run)
    assert store.version() == version, "nothing new"
    assert folder.add_measurements('{"measured_at": "2026"}')
    assert store.refresh(folder.run) == "done" and store.version() == version + 1
    assert store.run(folder.run).result["elsewhere"] == [{"measured_at": "2026"}]
    folder.add_state("cancelled")
    assert store.refresh(folder.run) == "done" and store.version() == version + 1


def test_a_running_run_is_never_queued_again(store):
    folder = _add(store)
    folder.claim({"pid": 1})
    store.refresh(folder.run)
    (folder.path / "worker.json").unlink()
    assert store.refresh(folder.run) == "running"


def test_a_deleted_folder_takes_its_row_along(store):
    folder, kept = _add(store, 0), _add(store, 1)
    assert len(store.runs()) == 2
    shutil.rmtree(folder.path)
    assert [row.run for row in store.runs()] == [kept.run]
    with pytest.raises(BadInput, match="There is no run"):
        store.run(folder.run)
    assert store.refresh(folder.run) is None


def test_folders_that_came_and_went_are_noticed_however_they_are_compared(store, monkeypatch):
    monkeypatch.setattr(index, "TOGETHER", 7)
    chance, folders = random.Random(0), {}
    for _ in range(12):
        for path in chance.sample(sorted(folders), min(len(folders), chance.randrange(15))):
            shutil.rmtree(folders.pop(path))
        made = [_add(store, seed) for seed in range(chance.randrange(15))]
        folders |= {folder.run: folder.path for folder in made}
        assert [row.run for row in store.runs()] == sorted(folders)


def test_a_folder_that_is_no_run_is_left_out(store):
    (store.folders / "notes").mkdir()
    Path(os.fsdecode(os.fsencode(store.folders) + b"/odd-\xff")).mkdir()
    (store.folders / "file").touch()
    broken = _add(store)
    (broken.path / "request.json").write_text('{"recipe": 5}')
    assert store.runs() == []


HALF = "half \ud800"


def test_texts_that_no_file_can_keep_stop_nothing(store):
    other, study = _add(store, 1), f"mine {HALF}"
    recipe = {"model": os.fsdecode(b"/models/odd-\xff"), "steps": [{"technique": HALF}], "data": HALF}
    request = {"recipe": recipe, "digest": HALF, "study": study, "by": HALF}
    waiting, ended, done = (RunFolder.create(store.folders, request) for _ in range(3))
    waiting.add_progress(HALF, HALF)
    ended.add_state("failed", HALF)
    done.claim({"pid": 1, "claimed_at": 0})
    done.write_result(
        json.dumps({**RESULT, "run": done.run, "digest": HALF, "host": {"cpu": HALF}, "finished_at": HALF})
    )
    assert [store.refresh(one.run) for one in (waiting, ended, done)] == ["queued", "failed", "done"]
    rows = store.runs()
    assert [row.run for row in rows] == [one.run for one in (other, waiting, ended, done)]
    seen = store.runs(study="mine half ?")
    assert seen == rows[1:] and store.studies() == ["default", "mine half ?"]
    assert (seen[0].model, seen[0].label, seen[0].text) == ("/models/odd-?", "half ?", "half ?")
    assert (seen[1].reason, seen[2].result["host"]) == ("half ?", {"cpu": "half ?"})
    for row in (*seen, store.run(done.run)):
        json.dumps([repr(row), row.recipe, row.result], ensure_ascii=False).encode()
    store.reindex()
    assert store.runs() == rows


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_numbers_that_no_column_takes_stop_nothing(store, number):
    folder, other = _add(store), _add(store, 1)
    (folder.path / "place.json").write_text(f'{{"place": {number}}}')
    with (folder.path / "events.jsonl").open("w") as file:
        file.write(
            '{"kind": "progress", "stage": "train", "text": "x", "fraction": %s, "time": %s}\n' % ((number,) * 2)
        )
    store.refresh(folder.run)
    assert [(row.run, row.fraction) for row in store.runs()] == [(folder.run, None), (other.run, None)]
    assert store.in_state("queued") == [folder.run, other.run]


def test_a_rebuilt_index_equals_the_one_before(store):
    for seed in range(4):
        folder = _add(store, seed)
        if seed == 1:
            _finish(store, folder)
        if seed > 1:
            folder.claim({"pid": 1, "claimed_at": 5})
            folder.add_progress("train", "Epoch 1", fraction=0.5)
            store.refresh(folder.run)
    before, version = store.runs(), store.version()
    assert [row.state for row in before] == ["queued", "done", "running", "running"]
    assert store.reindex() == 4
    assert store.runs() == before
    assert store.version() > version


def test_an_index_that_cannot_be_used_is_one_sentence(store, monkeypatch):
    store.folders.rmdir()
    store.folders.touch()
    with pytest.raises(ExplorerError, match=r"^The index of runs cannot be used at the moment: Not a directory\.$"):
        store.runs()
    errors = [sqlite3.DatabaseError("no such table"), sqlite3.OperationalError("disk I/O error")]

    def worse_and_worse(self, action):
        raise errors.pop(0)

    monkeypatch.setattr(Store, "_use_once", worse_and_worse)
    with pytest.raises(ExplorerError, match="cannot be used at the moment: disk I/O error"):
        store.runs()
    assert errors == []


@pytest.mark.parametrize("damage", ["missing", "garbage", "cut", "other shape", "page"])
def test_a_damaged_index_is_rebuilt_from_the_folders(store, damage):
    for seed in range(12):
        _finish(store, _add(store, seed))
    before = store.runs()
    size = store.path.stat().st_size
    if damage == "missing":
        store.path.unlink()
    elif damage == "garbage":
        store.path.write_bytes(b"not a database" * 1000)
    elif damage == "cut":
        store.path.write_bytes(store.path.read_bytes()[:5000])
    elif damage == "page":
        content = store.path.read_bytes()
        store.path.write_bytes(content[:4096] + b"\xff" * (size - 4096))
    else:
        with sqlite3.connect(store.path) as connection:
            connection.execute("ALTER TABLE runs RENAME TO old_runs")
            connection.execute("PRAGMA user_version = 99")
    assert store.runs() == before


SPOILT = {
    "recipe": "UPDATE runs SET recipe = 'garbage'",
    "recipe of no object": "UPDATE runs SET recipe = '5'",
    "recipe of another kind": "UPDATE runs SET recipe = x'7b7d'",
    "studies": "UPDATE runs SET studies = '[\"a'",
    "state": "UPDATE runs SET state = 'dome'",
    "time": "UPDATE runs SET created_at = x'35'",
    "text": "UPDATE runs SET reason = cast(x'61ff' AS text)",
    "result": "UPDATE runs SET result = substr(result, 1, 20) || x'00' || substr(result, 22)",
    "short result": "UPDATE runs SET result = x'00'",
    "meta": "DELETE FROM meta",
    "kind of meta": "UPDATE meta SET version = 'x', runs = 'x'",
}


@pytest.mark.parametrize("damage", SPOILT)
def test_an_index_with_values_that_were_never_written_is_rebuilt_once(store, monkeypatch, damage):
    folders = [_add(store, seed) for seed in range(3)]
    for folder in folders:
        _finish(store, folder)
    before, results = store.runs(), [row.result for row in store.runs()]
    with sqlite3.connect(store.path) as connection:
        connection.execute(SPOILT[damage])
    store_module._kept.clear()
    built, build = [], index.build
    monkeypatch.setattr(index, "build", lambda *given: built.append(1) or build(*given))
    for _ in range(2):
        assert store.runs() == before and [row.result for row in store.runs()] == results
        assert store.refresh(folders[0].run) == "done" and store.version() > 0
    assert len(built) == 1


def test_an_index_whose_parts_contradict_each_other_is_rebuilt_when_it_is_checked(store):
    folders = [_add(store, seed) for seed in range(3)]
    assert len(store.in_state("queued")) == 3
    version = store.version()
    store.check()
    assert store.version() == version
    _hide(store)
    assert store.in_state("queued") == []
    store.check()
    assert store.in_state("queued") == [folder.run for folder in folders]


def _hide(store: Store) -> None:
    """Let the index that finds runs by their state have none."""
    with sqlite3.connect(store.path, isolation_level=None) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("CREATE TABLE empty (state, place, run, changed)")
        connection.execute("CREATE INDEX none ON empty (state, place, run, changed)")
        page = "(SELECT rootpage FROM sqlite_schema WHERE name = 'none')"
        connection.execute(f"UPDATE sqlite_schema SET rootpage = {page} WHERE name = 'by_state'")
        connection.execute("DELETE FROM sqlite_schema WHERE name IN ('none', 'empty')")
        connection.execute("PRAGMA writable_schema = RESET")


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CORRUPT_INDEX, sqlite3.SQLITE_NOTADB])
def test_whatever_sqlite_says_of_a_corrupt_index_is_understood(store, monkeypatch, code):
    folder, once, errors = _add(store), Store._use_once, [_error(code)]
    monkeypatch.setattr(Store, "_use_once", lambda *given: _raise(errors.pop()) if errors else once(*given))
    assert [row.run for row in store.runs()] == [folder.run]


def _raise(error: Exception) -> None:
    raise error


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("state", ["PRAGMA query_only = ON", "PRAGMA max_page_count = 1", "unreadable"])
def test_the_folders_are_read_while_the_disk_refuses_the_index(store, monkeypatch, state):
    known, ended = _add(store), _add(store, 1)
    assert store.in_state("queued") == [known.run, ended.run] and store.trouble() is None
    connect, before = sqlite3.connect, store.version()

    def unwritable(path, **named) -> sqlite3.Connection:
        connection = connect(path, **named)
        if path != ":memory:":
            connection.execute(state)
        return connection

    new = _add(store, 2, study="x" * 100_000)
    wal = store.path.with_name("index.sqlite-wal")
    with monkeypatch.context() as patch:
        if state == "unreadable":
            wal.mkdir()  # SQLite cannot open the database
        else:
            patch.setattr(sqlite3, "connect", unwritable)
        assert store.in_state("queued") == [known.run, ended.run, new.run]
        ended.add_state("failed", "a reason")
        assert store.refresh(ended.run) == "failed"
        known.set_paused(True)
        assert [(row.state, row.paused) for row in store.runs()] == [
            ("queued", True),
            ("failed", False),
            ("queued", False),
        ]
        during = store.version()
        assert before < during == store.version(), "a page is drawn again only where something changed"
        assert store.trouble().startswith("The index of runs cannot be used (")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=587_000_000, used=0, free=0))
        assert store.trouble().startswith("The disk is full, 0 MB of 587 MB are free, and the runs are read")
        if state == "unreadable":
            wal.rmdir()
    assert [(row.state, row.paused) for row in store.runs()] == [
        ("queued", True),
        ("failed", False),
        ("queued", False),
    ]
    assert store.trouble() is None
    monkeypatch.undo()
    with sqlite3.connect(store.path) as connection:
        found = connection.execute("SELECT state, paused FROM runs ORDER BY run").fetchall()
    assert found == [("queued", 1), ("failed", 0), ("queued", 0)], "the index on the disk has it all"


def test_the_version_changes_with_every_change_and_only_then(store):
    versions = [store.version()]
    folder = _add(store)
    store.runs()
    versions.append(store.version())
    folder.add_progress("load", "x")
    store.refresh(folder.run)
    versions.append(store.version())
    store.runs()
    store.active()
    assert store.version() == versions[-1]
    assert versions == sorted(set(versions))


def test_readers_do_not_wait_for_a_writer(store, monkeypatch):
    folder = _add(store)
    before = store.runs()
    writer = sqlite3.connect(store.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE runs SET state = 'failed'")
    monkeypatch.setattr(index, "BUSY_S", 3600)  # whoever waits, waits for ever
    _add(store, 1)
    reader = threading.Thread(target=lambda: before.extend(store.runs()), daemon=True)
    reader.start()
    reader.join(20)
    assert [row.state for row in before] == ["queued", "queued"]
    writer.execute("ROLLBACK")
    writer.close()
    assert store.runs()[0].run == folder.run and len(store.runs()) == 2


def test_many_writers_at_once_lose_nothing(store):
    folders = [_add(store, seed) for seed in range(8)]
    threads = [threading.Thread(target=_finish, args=(store, folder)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.state for row in store.runs()] == ["done"] * 8


def test_recorded_runs_are_shown_first_and_marked(store, tmp_path):
    _record(tmp_path, "20261101-000000-000000", "recorded-x")
    own = _add(store)
    rows = store.runs()
    assert [row.run for row in rows] == ["recorded-20261101-000000-000000", "recorded-x", own.run]
    assert [row.recorded for row in rows] == [True, True, False]
    assert (rows[0].study, rows[0].state, rows[0].label) == ("recorded", "done", "baseline")
    assert rows[0].studies == ("recorded",)
    assert rows[0].result["size"] == {"file_bytes": 7}
    assert store.run("recorded-x") == rows[1]
    assert store.studies() == ["default", "recorded"]
    assert [row.run for row in store.runs(study="default")] == [own.run]
    assert not [row for row in store.runs(model="cnn-digits") if row.recorded]
    assert store_module.recorded_studies() == [
        {"recorded_on": "2026-11-22", "host": {"cpu": "a"}, "title": "All", "notes": ["n"]}
    ]
    with pytest.raises(BadInput, match="There is no run 'recorded-y'"):
        store.run("recorded-y")


def test_index_and_supervisor_are_imported_without_pydantic_torch_or_openssl():
    import subprocess
    import sys

    heavy = "{'pydantic', 'torch', '_hashlib'}"
    code = f"import sys, explorer.store, explorer.jobs.supervisor; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_lists_of_runs_leave_out_what_only_details_show(store: Store) -> None:
    (run, *_) = (one for one in sample_runs(6) if one.result and one.result["accuracy"][0].get("flipped") is not None)
    run.result["profile"] = {"by_operator": [{"name": "MatMul"}], "by_layer": [], "peak_gflops": 500.0}
    write_runs(store.folders, [run])
    (listed,) = store.runs()
    assert "flipped" not in listed.result["accuracy"][0] and "confusion" not in listed.result["accuracy"][0]
    assert listed.result["profile"] == {"by_operator": [], "by_layer": [], "peak_gflops": 500.0}
    assert store.run(run.run).result == run.result


def test_the_newest_runs_that_are_over_and_all_at_work(store, tmp_path):
    _record(tmp_path, "recorded-x")
    folders = [_add(store, seed) for seed in range(7)]
    for place in (1, 3, 4, 6):
        _finish(store, folders[place])
    folders[5].add_state("failed", "a reason")
    folders[2].claim({"pid": 1})
    for place in (2, 5):
        store.refresh(folders[place].run)

    def seen(number: int) -> list[int | str]:
        names = {folder.run: place for place, folder in enumerate(folders)} | {"recorded-x": "recorded"}
        return [names[row.run] for row in store.newest(number)]

    assert seen(2) == ["recorded", 0, 2, 5, 6], "two that are over, one of them failed; one queued and one running"
    assert seen(4) == ["recorded", 0, 2, 3, 4, 5, 6]
    assert seen(5) == seen(100) == ["recorded", 0, 1, 2, 3, 4, 5, 6]
    assert store.over() == 5
    assert store.newest(100) == store.runs()


def test_hidden_studies_make_room_for_older_runs(store):
    folders = [_add(store, seed, study) for seed, study in enumerate(["a", "a", "b", "b", "b"])]
    for folder in folders[:4]:
        _finish(store, folder)
    folders[2].add_study("a")
    store.refresh(folders[2].run)
    assert [row.digest for row in store.newest(2)] == ["d2", "d3", "d4"]
    assert [row.digest for row in store.newest(2, hidden=["b"])] == ["d1", "d2"], "d2 belongs to a study in sight, too"
    assert [row.digest for row in store.newest(1, hidden=["b", "c"])] == ["d2"]
    assert (store.over(), store.over(["b"]), store.over(["a", "b"])) == (4, 3, 0)


def test_a_study_is_known_as_long_as_it_has_runs(store):
    folder, other = _add(store, 0, "a"), _add(store, 1, "c")
    folder.add_study("b")
    store.refresh(folder.run)
    assert store.studies() == ["a", "b", "c"]
    (folder.path / "studies.json").unlink()
    store.refresh(folder.run)
    assert store.studies() == ["a", "c"] and store.runs(study="b") == []
    shutil.rmtree(other.path)
    assert store.studies() == ["a"]
    shutil.rmtree(folder.path)
    assert store.studies() == []


def test_very_many_runs_are_compared_with_their_folders_once_in_a_while(store, monkeypatch):
    folders = [_add(store, seed) for seed in range(4)]
    assert len(store.runs()) == 4
    monkeypatch.setattr(index, "AT_ONCE", 3)
    monkeypatch.setattr(index, "PATIENCE_NS", 10**15)
    by_hand = _add(store, 4)
    version = store.version()
    assert len(store.runs()) == 4 and version == store.version()
    told = _add(store, 5)
    assert store.refresh(told.run) == "queued" and len(store.runs()) == 5, "what the program does is known at once"
    shutil.rmtree(folders[0].path)
    assert len(store.runs()) == 5
    assert store.refresh(folders[0].run) is None
    assert [row.digest for row in store.runs()] == ["d1", "d2", "d3", "d5"] and store.version() == version + 2
    monkeypatch.setattr(index, "PATIENCE_NS", 0)
    assert by_hand.run in [row.run for row in store.runs()] and len(store.runs()) == 5


def test_a_clock_that_is_set_back_holds_no_comparison_up(store, monkeypatch):
    _add(store, 0)
    assert len(store.runs()) == 1
    monkeypatch.setattr(index, "AT_ONCE", 0)
    monkeypatch.setattr(index, "PATIENCE_NS", 10**15)
    monkeypatch.setattr(time, "time_ns", lambda: 10**15)
    added = _add(store, 1)
    assert [row.run for row in store.runs()][-1] == added.run


def test_who_comes_while_the_index_is_rebuilt_waits_for_it(store, monkeypatch):
    for seed in range(3):
        _finish(store, _add(store, seed))
    before = store.runs()
    begun, found = threading.Event(), []
    write = index.write

    def slowly(*given):
        begun.set()
        time.sleep(0.2)
        write(*given)

    monkeypatch.setattr(index, "BUSY_S", 0.05)
    monkeypatch.setattr(index, "write", slowly)
    builder = threading.Thread(target=store.reindex)
    builder.start()
    begun.wait(20)
    found = Store(store.path).runs()
    builder.join(20)
    assert found == before


def test_a_result_is_kept_in_a_quarter_of_its_text_and_comes_back_as_it_was():
    results = [run.result for run in sample_runs()] + [row.result for row in store_module.recorded_rows()]
    for result in results:
        assert rows.unpacked(rows.packed(result)) == result
    assert sum(len(rows.packed(result)) for result in results) < sum(len(json.dumps(result)) for result in results) / 4


def test_an_index_that_was_packed_otherwise_is_rebuilt(store):
    _finish(store, _add(store))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE runs SET result = x'00'")
        connection.execute("PRAGMA user_version = 1")
    assert store.runs()[0].result["size"] == RESULT["size"]
