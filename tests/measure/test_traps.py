"""Deliberate traps for whoever measures: each must be caught, and called by its name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from explorer import pipeline
from explorer.errors import ExplorerError, Unavailable
from explorer.measure.honesty import suspicions
from explorer.measure.latency import measure_latency
from explorer.measure.latency_process import ClockWatch, time_rounds
from explorer.measure.runners import open_runner, opening
from explorer.measure.size import measure_size
from explorer.recipe import Recipe
from explorer.tasks import Split, Task
from tests.measure.tiny import text_graph
from tests.models import tiny


@pytest.mark.slow
def test_the_baseline_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    tiny.save_bert(tmp_path / "model")
    tiny.write_csv(tmp_path / "data.csv", n=120)
    fields: dict[str, Any] = {"model": str(tmp_path / "model"), "data": str(tmp_path / "data.csv")}
    fields |= {"targets": ["cpu-onnxruntime"], "measure": {"batches": [1]}}
    recipe = Recipe.parse({**fields, "steps": [{"technique": "prune-magnitude", "sparsity": 0.0}]})
    (tmp_path / "run").mkdir()
    result = pipeline.execute(recipe, tmp_path / "run", lambda **_: None, run="trap", digest="trap")
    assert result.findings[0].startswith("This file is the baseline under another name: after prune-magnitude")


def test_a_masked_model_that_claims_to_be_pruned(tmp_path: Path) -> None:
    dense, masked = text_graph(), text_graph()
    for tensor in masked.graph.initializer:
        if tensor.name == "first.weight":
            weight = numpy_helper.to_array(tensor).copy()
            weight[:, ::2] = 0
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    onnx.save(dense, tmp_path / "dense.onnx")
    onnx.save(masked, tmp_path / "masked.onnx")
    result = {
        "recipe": {"steps": [{"technique": "prune-neurons", "sparsity": 0.5}]},
        "size": measure_size(tmp_path / "masked.onnx").model_dump(),
        "baseline_size": measure_size(tmp_path / "dense.onnx").model_dump(),
        "artefact": {"model_sha256": "b" * 64},
    }
    (sentence,) = suspicions(result, baseline_sha256="a" * 64)
    assert sentence.startswith("Masked, not pruned: prune-neurons promises fewer parameters")
    assert "4,608 of them only set to zero" in sentence
    honest = {**result, "size": {**result["size"], "parameters": 9_000}}
    assert suspicions(honest, baseline_sha256="a" * 64) == []
    zeros = {**result, "recipe": {"steps": [{"technique": "prune-magnitude", "sparsity": 0.5}]}}
    assert suspicions(zeros, baseline_sha256="a" * 64) == [], "zeros are what this technique promises"


def test_a_session_that_falls_back_to_the_cpu(image_artefact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "CUDAExecutionProvider" in __import__("onnxruntime").get_available_providers():
        pytest.skip("this machine has CUDA: nothing falls back")
    monkeypatch.setattr(opening, "availability", lambda name: None)
    with pytest.raises(Unavailable, match="gave CPUExecutionProvider instead of CUDAExecutionProvider"):
        open_runner(image_artefact, "cuda-onnxruntime")


def test_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times come from the monotonic clock, so an hour back changes none of them, and the jump itself is seen."""
    real, jump = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    watch = ClockWatch()

    def call() -> int:
        nonlocal jump
        start = time.perf_counter_ns()
        jump = -3600.0
        return time.perf_counter_ns() - start

    limits = {"seed": 0, "min_repeats": 5, "min_seconds": 0.0, "max_seconds": 5.0}
    times = time_rounds({"variant": [call]}, limits)["variant"]
    assert all(0 <= nanoseconds < 1e9 for nanoseconds in times)
    assert watch.jump_s() == pytest.approx(-3600, abs=1)


def test_a_busy_neighbour(text_artefact: Path) -> None:
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        quick = {"threads": 1, "min_repeats": 50, "min_seconds": 0.2, "max_seconds": 5.0, "patience_s": 0.0}
        (entry,) = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8)], **quick)
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    assert entry.noisy
    assert "other processes kept" in str(entry.noise_reason)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_test_split_that_leaks_into_calibration(kind: Any) -> None:
    labels = np.zeros(4, dtype=np.int64)
    images = np.arange(64, dtype=np.uint8).reshape(16, 2, 2)
    inputs: list[Any] = [[f"text {n}" for n in range(start, start + 4)] for start in (0, 4, 8, 12)]
    if kind == "image":
        inputs = [images[start : start + 4] for start in (0, 4, 8, 12)]
    names = ("train", "calibration", "validation", "test")
    splits = {name: Split(part, labels) for name, part in zip(names, inputs, strict=True)}
    Task("clean", kind, ("a",), splits, "digest")
    leaked = ["TEXT  12", *inputs[1][1:]] if kind == "text" else np.concatenate([inputs[3][:1], inputs[1][1:]])
    with pytest.raises(ExplorerError, match="'calibration' of the task 'leaky' leaks into 'test': 1 inputs"):
        Task("leaky", kind, ("a",), {**splits, "calibration": Split(leaked, labels)}, "digest")
