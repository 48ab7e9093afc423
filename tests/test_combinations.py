"""Every named combination on tiny models, from a local folder to a measured artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from explorer import pipeline
from explorer.combinations import COMBINATIONS, Combination
from explorer.measure import latency
from explorer.recipe import Recipe
from explorer.technique import build, techniques
from tests.models import tiny

BRIEF = {"epochs": 0.5, "round_to": 1}
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda one: one.name)


@every_combination
def test_its_steps_are_a_recipe(combination: Combination) -> None:
    recipe = Recipe(model="minilm-tweets", steps=tuple(combination.built()))
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert combination.suits(None) and combination.suits("text transformer")
    assert combination.title and combination.why.endswith(".")


def test_there_are_at_least_twelve() -> None:
    assert len({one.name for one in COMBINATIONS}) == len({one.title for one in COMBINATIONS}) >= 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("combinations")
    tiny.save_bert(folder / "text")
    tiny.write_csv(folder / "data.csv", n=160)
    tiny.save_vit(folder / "vision")
    tiny.write_images(folder / "images", n=60)
    return folder


def brief(step: dict[str, Any]) -> dict[str, Any]:
    """The step trained for a moment only, and not rounded to widths that a tiny model does not have."""
    known = {parameter.name for parameter in techniques()[step["technique"]].parameters()}
    return build({**step, **{name: value for name, value in BRIEF.items() if name in known}}).step()


@pytest.mark.slow
@every_combination
def test_it_runs_to_a_measured_artefact(combination, place: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(place / "home"))
    quick = {"min_repeats": 5, "min_seconds": 0.0, "patience_s": 0.0}
    monkeypatch.setattr(latency.measure_target, "__kwdefaults__", {**latency.measure_target.__kwdefaults__, **quick})
    vision = not combination.suits("text transformer")
    data = ("vision", "images") if vision else ("text", "data.csv")
    recipe = Recipe.parse(
        {
            "model": str(place / data[0]),
            "data": str(place / data[1]),
            "steps": [brief(dict(step)) for step in combination.steps],
            "targets": ["cpu-onnxruntime"],
            "measure": {"batches": [1], "lengths": [16], "wait_s": 0},
        }
    )
    result = pipeline.execute(recipe, tmp_path, lambda **_: None, run=combination.name, digest="d")
    assert [step.technique for step in result.steps][: len(combination.steps)] == [
        s["technique"] for s in combination.steps
    ]
    assert all(step.notes for step in result.steps)
    scores = [entry for entry in result.accuracy if entry.split == "validation"]
    assert scores[0].kind == "measured" and scores[0].value is not None
    assert result.latency[0].kind == "measured" and result.latency[0].p50_ms > 0
    assert (
        result.size.parameters > 0 and (tmp_path / "artefact" / "model.onnx").stat().st_size == result.size.file_bytes
    )
