from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from explorer import deploy
from explorer.errors import BadInput
from explorer.export import bundle_files, export_bundle, portable
from explorer.measure.accuracy import predict
from explorer.measure.travel import write_inputs
from explorer.pipeline import Bench
from explorer.recipe import Recipe
from tests.techniques.workbench import Workbench, workbench


def finished_run(folder: Path, kind: str) -> Workbench:
    """A run folder with the artefact of a tiny model, as the pipeline leaves it."""
    bench = workbench(kind)
    artefact = folder / "artefact"
    artefact.mkdir(parents=True)
    deploy.save_graph(bench.graph().graph, artefact / "model.onnx")
    bench.preprocessor.save(artefact)
    card = {"labels": list(bench.task.labels), "kind": bench.task.kind, "task": "tiny"}
    names = list(bench.preprocessor.input_names)
    (artefact / "model.json").write_text(json.dumps({**card, "input_names": names}))
    if bench.task.kind == "image":
        np.save(artefact / "example.npy", bench.task.splits["calibration"].inputs[0])
    recipe = Recipe.parse({"model": "vit-digits", "steps": [{"technique": "int8-dynamic"}]})
    result = {"recipe": recipe.plain(), "kind": bench.task.kind, "run": folder.name}
    (folder / "result.json").write_text(json.dumps(result))
    return bench


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_predict_runs_by_itself_and_agrees(kind: str, tmp_path) -> None:
    bench = finished_run(tmp_path / "run", kind)
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder")
    split = bench.task.splits["validation"]
    logits = predict(tmp_path / "run" / "artefact", "cpu-onnxruntime", split.inputs[:5])
    given = list(split.inputs[:5])
    if kind == "vit":
        given = []
        for i in range(5):
            np.save(tmp_path / f"{i}.npy", split.inputs[i])
            given.append(str(tmp_path / f"{i}.npy"))
    # -I: nothing of this project can be imported
    done = subprocess.run(
        [sys.executable, "-I", str(bundle / "predict.py"), *given], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [bench.task.labels[i] for i in logits.argmax(1)]
    weights = np.exp(logits - logits.max(1, keepdims=True))
    shares = (weights / weights.sum(1, keepdims=True)).max(1)
    assert np.allclose([float(row[1]) for row in rows], shares, atol=2e-3)


def test_the_zip_holds_what_the_preview_says(tmp_path) -> None:
    finished_run(tmp_path / "run", "vit")
    path = export_bundle(tmp_path / "run", tmp_path / "out")
    assert path == tmp_path / "out" / "run.zip"
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        inside = {item.filename.removeprefix("run/"): item.file_size for item in bundle.infolist()}
        assert all(item.filename.startswith("run/") for item in bundle.infolist()), "it unpacks into one folder"
        recipe = Recipe.from_yaml(bundle.read("run/recipe.yaml").decode())
    assert inside == bundle_files(tmp_path / "run")
    assert {"model.onnx", "preprocessor.json", "recipe.yaml", "results.json", "predict.py", "README.md"} <= set(inside)
    assert recipe.model == "vit-digits" and recipe.steps[0].name == "int8-dynamic"


def test_png_files_work_where_pillow_is_there(tmp_path) -> None:
    from PIL import Image

    bench = finished_run(tmp_path / "run", "vit")
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder")
    image = bench.task.splits["validation"].inputs[0]
    np.save(tmp_path / "a.npy", image)
    Image.fromarray(image).save(tmp_path / "a.png")
    done = subprocess.run(
        [sys.executable, "-I", str(bundle / "predict.py"), str(tmp_path / "a.npy"), str(tmp_path / "a.png")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = (line.split("\t")[:2] for line in done.stdout.splitlines())
    assert first == second


def predicted(bundle: Path, *given: str, first: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``predict.py`` by itself, after the statement ``first``."""
    script = f"import runpy, sys; sys.argv = ['predict.py', *{list(given)!r}]; {first}\n"
    script += f"runpy.run_path({str(bundle / 'predict.py')!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-I", "-c", script], cwd=bundle, capture_output=True, text=True)


def test_wrong_images_are_one_sentence(tmp_path) -> None:
    finished_run(tmp_path / "run", "vit")
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder")
    (bundle / "text.png").write_text("no image")
    (bundle / "text.npy").write_text("no array")
    (bundle / "empty.npy").write_text("")
    np.save(bundle / "large.npy", np.zeros((99, 98), np.uint8))
    expected = {
        "gone.png": "There is no file 'gone.png'; expected is an image",
        ".": "There is no file '.'",
        "text.png": "'text.png' cannot be read as an image",
        "text.npy": "'text.npy' cannot be read as an image",
        "empty.npy": "'empty.npy' cannot be read as an image",
        "large.npy": "'large.npy' has not the shape of an image of this model",
    }
    for name, sentence in expected.items():
        done = predicted(bundle, name)
        assert done.returncode == 1 and done.stderr.startswith(sentence) and done.stderr.count("\n") == 1


def test_without_pillow_it_is_asked_for(tmp_path) -> None:
    finished_run(tmp_path / "run", "vit")
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder")
    assert "pip install onnxruntime pillow" in (bundle / "README.md").read_text()
    (bundle / "a.png").touch()
    done = predicted(bundle, "a.png", first="sys.modules['PIL'] = None")
    assert done.stderr == "'a.png' needs Pillow to be read: pip install pillow. Only .npy files can do without.\n"


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_predict_explains_itself(kind: str, tmp_path) -> None:
    finished_run(tmp_path / "run", kind)
    done = predicted(export_bundle(tmp_path / "run", tmp_path / "bundle", "folder"), "--help")
    assert done.returncode == 0 and "python predict.py" in done.stdout and done.stderr == ""


def test_what_cannot_be_exported_is_one_sentence(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="'empty' has no result"):
        export_bundle(tmp_path / "empty", tmp_path / "out")
    finished_run(tmp_path / "run", "bert")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(BadInput, match="not empty"):
        export_bundle(tmp_path / "run", tmp_path / "taken", "folder")
    (tmp_path / "run" / "artefact" / "model.onnx").unlink()
    with pytest.raises(BadInput, match="model file of run 'run' is gone"):
        export_bundle(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, form) -> None:
    finished_run(tmp_path / "run", "vit")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"cannot be written to '.*below': a file stands where a folder is needed\."):
        export_bundle(tmp_path / "run", tmp_path / "file" / "below", form)
    with pytest.raises(BadInput, match="The bundle cannot be written to '/proc/bundle'"):
        export_bundle(tmp_path / "run", Path("/proc/bundle"), form)
    (tmp_path / "taken.zip").mkdir()
    with pytest.raises(BadInput, match=r"taken\.zip' is a folder; expected is the name of a new file"):
        export_bundle(tmp_path / "run", tmp_path / "taken.zip", "zip")
    with pytest.raises(BadInput, match="file' is a file; expected is a new or an empty folder"):
        export_bundle(tmp_path / "run", tmp_path / "file", "folder")


def test_nothing_half_written_stays(tmp_path, monkeypatch) -> None:
    finished_run(tmp_path / "run", "bert")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(BadInput, match=r"cannot be written to '.*out': the disk is full; free some space\.$"):
        export_bundle(tmp_path / "run", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_inputs_and_measure_travel_along(tmp_path) -> None:
    bench = finished_run(tmp_path / "run", "bert")
    assert "inputs.npz" not in bundle_files(tmp_path / "run"), "older runs have none"
    write_inputs(tmp_path / "run", tmp_path / "run" / "artefact", bench.task.splits["validation"], seed=0)
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder")
    assert {"inputs.npz", "measure.py"} <= {path.name for path in bundle.iterdir()}
    readme = (bundle / "README.md").read_text()
    assert "only as token ids" in readme and "export with the baseline" in readme
    packed = (bundle / "inputs.npz").read_bytes()
    assert all(text.encode() not in packed for text in bench.task.splits["validation"].inputs)


def test_results_name_the_model_file_also_of_older_runs(tmp_path) -> None:
    finished_run(tmp_path / "run", "vit")
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder")
    digest = hashlib.sha256((bundle / "model.onnx").read_bytes()).hexdigest()
    assert json.loads((bundle / "results.json").read_text())["artefact"]["model_sha256"] == digest


def test_the_baseline_comes_from_the_cache_or_is_missed(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    finished_run(tmp_path / "run", "vit")
    recipe = Recipe.parse({"model": "vit-digits", "steps": [{"technique": "int8-dynamic"}], "seed": 7})
    (tmp_path / "run" / "request.json").write_text(json.dumps({"recipe": recipe.plain()}))
    with pytest.raises(BadInput, match="The baseline of run 'run' is not on this machine any more"):
        export_bundle(tmp_path / "run", tmp_path / "out", with_baseline=True)
    name = Bench(recipe, lambda **_: None).digest(0)  # as the pipeline calls it
    folder = tmp_path / "home" / "cache" / "baselines" / name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"the baseline")
    bundle = export_bundle(tmp_path / "run", tmp_path / "bundle", "folder", with_baseline=True)
    assert (bundle / "baseline.onnx").read_bytes() == b"the baseline"
    assert "timed beside this one" in (bundle / "README.md").read_text()
    assert "baseline.onnx" not in bundle_files(tmp_path / "run")


def test_a_bundle_carries_no_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {"model": str(tmp_path / "models" / "mine"), "data": "/somewhere/else/my reviews.csv", "steps": []}
    assert portable(recipe) == {"model": "models/mine", "data": "my reviews.csv", "steps": []}
    assert portable({"model": "vit-digits", "steps": []}) == {"model": "vit-digits", "steps": []}
    assert portable({"model": "somebody/their-model"}) == {"model": "somebody/their-model"}
    above = {"model": f"{tmp_path}/../mine", "data": "../data/../reviews.csv"}
    assert portable(above) == {"model": "mine", "data": "reviews.csv"}
    assert portable({"model": "models/../mine", "data": "~/reviews.csv"}) == {"model": "mine", "data": "reviews.csv"}
