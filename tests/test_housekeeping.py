"""Room on the disk: what is counted, what goes and what stays, what comes back, and the word before it is full."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from explorer import housekeeping, jobs, studies
from explorer.charts import Axes
from explorer.charts.tradeoff import front_runs
from explorer.errors import BadInput, ExplorerError
from explorer.home import home, runs_folder
from explorer.jobs import processes
from explorer.models import hub
from explorer.rundir import RunFolder
from explorer.store import Store
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Eight finished runs of the text model, each with a model file of 1,000 bytes."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    made = [run for run in sample_runs(16) if run.model == "minilm-tweets"][:8]
    write_runs(runs_folder(), made)
    for run in made:
        (runs_folder() / run.run / "artefact").mkdir(exist_ok=True)
        (runs_folder() / run.run / "artefact" / "model.onnx").write_bytes(b"x" * 1000)
    return made


def own():
    return [row for row in Store().runs() if not row.recorded]


def test_disk_use_is_that_of_the_files(runs) -> None:
    (home() / "cache" / "logits").mkdir(parents=True)
    (home() / "cache" / "logits" / "a.npy").write_bytes(b"x" * 123)
    uses = {use.name: use for use in housekeeping.disk_use()}
    study = own()[0].study
    assert uses[study].items == len(runs) and uses["cache"].bytes == 123 and uses["trash"].bytes == 0
    assert uses[study].bytes == sum(f.stat().st_size for f in runs_folder().rglob("*") if f.is_file())


def test_models_from_the_hub_count_where_they_lie_in_the_home(runs, monkeypatch, tmp_path) -> None:
    for place in (home() / "hub", tmp_path / "elsewhere"):
        (place / "models--owner--name" / "blobs").mkdir(parents=True)
        (place / "models--owner--name" / "blobs" / "a").write_bytes(b"x" * 321)
    monkeypatch.setattr(hub, "hub_cache", lambda: tmp_path / "elsewhere")
    assert "hub" not in {use.name for use in housekeeping.disk_use()}
    monkeypatch.setattr(hub, "hub_cache", lambda: home() / "hub")
    assert housekeeping.disk_use()[-1] == housekeeping.Use("hub", 1, 321)


def test_a_study_of_runs_that_were_made_for_another_is_seen(runs) -> None:
    first, *_ = (row.study for row in own())
    studies.duplicate(first, "copy")
    uses = {use.name: use for use in housekeeping.disk_use()}
    assert (uses["copy"].items, uses["copy"].bytes, uses["copy"].shared) == (0, 0, len(runs))
    assert (uses[first].items, uses[first].shared) == (len(runs), 0)


def test_the_front_keeps_its_files_and_results_stay(runs) -> None:
    rows, variants = own(), [row for row in flatten(own()) if row.target == "cpu-onnxruntime" and row.batch == 1]
    gone = housekeeping.removable(rows, variants)
    kept = {row.run for row in rows} - set(gone)
    for run in gone:
        row = next(row for row in variants if row.run == run)
        assert any(o.file_bytes <= row.file_bytes and (o.accuracy or 0) >= (row.accuracy or 0) and o.run in kept
                   for o in variants)  # fmt: skip
    assert gone and kept and housekeeping.removable(rows, variants, keep_front=False) == [row.run for row in rows]
    assert housekeeping.remove_artefacts(gone) == tuple(gone)
    assert not any((runs_folder() / run / "artefact").exists() for run in gone)
    assert all(row.result for row in own())
    assert housekeeping.removable(own(), variants) == []


def test_what_is_fast_on_any_target_keeps_its_files_too(runs) -> None:
    rows, variants = own(), flatten(own())
    gone = housekeeping.removable(rows, variants)
    fast = [
        replace(row, p50_ms=0.001) if (row.run, row.target, row.batch) == (gone[0], "cpu-torch", 8) else row
        for row in variants
    ]
    assert fast != variants and housekeeping.removable(rows, fast) == gone[1:]


def test_no_member_of_a_front_on_the_chart_loses_its_files(runs) -> None:
    rows, variants = own(), flatten(own())
    kept = {row.run for row in rows} - set(housekeeping.removable(rows, variants))
    places = {(row.target, row.batch) for row in variants if row.available}
    assert {target for target, _ in places} >= {"cpu-onnxruntime", "cpu-torch"}
    members = {
        (target, batch, x): front_runs(choose(variants, target, batch), Axes(x))
        for target, batch in places
        for x in ("file_size", "latency")
    }
    assert all(members.values()) and len(set(members.values())) > 1
    for place, front in members.items():
        assert front <= kept, place


def test_a_run_without_its_files_beats_none(runs) -> None:
    rows, variants = own(), flatten(own())
    kept = {row.run for row in rows} - set(housekeeping.removable(rows, variants))
    best = housekeeping.removable(rows, variants, keep_front=False, keep_best=1)
    housekeeping.remove_artefacts(kept)
    left = [row.run for row in rows if row.run not in kept]
    assert len(housekeeping.removable(own(), variants)) < len(left)
    (still,) = set(left) - set(housekeeping.removable(own(), variants, keep_front=False, keep_best=1))
    assert still in best


def test_the_best_of_each_study_keep_their_files(runs) -> None:
    rows, variants = own(), flatten(own())
    accuracy = {row.run: row.accuracy for row in reversed(variants) if row.accuracy is not None}
    for number in (1, 3):
        gone = housekeeping.removable(rows, variants, keep_front=False, keep_best=number)
        kept = {row.run for row in rows} - set(gone)
        studies = {row.study for row in rows}
        assert number <= len(kept) <= number * len(studies)
        assert max(accuracy, key=accuracy.get) in kept
    assert housekeeping.removable(rows, variants, keep_front=False, keep_best=len(rows)) == []


def test_only_old_enough_runs_lose_their_files(runs) -> None:
    rows = own()
    assert housekeeping.removable(rows, [], older_than_days=1e6) == []
    assert len(housekeeping.removable(rows, [], older_than_days=0)) == len(rows)


def test_what_was_removed_comes_back(runs) -> None:
    first, second = runs[0].run, runs[1].run
    housekeeping.remove_artefacts([first])
    jobs.delete(second)
    assert housekeeping.restorable() == ([second], [first])
    housekeeping.restore(first)
    housekeeping.restore(second)
    assert (runs_folder() / first / "artefact" / "model.onnx").stat().st_size == 1000
    assert Store().run(second).state == "done" and housekeeping.restorable() == ([], [])
    for name in ("gone", "../runs", ".."):
        with pytest.raises(BadInput, match="nothing of"):
            housekeeping.restore(name)


def test_a_run_that_is_here_again_is_not_brought_back(runs) -> None:
    run = runs[0].run
    shutil.copytree(runs_folder() / run, home() / "again")
    jobs.delete(run)
    (home() / "again").rename(runs_folder() / run)  # as an import does
    with pytest.raises(BadInput, match=f"The run '{run}' is here, and the one in the trash cannot be brought back."):
        housekeeping.restore(run)
    assert housekeeping.restorable() == ([run], []) and Store().run(run).state == "done"
    housekeeping.remove_artefacts([run])
    housekeeping.restore(run)  # its model files, which are nowhere else
    assert (runs_folder() / run / "artefact" / "model.onnx").exists() and housekeeping.restorable() == ([run], [])


def test_what_cannot_be_written_is_told_in_one_sentence(runs, monkeypatch) -> None:
    run, study = runs[0].run, own()[0].study
    jobs.delete(run)

    def refused(*given) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "rename", refused)
    monkeypatch.setattr(Path, "replace", refused)
    orders = [
        lambda: housekeeping.restore(run),
        lambda: studies.describe(study, "Widths"),
        lambda: studies.archive(study),
        lambda: studies.duplicate(study, "another"),
    ]
    for order in orders:
        with pytest.raises(ExplorerError, match=r"^EXPLORER_HOME cannot be written to: read-only file system\.$"):
            order()


def test_what_model_files_take_is_known_before_they_go(runs) -> None:
    assert housekeeping.model_file_bytes([run.run for run in runs[:3]]) == 3006
    housekeeping.remove_artefacts([runs[0].run])
    assert housekeeping.model_file_bytes([runs[0].run]) == 0 and housekeeping.empty_trash() == 1002
    assert housekeeping.restorable() == ([], [])


def test_the_cache_is_emptied_only_while_nothing_is_at_work(runs) -> None:
    for name in ("cache", "cache-removed"):  # the second by somebody who was ended before it was through
        (home() / name / "logits").mkdir(parents=True)
        (home() / name / "logits" / "a.npy").write_bytes(b"x" * 50)
    active = RunFolder.create(runs_folder(), RunFolder(runs_folder() / runs[0].run).request())
    active.claim(processes.mark())
    with pytest.raises(BadInput, match="at work"):
        housekeeping.empty_cache()
    (active.path / "worker.json").unlink()  # it waits
    assert housekeeping.empty_cache() == 100 and not list(home().glob("cache*"))
    active.claim({**processes.mark(), "boot_id": "another"})  # its worker is gone, and nobody could write that down yet
    assert housekeeping.empty_cache() == 0


def test_a_quota_and_a_full_disk_are_said_before_it_is_too_late(runs, monkeypatch) -> None:
    housekeeping.check_space(1000)
    monkeypatch.setenv("EXPLORER_QUOTA_GB", "0.001")
    housekeeping.check_space()
    with pytest.raises(
        ExplorerError, match=r"and 1.00 MB more would exceed the quota of 1.00 MB; remove model files of"
    ):
        housekeeping.check_space(1_000_000)
    (home() / "large").write_bytes(bytes(2_000_000))
    full = r"holds 2\.\d+ MB, more than the quota of 1.00 MB; remove model files of old runs and empty the trash\.$"
    with pytest.raises(ExplorerError, match=full):
        housekeeping.check_space()
    usage = shutil.disk_usage(home())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=600_000_000))
    with pytest.raises(ExplorerError, match="has 600 MB left, and 200 MB more are needed and 500 MB should stay free;"):
        housekeeping.check_space(200_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=400_000_000))
    with pytest.raises(ExplorerError, match="has 400 MB left, and 500 MB should stay free; remove"):
        housekeeping.check_space()
