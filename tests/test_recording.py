"""The study that ships with the program: complete, anonymous, and each point can be run again."""

from __future__ import annotations

import getpass
import json
import platform
from pathlib import Path

import pytest

from explorer import ENGINE_VERSION, recording
from explorer.errors import BadInput
from explorer.recipe import Recipe
from explorer.result import Result
from explorer.store import RECORDED, Store

STUDY = RECORDED / "built-in-models.json"


@pytest.fixture(scope="module")
def study() -> dict:
    return json.loads(STUDY.read_text(encoding="utf-8"))


def test_every_recipe_of_the_study_is_there_with_its_figures(study) -> None:
    results = [Result.model_validate(result) for result in study["results"]]
    assert len(results) >= 24
    # parsed first: a parameter that was added later has its default in them
    recorded = {json.dumps(Recipe.parse(result.recipe).plain(), sort_keys=True) for result in results}
    assert recorded == {json.dumps(recipe.plain(), sort_keys=True) for recipe in recording.recipes(recording.TARGETS)}
    for result in results:
        assert result.engine == ENGINE_VERSION
        assert any(entry.kind == "measured" and entry.split == "validation" for entry in result.accuracy)
        assert any(entry.kind == "measured" and entry.repeats >= 50 for entry in result.latency)
        assert result.size.file_bytes > 0 and result.artefact.folder == ""


def test_the_study_on_a_gpu_holds_recipes_of_its_list_with_times_of_the_gpu() -> None:
    study = json.loads((RECORDED / recording.GPU_STUDY).read_text(encoding="utf-8"))
    results = [Result.model_validate(result) for result in study["results"]]
    targets = ("cuda-onnxruntime", "cuda-torch")
    listed = [recipe.plain() for recipe in recording.recipes(targets)]
    assert len(results) >= 5 and study["host"]["gpu"] and study["notes"]
    for result in results:
        assert Recipe.parse(result.recipe).plain() in listed and result.engine == ENGINE_VERSION
        assert any(entry.kind == "measured" and entry.target == "cuda-onnxruntime" for entry in result.latency)
        assert {entry.clock for entry in result.latency if entry.kind == "measured"} == {"cuda events"}


def test_every_model_and_the_main_families_occur(study) -> None:
    recipes = [Recipe.parse(result["recipe"]) for result in study["results"]]
    families = {family for recipe in recipes for family in recipe.families}
    assert families >= {"pruning", "quantization", "distillation", "training"}
    assert {recipe.model for recipe in recipes} == {"minilm-tweets", "vit-digits", "cnn-digits"}
    assert {recipe.model for recipe in recipes if not recipe.steps} == {"minilm-tweets", "vit-digits", "cnn-digits"}


def test_it_says_where_and_when_but_not_whose(study) -> None:
    assert study["recorded_on"] and study["host"]["cpu"] and study["host"]["memory_bytes"] and study["host"]["versions"]
    assert "GPU" in " ".join(study["notes"]) or (RECORDED / recording.GPU_STUDY).exists()
    text = STUDY.read_text(encoding="utf-8")
    for secret in (platform.node(), f"/{getpass.getuser()}/", "/home/", str(Path.cwd())):
        assert not secret or len(secret) < 3 or secret not in text
    assert len(text) < 1_000_000


def test_the_store_shows_it_from_the_start(tmp_path) -> None:
    rows = Store(tmp_path / "index.sqlite").runs()
    assert rows and all(row.recorded and row.state == "done" and row.study == "recorded" for row in rows)
    assert len({row.run for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("targets", "name"),
    [
        (recording.TARGETS, "built-in-models"),
        (("cuda-onnxruntime", "cuda-torch"), "built-in-models-cuda"),
        (("cpu-onnxruntime", "cuda-torch", "cpu-torch"), "built-in-models-cpu-cuda"),
    ],
)
def test_a_study_is_named_after_its_devices(targets, name) -> None:
    assert recording.usual_name(targets) == name


def test_a_study_of_other_targets_is_never_overwritten(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recording, "RECORDED", tmp_path)
    recipe = {"model": "cnn-digits", "steps": [], "targets": ["cpu-onnxruntime"]}
    (tmp_path / "mine.json").write_text(json.dumps({"results": [{"recipe": recipe}]}))
    for targets in (("cpu-onnxruntime",), ("cpu-torch", "cpu-onnxruntime")):
        assert recording.place("mine", targets) == tmp_path / "mine.json", "nothing is lost"
    assert recording.place("new", ("cuda-torch",)) == tmp_path / "new.json"
    with pytest.raises(BadInput, match=r"'mine.json' holds a study of cpu-onnxruntime; .* cuda-torch needs another"):
        recording.place("mine", ("cuda-torch",))


def test_recording_a_gpu_leaves_the_study_of_the_processor_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recording, "RECORDED", tmp_path)
    monkeypatch.setattr(recording, "STUDY", {"cnn-digits": [[]]})
    monkeypatch.setattr(recording, "record", lambda recipe: made_up(recipe))
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    for words in ([], ["--targets", "cuda-onnxruntime", "cuda-torch"], ["--name", "built-in-models-cuda"]):
        monkeypatch.setattr("sys.argv", ["recording", *words])
        if "--name" in words:
            with pytest.raises(SystemExit, match="needs another"):
                recording.main()
        else:
            recording.main()
    held = {path.name: json.loads(path.read_text())["results"] for path in tmp_path.glob("*.json")}
    assert {name: results[0]["recipe"]["targets"] for name, results in held.items()} == {
        "built-in-models.json": list(recording.TARGETS),
        "built-in-models-cuda.json": ["cuda-onnxruntime", "cuda-torch"],
    }


def test_recording_one_model_leaves_the_results_of_the_others(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recording, "RECORDED", tmp_path)
    monkeypatch.setattr(recording, "STUDY", {"vit-digits": [[]], "cnn-digits": [[]]})
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    path = tmp_path / "built-in-models.json"
    for date, words in (("first", []), ("second", ["--models", "cnn-digits"])):
        monkeypatch.setattr("sys.argv", ["recording", *words])
        monkeypatch.setattr(recording, "record", lambda recipe, date=date: made_up(recipe) | {"finished_at": date})
        recording.main()
    results = json.loads(path.read_text())["results"]
    assert [(one["recipe"]["model"], one["finished_at"]) for one in results] == [
        ("vit-digits", "first"),
        ("cnn-digits", "second"),
    ]


def made_up(recipe: Recipe) -> dict:
    place = {"artefact": {"folder": "artefact"}, "host": {"cpu": "Imaginary CPU"}}
    return {"recipe": recipe.plain(), "accuracy": [], **place}
