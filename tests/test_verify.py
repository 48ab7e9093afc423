"""Verifying a run: what agrees, what differs and by how much, on a real artefact that somebody then tampers with."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from explorer import cli, pipeline, verify
from explorer import store as store_module
from explorer.errors import BadInput
from explorer.measure import latency, session, starting
from explorer.measure.elsewhere import read
from explorer.recipe import Recipe
from explorer.remeasure import measure_bundle, measure_run
from explorer.result import Accuracy, Latency
from explorer.rundir import RunFolder
from explorer.store import Store
from explorer.verify import accuracy_checks, agrees, computer_checks, latency_checks, lines
from tests.models import tiny
from tests.support.sample_results import HOST, sample_runs, write_recorded

STEPS = [{"technique": "prune-neurons", "sparsity": 0.5}, {"technique": "int8-dynamic"}]


def quiet(**_: object) -> None:
    """Nobody listens."""


def states(checks) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def timing(speedup: float, low: float, high: float, **more) -> dict:
    entry = {"target": "cpu-onnxruntime", "batch": 1, "sequence": 128, "speedup": speedup}
    return {**entry, "speedup_low": low, "speedup_high": high, **more}


@pytest.mark.parametrize(
    ("before", "now", "state", "words"),
    [
        (timing(2.0, 1.9, 2.1), timing(2.5, 2.05, 2.9), "ok", "(+25.0%)"),
        (timing(2.0, 1.99, 2.01), timing(2.09, 2.08, 2.1), "ok", "(+4.5%)"),
        (timing(2.0, 1.9, 2.1), timing(1.5, 1.4, 1.6), "differs", "2.00 times the baseline then, 1.50 now (-25.0%)"),
        (timing(2.0, 1.9, 2.1, noisy=True), timing(3.0, 2.9, 3.1), "differs", "marked as noisy then"),
        (timing(2.0, 1.9, 2.1, noisy=True), timing(3.0, 2.9, 3.1, noisy=True), "differs", "noisy then and now"),
        (timing(2.0, 1.9, 2.1), timing(3.0, 2.9, 3.1, batch=8), "not possible", "it was not measured"),
        (
            {"target": "cuda-torch", "batch": 1, "sequence": 128, "kind": "unavailable", "reason": "no GPU"},
            timing(1.0, 1.0, 1.0),
            "not possible",
            "it was unavailable: no GPU",
        ),
    ],
)
def test_speed_ups_agree_within_their_intervals_or_5_percent(before, now, state, words) -> None:
    (check,) = latency_checks([before], [Latency(**now)])
    assert check.state == state and words in check.text


def test_real_lengths_are_the_same_shape_whatever_their_mean() -> None:
    before, now = timing(2.0, 1.9, 2.1, lengths="real", sequence=30), timing(2.0, 1.9, 2.1, lengths="real", sequence=31)
    (check,) = latency_checks([before], [Latency(**now)])
    assert (check.name, check.state) == ("speed-up cpu-onnxruntime, 1 x real lengths", "ok")


def scored(right: int, samples: int = 2000, **more) -> dict:
    return {"target": "cpu-torch", "split": "validation", "samples": samples, "value": right / samples, **more}


def test_answers_are_counted() -> None:
    def check(before: dict, now: dict) -> tuple[str, str]:
        (found,) = accuracy_checks([before], [Accuracy(**now)])
        return found.state, found.text

    assert check(scored(1601), scored(1601)) == ("ok", "1,601 of 2,000 right")
    assert check(scored(1601), scored(1600)) == ("differs", "1,601 of 2,000 were right, 1,600 are (-1)")
    assert check(scored(1601), scored(100, 200))[0] == "differs"
    assert check(scored(1601, condition="typos"), scored(1601))[0] == "not possible"
    gone = {"target": "cpu-torch", "split": "validation", "kind": "unavailable", "reason": "torch is not installed"}
    assert check(scored(1601), gone) == ("not possible", "it is unavailable here: torch is not installed")
    assert check({**gone, "value": None}, scored(1))[0] == "not possible"


def test_host_and_versions_are_compared() -> None:
    assert {check.state for check in computer_checks(HOST, HOST)} == {"ok"}
    other = HOST | {"cpu": "Other CPU", "memory_bytes": 1, "versions": {"onnxruntime": "2.0", "openvino": "1"}}
    host, versions = computer_checks(HOST, other)
    assert (host.state, host.text) == ("differs", "cpu was Imaginary CPU 9000, is Other CPU")
    assert (versions.state, versions.text) == ("differs", "onnxruntime was 1.0, is 2.0")


def test_the_table_stands_in_columns() -> None:
    table = lines([verify.Check("a", "ok", "x"), verify.Check("longer", "not possible", "y")])
    assert table == ["a       ok            x", "longer  not possible  y"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """A home with one finished run of a tiny model, submitted with paths relative to another folder."""
    patch, home = pytest.MonkeyPatch(), tmp_path_factory.mktemp("verify")
    patch.setenv("EXPLORER_HOME", str(home))
    patch.setattr(store_module, "RECORDED", home / "recorded")
    few = functools.partial(latency.measure_target, min_repeats=5, min_seconds=0.0, patience_s=0.0)
    patch.setattr(session.latency, "measure_target", few)
    patch.setattr(starting, "measure_starts", lambda *_: None)
    project = home / "project"
    tiny.save_bert(project / "model")
    tiny.write_csv(project / "data.csv", n=160)
    fields = {"model": "./model", "data": "data.csv", "steps": STEPS, "targets": ["cpu-onnxruntime", "cuda-torch"]}
    fields["measure"] = {"batches": [1], "lengths": [16], "wait_s": 0}
    recipe = Recipe.parse(fields)
    (home / "runs").mkdir()
    request = {"recipe": recipe.plain(), "digest": "d", "study": "default", "cwd": str(project)}
    folder = RunFolder.create(home / "runs", request)
    with pytest.MonkeyPatch.context() as there:
        there.chdir(project)
        result = pipeline.execute(recipe, folder.path, quiet, run=folder.run, digest="d")
    folder.write_result(result.model_dump_json())
    yield home
    patch.undo()


@pytest.fixture(scope="module")
def run(home) -> RunFolder:
    (folder,) = (home / "runs").iterdir()
    return RunFolder(folder)


@pytest.fixture
def tampered(run) -> Iterator[Path]:
    """The run's model file, put back as it was after the test."""
    path = run.path / "artefact" / "model.onnx"
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


