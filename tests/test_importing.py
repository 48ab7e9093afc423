"""Taking in what another machine measured: matched by digest, kept beside the run, shown wherever results are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from explorer import cli, importing
from explorer import store as store_module
from explorer.charts import Axes, tradeoff_info
from explorer.errors import BadInput
from explorer.importing import reported, take_in
from explorer.measure.elsewhere import Report, parse
from explorer.rundir import RunFolder
from explorer.store import Store
from explorer.variants import choose, flatten, reporting_devices, rows_of, with_baselines
from tests.support.bundles import GPU_HOST, gpu_report
from tests.support.sample_results import sample_runs, write_recorded, write_runs

CUDA = "cuda-onnxruntime"


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """The folder of four finished runs of one's own, each with a model file of its own."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.setattr(store_module, "RECORDED", tmp_path / "recorded")
    write_runs(tmp_path / "runs", sample_runs(4))
    for folder in (tmp_path / "runs").iterdir():
        (folder / "artefact" / "model.onnx").write_bytes(folder.name.encode())
    return tmp_path / "runs"


def digest(run: str) -> str:
    return hashlib.sha256(run.encode()).hexdigest()


def report(run: str, **changes) -> Report:
    """A report about the model of a run."""
    return parse(json.dumps(gpu_report(digest(run), **changes)).encode(), "file.json")


def test_a_report_shows_in_the_store_and_after_reindexing_too(runs) -> None:
    store, given = Store(), report("sample-0001")
    before = store.version()
    assert take_in(given).new == ("sample-0001",)
    assert store.version() == before + 1, "whoever polls the index sees it"
    for _ in range(2):
        (found,) = store.run("sample-0001").result["elsewhere"]
        assert found == given.model_dump(mode="json")
        assert "elsewhere" not in store.run("sample-0002").result
        assert store.run("sample-0001").state == "done"
        assert store.reindex() == 4


def test_real_lengths_are_not_shown_as_padded_ones(runs) -> None:
    padded = gpu_report(digest("sample-0001"))["latency"][0]
    latency = [padded | {"sequence": 32}, padded | {"sequence": 31, "lengths": "real"}]
    take_in(report("sample-0001", latency=latency))
    shapes = [row[2] for row in reported(Store().run("sample-0001").result)]
    assert shapes == [f"{padded['batch']} × 32", f"{padded['batch']} × real (mean 31)"]


def test_the_same_file_twice_changes_nothing(runs) -> None:
    take_in(report("sample-0001"))
    store = Store()
    version, files = store.version(), sorted(runs.rglob("*"))
    again = take_in(report("sample-0001"))
    assert again.runs == ("sample-0001",) and again.new == ()
    assert store.version() == version and sorted(runs.rglob("*")) == files


def test_every_run_with_that_model_gets_it_or_only_one(runs) -> None:
    (runs / "sample-0003" / "artefact" / "model.onnx").write_bytes(b"sample-0001")
    assert take_in(report("sample-0001"), "sample-0003").new == ("sample-0003",)
    assert take_in(report("sample-0001")).new == ("sample-0001",)
    assert take_in(report("sample-0001")).runs == ("sample-0001", "sample-0003")


def test_the_digest_in_the_result_goes_before_the_file(runs) -> None:
    path = runs / "sample-0002" / "result.json"
    result = json.loads(path.read_text())
    result["artefact"]["model_sha256"] = digest("as it was measured")
    path.write_text(json.dumps(result))
    assert take_in(report("as it was measured")).runs == ("sample-0002",)
    with pytest.raises(BadInput):
        take_in(report("sample-0002"))


def test_another_model_is_refused_with_both_digests(runs) -> None:
    with pytest.raises(BadInput) as caught:
        take_in(report("forged"))
    assert digest("forged")[:12] in str(caught.value) and digest("sample-0003")[:12] in str(caught.value)
    with pytest.raises(BadInput) as caught:
        take_in(report("sample-0001"), "sample-0002")
    assert digest("sample-0001")[:12] in str(caught.value) and digest("sample-0002")[:12] in str(caught.value)
    assert not list(runs.rglob("measurements"))


def test_another_baseline_is_refused(runs, monkeypatch, tmp_path) -> None:
    (tmp_path / "baseline.onnx").write_bytes(b"the baseline")
    monkeypatch.setattr(importing, "baseline_file", lambda folder: tmp_path / "baseline.onnx")
    with pytest.raises(BadInput, match="against another baseline") as caught:
        take_in(report("sample-0001", baseline_sha256=digest("another")))
    assert digest("another")[:12] in str(caught.value) and digest("the baseline")[:12] in str(caught.value)
    assert take_in(report("sample-0001", baseline_sha256=digest("the baseline"))).new


def test_only_finished_runs_of_ones_own_are_asked(runs, tmp_path) -> None:
    write_recorded(tmp_path / "recorded", sample_runs(1, recorded=True))
    with pytest.raises(BadInput, match="There is no run 'recorded-0000'"):
        take_in(report("sample-0001"), "recorded-0000")
    waiting = RunFolder.create(runs, {"recipe": {"model": "vit-digits", "steps": []}, "digest": "d", "study": "s"})
    with pytest.raises(BadInput, match="is queued; measurements can be added to one that is done"):
        take_in(report("sample-0001"), waiting.run)


def test_without_runs_it_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="there is no finished run of your own"):
        take_in(report("sample-0001"))


