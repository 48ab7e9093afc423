"""A trimmed vocabulary on its whole way: artefact, cached prefix, later training, teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tokenizers import Tokenizer

from explorer import pipeline
from explorer.models.preprocess import Preprocessor
from explorer.models.structure import load_torch
from explorer.recipe import Recipe
from tests.models import tiny

pytestmark = pytest.mark.slow

TRIM = {"technique": "trim-vocabulary", "min_count": 6}
TUNE = {"technique": "fine-tune", "epochs": 0.5}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    tiny.save_bert(folder / "model")
    tiny.write_csv(folder / "data.csv", n=160)
    return folder


def bench(place: Path, steps: list[dict[str, Any]]) -> pipeline.Bench:
    what = {"model": str(place / "model"), "data": str(place / "data.csv"), "targets": ["cpu-onnxruntime"]}
    return pipeline.Bench(Recipe.parse({**what, "steps": steps}), lambda **_: None)


@pytest.fixture(scope="module", autouse=True)
def own_home(place: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(place / "home"))
        patch.setattr(pipeline, "SLOW_STEP_SECONDS", 0.0)
        yield


def rows(folder: Path) -> int:
    graph = onnx.load(folder / "model.onnx")
    return next(t.dims[0] for t in graph.graph.initializer if t.name.endswith("word_embeddings.weight"))


def test_artefact_prefix_and_training_use_the_trimmed_tokenizer(place: Path) -> None:
    first = bench(place, [TRIM])
    baseline = first.baseline_artefact()
    first.make_artefact(place / "trimmed", baseline)
    size = Tokenizer.from_file(str(place / "trimmed" / "tokenizer.json")).get_vocab_size()
    assert rows(place / "trimmed") == size < rows(baseline) == 100
    assert Tokenizer.from_file(str(baseline / "tokenizer.json")).get_vocab_size() == 100

    second = bench(place, [TRIM, TUNE, {"technique": "int8-dynamic", "embeddings": False}])
    reports = second.make_artefact(place / "tuned", baseline)
    assert [report.cached for report in reports] == [True, False, False]
    assert rows(place / "tuned") == size
    kept = next((place / "home" / "cache" / "prefixes").iterdir())
    assert Preprocessor.load(kept).tokenizer.get_vocab_size() == size  # type: ignore[attr-defined]
    assert load_torch(kept / "torch").config.vocab_size == size  # type: ignore[union-attr]
    scores = second.session(place / "tuned", baseline).accuracies()
    assert [score.kind for score in scores] == ["measured", "measured"]


def test_the_teacher_answers_with_its_own_tokenizer(place: Path) -> None:
    plain, trimmed = bench(place, [TUNE]), bench(place, [TRIM, TUNE])
    trimmed.make_artefact(place / "again", trimmed.baseline_artefact())
    asked = np.load(next((place / "home" / "cache" / "logits").glob("*.npy")))
    from explorer.training import evaluate

    expected = evaluate(plain.loaded.model, plain.task.splits["train"], plain.loaded.preprocessor, fast=True)
    assert np.allclose(asked, expected, atol=1e-5)