pytestmark = pytest.mark.slow


def test_an_untouched_run_agrees(run, capsys) -> None:
    assert cli.main(["verify", run.run, "--json"]) in (0, 1)  # times may differ on a busy machine
    answer = json.loads(capsys.readouterr().out)
    found = {check["name"]: check["state"] for check in answer["checks"]}
    speedups = {name for name in found if name.startswith("speed-up")}
    assert speedups == {"speed-up cpu-onnxruntime, 1 x 16", "speed-up cuda-torch, 1 x 16"}
    certain = {name: state for name, state in found.items() if name not in speedups}
    assert certain == {
        "host": "ok",
        "versions": "ok",
        "artefact digest": "ok",
        "model digest": "ok",
        "file bytes": "ok",
        "zipped bytes": "ok",
        "parameters": "ok",
        "nonzero parameters": "ok",
        "accuracy cpu-onnxruntime, validation": "ok",
        "accuracy cpu-onnxruntime, test": "ok",
        "accuracy cuda-torch, validation": "not possible",
    }
    assert answer["agrees"] == ("differs" not in found.values())


def test_a_baseline_that_is_called_compressed_is_found_out(run, tampered, home) -> None:
    baseline = next((home / "cache" / "baselines").iterdir())
    shutil.copyfile(baseline / "model.onnx", tampered)
    found = states(verify.verify(run.run, quiet))
    assert {found[name] for name in ("artefact digest", "model digest", "file bytes", "parameters")} == {"differs"}


def test_a_model_that_answers_the_opposite_is_found_out(run, tampered) -> None:
    model = onnx.load(tampered)
    last = next(node for node in model.graph.node if "logits" in node.output)
    last.output[list(last.output).index("logits")] = "opposite"
    model.graph.node.append(onnx.helper.make_node("Neg", ["opposite"], ["logits"]))
    onnx.save(model, tampered)
    checks = verify.verify(run.run, quiet)
    assert states(checks)["accuracy cpu-onnxruntime, validation"] == "differs" and not agrees(checks)


def test_garbage_instead_of_a_model_is_no_traceback(run, tampered, capsys) -> None:
    tampered.write_bytes(b"garbage")
    assert cli.main(["verify", run.run]) == 1
    out = capsys.readouterr().out
    assert "artefact digest" in out and "Traceback" not in out
    found = states(verify.verify(run.run, quiet))
    assert (found["size"], found["measuring again"]) == ("not possible", "not possible")