def test_reports_are_sorted_by_date_and_damaged_ones_left_out(runs) -> None:
    for day in (23, 21, 22):
        take_in(report("sample-0001", measured_at=f"2026-11-{day}T09:00:00+00:00"))
    folder = runs / "sample-0001" / "measurements"
    (folder / "notes.json").write_text("{}")
    (folder / f"{'0' * 64}.json").write_text(json.dumps(gpu_report(digest("sample-0001"))))
    result = RunFolder(runs / "sample-0001").result()
    assert [entry["measured_at"][8:10] for entry in result["elsewhere"]] == ["21", "22", "23"]
    cut = next(path for path in folder.iterdir() if '"2026-11-22' in path.read_text())
    cut.write_text(cut.read_text()[:500])
    assert [entry["measured_at"][8:10] for entry in RunFolder(folder.parent).result()["elsewhere"]] == ["21", "23"]
    assert take_in(report("sample-0001", measured_at="2026-11-22T09:00:00+00:00")).new, "a damaged file is mended"


def test_the_gpu_column_of_a_laptop_without_one(runs) -> None:
    rows = flatten(Store().runs())
    assert not any(row.available for row in choose(rows, CUDA, 1))
    take_in(report("sample-0001"))
    found = Store().runs()
    chosen = choose(with_baselines(flatten(found), found), CUDA, 1)
    (row,) = [row for row in chosen if row.run == "sample-0001"]
    assert (row.reported, row.available, row.host, row.date) == (True, True, "Imaginary GPU", "2026-11-21")
    assert (row.p50_ms, row.speedup, row.throughput_per_s) == (0.5, 2.0, 2000.0)
    (baseline,) = [row for row in chosen if row.derived]
    assert (baseline.host, baseline.p50_ms, baseline.speedup, baseline.reported) == ("Imaginary GPU", 1.0, 1.0, True)
    info = tradeoff_info(chosen, Axes("latency"))
    assert {mark.run for mark in info.marks} == {"sample-0001", baseline.run} and info.empty is None


def test_what_was_measured_here_goes_before_what_was_reported(runs) -> None:
    latency = [{**gpu_report("")["latency"][0], "target": "cpu-onnxruntime"}]
    take_in(report("sample-0001", latency=latency, accuracy=[], agreement=[]))
    found = Store().runs()
    rows = with_baselines(flatten(found), found)
    assert not any(row.reported for row in choose(rows, "cpu-onnxruntime", 1))
    assert reporting_devices(rows, "cpu-onnxruntime") == ["Imaginary Server CPU, 16 cores"]
    asked = choose(rows, "cpu-onnxruntime", 1, device="Imaginary Server CPU, 16 cores")
    assert [row.run for row in asked if not row.derived] == ["sample-0001"] and all(row.reported for row in asked)


def test_one_device_is_shown_at_a_time(runs) -> None:
    other = GPU_HOST | {"gpu": {"name": "Other GPU"}}
    take_in(report("sample-0001", host=other))
    for run in ("sample-0001", "sample-0002"):
        take_in(report(run))
    found = Store().runs()
    rows = with_baselines(flatten(found), found)
    assert {row.host for row in choose(rows, CUDA, 1) if row.available} == {"Imaginary GPU"}
    assert {row.host for row in choose(rows, CUDA, 1, device="Other GPU")} == {"Other GPU"}
    assert reporting_devices(rows, CUDA) == ["Imaginary GPU", "Other GPU"]


def test_the_newest_report_of_a_device_is_shown(runs) -> None:
    for day, p50_ms in ((22, 7.0), (21, 5.0)):
        latency = [{**gpu_report("")["latency"][0], "p50_ms": p50_ms}]
        take_in(report("sample-0001", measured_at=f"2026-11-{day}T09:00:00+00:00", latency=latency))
    (row,) = [row for row in choose(flatten(Store().runs()), CUDA, 1) if row.reported]
    assert row.p50_ms == 7.0


def test_the_accuracy_at_home_stands_where_the_answers_are_the_same(runs) -> None:
    run = sample_runs(2)[1]
    home = run.result["accuracy"][0]["value"]
    given = gpu_report("")

    def accuracy(**changes) -> tuple[float, str]:
        row = rows_of(run, {**run.result, "elsewhere": [{**given, **changes}]})[-1]
        return row.accuracy, row.accuracy_target

    assert accuracy() == (home, "cpu-onnxruntime")
    assert accuracy(agreement=[{**given["agreement"][0], "same": 190}]) == (0.8, CUDA)
    assert accuracy(agreement=[]) == (0.8, CUDA)
    assert accuracy(accuracy=[], agreement=[]) == (home, "cpu-onnxruntime")


def test_reports_in_words(runs) -> None:
    run = sample_runs(2)[1]
    first = reported({**run.result, "elsewhere": [gpu_report("")]})[0]
    assert first[0] == "Imaginary GPU" and first[2:] == ["1 × 32", "0.500 ms", "2.00×", "200 of 200", "2026-11-21"]
    assert reported(run.result) == []


def test_the_command_takes_a_file_in(runs, tmp_path, capsys) -> None:
    path = tmp_path / "measurements.json"
    path.write_text(json.dumps(gpu_report(digest("sample-0001"))))
    assert cli.main(["import-measurements", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"device": "Imaginary GPU", "runs": ["sample-0001"], "new": ["sample-0001"]}
    assert cli.main(["import-measurements", str(path), "--run", "sample-0001"]) == 0
    assert capsys.readouterr().out == "Imaginary GPU: was there already in sample-0001\n"
    assert cli.main(["front", "--target", CUDA, "--x", "latency"]) == 0
    assert "sample-0001" in (out := capsys.readouterr().out) and "reported from elsewhere (Imaginary GPU)" in out
    path.write_text(json.dumps(gpu_report(digest("forged"))))
    assert cli.main(["import-measurements", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
