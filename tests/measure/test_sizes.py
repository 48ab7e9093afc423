"""Images of other sizes than the model's own, on every target."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from explorer import deploy
from explorer.measure.cost import costs
from explorer.measure.latency import measure_target
from explorer.measure.runners import open_runner
from explorer.measure.session import Session
from explorer.measure.targets import availability
from explorer.models.structure import save_torch
from explorer.recipe import Measuring
from explorer.remeasure import measure_bundle
from tests.measure.tiny import save_cnn
from tests.support.bundles import bundle, sha256
from tests.techniques.workbench import Workbench, workbench

QUICK = {"threads": 1, "min_repeats": 3, "min_seconds": 0.0, "max_seconds": 5.0, "patience_s": 0.0}
SHAPES = [(1, 8), (2, 12)]
LABELS = ["a", "b", "c"]


def saved(bench: Workbench, folder: Path) -> Path:
    """An artefact as the pipeline writes it, as far as the targets read it."""
    folder.mkdir()
    deploy.save_graph(deploy.export(bench.model, bench.preprocessor), folder / "model.onnx")
    bench.preprocessor.save(folder)
    save_torch(bench.model, folder / "torch")
    return folder


@pytest.mark.parametrize("target", ["cpu-onnxruntime", "cpu-openvino-fp32", "cpu-torch"])
def test_a_cnn_answers_at_another_size_on_every_target_as_pytorch_does(tmp_path, target) -> None:
    if reason := availability(target):
        pytest.skip(reason)
    bench = workbench("cnn")
    tensors = bench.preprocessor.dummy_at((3, 13))
    with torch.inference_mode():
        expected = bench.model(pixel_values=torch.from_numpy(tensors["pixel_values"])).logits.numpy()
    given = open_runner(saved(bench, tmp_path / "cnn"), target, 1)(tensors)
    assert np.abs(given - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_grid_of_sizes_is_timed(tmp_path) -> None:
    folder = save_cnn(tmp_path / "cnn")
    found, use = measure_target(folder, folder, "cpu-onnxruntime", SHAPES, **QUICK)
    assert [(entry.batch, entry.sequence, entry.kind) for entry in found] == [(*shape, "measured") for shape in SHAPES]
    assert (use.energy.batch, use.energy.sequence) == (2, 12)


def test_a_vision_transformer_is_timed_at_its_own_size_and_says_why_not_at_others(tmp_path) -> None:
    folder = saved(workbench("vit"), tmp_path / "vit")
    (own, other), use = measure_target(folder, folder, "cpu-onnxruntime", SHAPES, **QUICK)
    assert own.kind == "measured" and (other.kind, other.p50_ms) == ("unavailable", None)
    assert other.reason == (
        "This model file takes images of 8 x 8 pixels only, since its position embeddings fit no other size."
    )
    assert (use.energy.batch, use.energy.sequence) == (1, 8)
    assert measure_target(folder, folder, "cpu-onnxruntime", [(2, 12)], **QUICK)[1] is None, "nothing was left to time"


def test_a_baseline_of_one_size_is_reason_enough(tmp_path, image_artefact) -> None:
    folder = save_cnn(tmp_path / "cnn")
    (other,), _ = measure_target(folder, image_artefact, "cpu-onnxruntime", [(1, 12)], **QUICK)
    assert other.reason == "This model file takes images of 8 x 8 pixels only."


def test_a_size_that_is_too_small_is_unavailable_and_the_others_are_timed(tmp_path) -> None:
    folder = save_cnn(tmp_path / "cnn", kernel=6, pads=0)
    own, small, large = measure_target(folder, folder, "cpu-onnxruntime", [(1, 8), (1, 5), (1, 12)], **QUICK)[0]
    assert (own.kind, small.kind, large.kind) == ("measured", "unavailable", "measured")
    assert small.reason.startswith("The model does not run on images of 5 pixels a side here: ")


def test_work_is_counted_at_the_size(tmp_path) -> None:
    own, twice = costs(save_cnn(tmp_path / "cnn"), [(1, 8), (1, 16)])
    head = 2 * 4 * 3
    products = [2 * 9 * 4 * side * side for side in (8, 16)]  # 9 weights for each of 4 maps
    assert [cost.operations["fp32"] - others for cost, others in zip((own, twice), products, strict=True)] == [
        pytest.approx(head + 4 * side * side, rel=0.05) for side in (8, 16)
    ], "the rest is the average over each map and the last product"


def test_a_bundle_is_measured_again_at_other_sizes(tmp_path, monkeypatch) -> None:
    folder = bundle(tmp_path, kind="image", shapes=((2, 8),))
    shutil.copy(save_cnn(tmp_path / "cnn") / "model.onnx", folder / "model.onnx")
    results = {"artefact": {"model_sha256": sha256(folder)}, "latency": [{"batch": 2, "sequence": 8}], "labels": LABELS}
    (folder / "results.json").write_text(json.dumps(results))
    monkeypatch.setattr("explorer.measure.latency.measure_target", partial(measure_target, **QUICK))
    found = measure_bundle(folder, lambda **_: None, ["cpu-onnxruntime"], sizes=[12])
    assert [(entry.batch, entry.sequence) for entry in found.latency] == [(2, 8), (2, 12)], "its batches stay"
    assert found.report().latency[1].p50_ms > 0


def session(folder: Path, kind: str, **how: object) -> Session:
    """A session that only knows which shapes there are."""
    return Session(
        folder, folder, "", True, SimpleNamespace(kind=kind), (), Measuring(**how), 0, lambda **_: None
    )  # fmt: skip


def test_starts_and_profiles_are_made_at_the_own_size(tmp_path, text_artefact) -> None:
    images = session(save_cnn(tmp_path / "cnn"), "image", batches=(2, 1), sizes=(12, "own"))
    assert images.shapes == [(2, 8), (1, 8), (2, 12), (1, 12)] and images.usual_shapes == [(2, 8), (1, 8)]
    texts = session(text_artefact, "text", batches=(2,), lengths=(8, 4))
    assert texts.usual_shapes == texts.shapes == [(2, 8), (2, 4)]
