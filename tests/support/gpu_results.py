"""Made-up runs as if they had been measured on a GPU: for tests of charts and pages only."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from tests.support.sample_results import OTHER_HOST, SampleRun

CPU, GPU = "cpu-onnxruntime", "cuda-onnxruntime"
GPU_HOST = {**OTHER_HOST, "gpu": {"name": "Imaginary GPU"}}


def measured_on_gpu(run: SampleRun, beside_cpu: bool) -> SampleRun:
    """The run on a GPU where every call takes a quarter of its time on the CPU; ``beside_cpu`` keeps that one, too."""
    result = deepcopy(run.result or {})
    cpu = [entry for entry in result["latency"] if entry["target"] == CPU]
    times = ("p50_ms", "p50_low_ms", "p50_high_ms")
    gpu = [{**entry, "target": GPU, **{key: entry[key] / 4 for key in times}} for entry in cpu]
    result["latency"] = [*(cpu if beside_cpu else []), *gpu]
    result["accuracy"] = [{**result["accuracy"][0], "target": name} for name in ((CPU, GPU) if beside_cpu else (GPU,))]
    return replace(run, result={**result, "host": GPU_HOST})
