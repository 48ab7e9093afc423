"""Finished runs and bundles of tiny artefacts, and reports about them, for the tests of measuring elsewhere."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from explorer.export import export_bundle
from explorer.measure.travel import write_inputs
from explorer.tasks import Split
from tests.measure.tiny import CLASSES, WORDS, save_image, save_text, text_graph

GPU_HOST = {
    "cpu": "Imaginary Server CPU",
    "isa": ["avx2"],
    "cores": 16,
    "threads": 16,
    "memory_bytes": 10**11,
    "os": "Linux",
    "python": "3.12",
    "versions": {"onnxruntime": "1.31.1"},
    "gpu": {"name": "Imaginary GPU", "driver": "999.9", "memory_bytes": 10**11},
}


def text_split(count: int = 40) -> Split:
    """Texts of the tiny vocabulary with labels at random."""
    draw = np.random.default_rng(3)
    texts = [" ".join(f"w{i}" for i in draw.integers(2, WORDS, size=draw.integers(1, 15))) for _ in range(count)]
    return Split(texts, draw.integers(0, CLASSES, count))


def image_split(count: int = 40) -> Split:
    """Grey images of 8 x 8 pixels with labels at random."""
    draw = np.random.default_rng(4)
    return Split(draw.integers(0, 256, (count, 8, 8), dtype=np.uint8), draw.integers(0, CLASSES, count))


def finished_run(folder: Path, kind: str = "text", inputs: bool = True, shapes: Any = ((1, 16),)) -> Path:
    """A run folder as the pipeline leaves it, as far as an export reads it."""
    artefact = save_text(folder / "artefact", text_graph()) if kind == "text" else _image(folder)
    (artefact / "model.json").write_text(json.dumps({"labels": ["a", "b", "c"], "kind": kind}))
    if inputs:
        write_inputs(folder, artefact, text_split() if kind == "text" else image_split(), seed=0)
    write_result(folder, kind, shapes)
    return folder


def write_result(folder: Path, kind: str = "text", shapes: Any = ((1, 16),)) -> None:
    """The result of a run whose artefact was put into its folder; a third part of a shape says how long texts are."""
    latency = [
        {"target": "cpu-onnxruntime", "batch": batch, "sequence": tokens, "lengths": (*more, "padded")[0]}
        for batch, tokens, *more in shapes
    ]
    recipe = {"model": "tiny", "steps": [{"technique": "int8-dynamic"}], "targets": ["cpu-onnxruntime"], "seed": 0}
    artefact = {"folder": "artefact", "files": {}, "digest": "0" * 16, "model_sha256": sha256(folder / "artefact")}
    result = {"run": folder.name, "kind": kind, "recipe": recipe, "artefact": artefact, "latency": latency}
    (folder / "result.json").write_text(json.dumps(result))


def bundle(place: Path, **given: Any) -> Path:
    """An unpacked bundle of such a run."""
    return export_bundle(finished_run(place / "run", **given), place / "bundle", "folder")


def load_measure(folder: Path) -> ModuleType:
    """The bundle's own ``measure.py`` as a module."""
    specification = importlib.util.spec_from_file_location("measure_of_a_bundle", folder / "measure.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def sha256(artefact: Path) -> str:
    """The digest of an artefact's model."""
    return hashlib.sha256((artefact / "model.onnx").read_bytes()).hexdigest()


def gpu_report(model_sha256: str, **changes: Any) -> dict[str, Any]:
    """What a GPU server might report about a model, as plain data."""
    latency = {
        "target": "cuda-onnxruntime",
        "batch": 1,
        "sequence": 32,
        "repeats": 50,
        "threads": 16,
        "p50_ms": 0.5,
        "p90_ms": 0.6,
        "p95_ms": 0.7,
        "p99_ms": 0.8,
        "p50_low_ms": 0.4,
        "p50_high_ms": 0.6,
        "throughput_per_s": 2000.0,
        "baseline_p50_ms": 1.0,
        "speedup": 2.0,
        "speedup_low": 1.9,
        "speedup_high": 2.1,
        "control": 1.0,
        "noisy": False,
        "noise_reason": None,
    }
    accuracy = {
        "target": "cuda-onnxruntime",
        "split": "validation",
        "samples": 200,
        "value": 0.8,
        "ci_low": 0.74,
        "ci_high": 0.85,
        "baseline": 0.81,
        "difference": -0.01,
        "flips": {"right_to_wrong": 5, "wrong_to_right": 3},
    }
    return {
        "format": "compression-explorer-measurements",
        "version": 1,
        "tool": "measure.py",
        "model_sha256": model_sha256,
        "baseline_sha256": None,
        "measured_at": "2026-11-21T09:00:00+00:00",
        "device": {"name": "Imaginary GPU", "driver": "999.9", "memory_bytes": 10**11},
        "host": GPU_HOST,
        "latency": [latency, {**latency, "batch": 8, "p50_ms": 2.0, "throughput_per_s": 4000.0}],
        "accuracy": [accuracy],
        "agreement": [{"target": "cuda-onnxruntime", "samples": 200, "same": 200, "largest_difference": 0.001}],
        "targets": [],
        **changes,
    }


def _image(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return save_image(folder / "artefact")