def test_made_again_from_scratch_it_is_the_same_file(run, tampered) -> None:
    tampered.unlink()
    with pytest.raises(BadInput, match=r"is gone; add --rebuild"):
        verify.verify(run.run, quiet)
    found = states(verify.verify(run.run, quiet, rebuild=True))
    assert found["saved artefact"] == "not possible"
    rebuilt = {name: state for name, state in found.items() if name.startswith("rebuilt: ")}
    assert rebuilt.pop("rebuilt: accuracy cuda-torch, validation") == "not possible"
    assert len(rebuilt) == 8 and set(rebuilt.values()) == {"ok"}


def test_what_cannot_be_verified_is_one_sentence(home, capsys) -> None:
    write_recorded(home / "recorded", sample_runs(1, recorded=True))
    assert cli.main(["verify", "recorded-0000"]) == 2
    assert capsys.readouterr().err.endswith("has no artefact here; add --rebuild to make it again.\n")
    assert cli.main(["verify", "nothing"]) == 2
    waiting = RunFolder.create(home / "runs", {"recipe": {"model": "vit-digits", "steps": []}})
    assert cli.main(["verify", waiting.run]) == 2
    assert "is queued; only one that is done can be verified" in capsys.readouterr().err
    shutil.rmtree(waiting.path)


def test_a_run_is_measured_into_a_file_that_can_be_taken_in(run, tmp_path, capsys) -> None:
    path = tmp_path / "measured.json"
    assert cli.main(["measure", run.run, "--targets", "cpu-onnxruntime", "--batch", "1,2", "--to", str(path)]) == 0
    report = read(path)
    assert [(entry.batch, entry.sequence) for entry in report.latency] == [(1, 16), (2, 16)]
    assert report.latency[0].speedup > 0 and report.baseline_sha256
    recorded = run.result()["accuracy"][0]
    assert report.accuracy[0].value == recorded["value"] and report.accuracy[0].samples == recorded["samples"]
    assert cli.main(["import-measurements", str(path)]) == 0
    assert Store().run(run.run).result["elsewhere"][0]["tool"] == "explorer"
    shutil.rmtree(run.path / "measurements")
    Store().refresh(run.run)
    assert "elsewhere" not in Store().run(run.run).result


@pytest.mark.parametrize("with_baseline", [False, True])
def test_a_bundle_is_measured_by_the_same_protocol(run, tmp_path, with_baseline) -> None:
    words = ["export", run.run, "--to", str(tmp_path / "bundle"), *(["--with-baseline"] if with_baseline else [])]
    assert cli.main(words) == 0
    report = measure_bundle(tmp_path / "bundle", quiet, batches=[1]).report()
    (entry,) = [entry for entry in report.latency if entry.target == "cpu-onnxruntime"]
    assert (entry.batch, entry.sequence) == (1, 16) and entry.p50_ms > 0
    assert (entry.speedup is not None) == with_baseline == (report.baseline_sha256 is not None)
    agreed = report.agreement[0]
    assert agreed.same == agreed.samples == report.accuracy[0].samples, "the same file gives the same answers"
    assert (report.accuracy[0].flips is not None) == with_baseline
    path = tmp_path / "report.json"
    path.write_text(report.text())
    assert read(path) == report


def test_what_is_no_bundle_and_no_run_is_refused(run, tmp_path, capsys) -> None:
    assert cli.main(["measure", str(tmp_path)]) == 2
    assert "The folder of an unpacked bundle is possible too." in capsys.readouterr().err
    assert cli.main(["measure", run.run, "--batch", "0"]) == 2
    assert capsys.readouterr().err == "--batch takes whole numbers from 1 to 512; given was '0'.\n"
    assert cli.main(["measure", run.run, "--targets", "tpu"]) == 2
    assert "There is no target 'tpu'" in capsys.readouterr().err
    assert cli.main(["export", run.run, "--to", str(tmp_path / "bundle")]) == 0
    onnx.save(onnx.load(tmp_path / "bundle" / "model.onnx"), tmp_path / "bundle" / "model.onnx")
    (tmp_path / "bundle" / "model.onnx").write_bytes((tmp_path / "bundle" / "model.onnx").read_bytes() + b"\x00")
    with pytest.raises(BadInput, match=r"is not the file that results\.json is about"):
        measure_bundle(tmp_path / "bundle", quiet)


def test_a_run_that_nothing_here_can_run_gives_no_report(run) -> None:
    with pytest.raises(BadInput, match="Nothing could be measured on this machine"):
        measure_run(run.path, quiet, names=["cuda-torch"]).report()
