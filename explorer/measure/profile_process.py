"""The process that profiles operators: ``python -m explorer.measure.profile_process SPECIFICATION ANSWER``.

ONNX Runtime's profiler writes the start and the duration of every operator of every call into a file. Variant and
baseline are loaded side by side and called in a fresh random order each round, as for latency.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from explorer.measure.host import pin
from explorer.measure.layers import Layers
from explorer.measure.process import serve
from explorer.measure.runners import MODEL_FILE
from explorer.measure.runners.onnx_runtime import session_options
from explorer.models.preprocess import Preprocessor

Event = dict[str, Any]
"""One entry of a profile; ``ts`` and ``dur`` are its start and duration in microseconds."""

Timed = tuple[str, str, float]
"""Name of a node, its operator type, microseconds a call."""

KERNEL_SUFFIX = "_kernel_time"
WARM_UP_ROUNDS = 5
FEWEST_ROUNDS = 10
MOST_ROUNDS = 60
"""A profile takes about 1 kB for each operator of each call."""

NEXT_TO_NOTHING = frozenset({"Flatten", "Identity", "Reshape", "Shape", "Squeeze", "Unsqueeze"})
"""Operators that only say how a tensor is to be read."""


def measure(specification: dict[str, Any]) -> dict[str, Any]:
    """For variant and baseline: ``[layer, operator type, ms a call]`` of each operator, and stored bytes by layer."""
    threads = specification["threads"]
    pin(threads)
    with tempfile.TemporaryDirectory(prefix="explorer-profile-") as scratch:
        sides = {
            name: Side(Path(folder), specification["shape"], threads, Path(scratch) / name)
            for name, folder in specification["folders"].items()
        }
        rounds = run_rounds(list(sides.values()), specification["seed"], specification["seconds"])
        times = {name: side.times(rounds) for name, side in sides.items()}
        own_us = profilers_own_us(chain.from_iterable(times.values()))
        return {name: side.answer(times[name], own_us) for name, side in sides.items()}


class Side:
    """One artefact under the profiler."""

    def __init__(self, folder: Path, shape: Sequence[int], threads: int, scratch: Path) -> None:
        scratch.mkdir()
        self.path, self.optimized = folder / MODEL_FILE, scratch / "optimized.onnx"
        options = profiling_options(scratch, threads)
        options.optimized_model_filepath = str(self.optimized)
        self.session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        batch, sequence = shape
        tensors = Preprocessor.load(folder).dummy_at((batch, sequence))
        self.feed = {node.name: tensors[node.name] for node in self.session.get_inputs()}

    def run(self) -> None:
        self.session.run(["logits"], self.feed)

    def times(self, rounds: int) -> list[Timed]:
        """What each operator took in the last ``rounds`` calls."""
        events: list[Event] = json.loads(Path(self.session.end_profiling()).read_text(encoding="utf-8"))
        return operator_times(events, rounds)

    def answer(self, times: Sequence[Timed], own_us: float) -> dict[str, Any]:
        """The times by layer; the file that ONNX Runtime made of the graph tells where fused operators belong."""
        layers = Layers(onnx.load(self.path), onnx.load(self.optimized))
        operators = [[layers.of_node(node), kind, max(0.0, took - own_us) / 1000] for node, kind, took in times]
        return {"operators": operators, "bytes": layers.stored_bytes()}


def profiling_options(scratch: Path, threads: int) -> Any:
    """The usual options with the profiler on."""
    options = session_options(threads)
    options.enable_profiling = True
    options.profile_file_prefix = str(scratch / "profile")
    return options


def run_rounds(sides: Sequence[Side], seed: int, seconds: float) -> int:
    """Warm up, then call all sides in random order for about ``seconds`` each; returns the number of rounds."""
    for _ in range(WARM_UP_ROUNDS):
        for side in sides:
            side.run()
    order, shuffle = list(sides), random.Random(seed).shuffle
    rounds, end = 0, time.perf_counter() + len(sides) * seconds
    while rounds < FEWEST_ROUNDS or (time.perf_counter() < end and rounds < MOST_ROUNDS):
        shuffle(order)
        for side in order:
            side.run()
        rounds += 1
    return rounds


def operator_times(events: Sequence[Event], runs: int) -> list[Timed]:
    """What every operator took a call, over the last ``runs`` calls of a profile.

    The middle half of a node's times is averaged: as robust as the median, and finer than the profiler's whole
    microseconds. Operators inside a loop or a branch belong to the operator around them.
    """
    starts = sorted(event["ts"] for event in events if event["name"] == "model_run")[-runs:]
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    until = 0
    for event in sorted(events, key=lambda event: (event["ts"], -event.get("dur", 0))):
        if not event["name"].endswith(KERNEL_SUFFIX) or event["ts"] < until:
            continue
        until = event["ts"] + event["dur"]
        if event["ts"] >= starts[0]:
            details = event["args"]
            name = event["name"].removesuffix(KERNEL_SUFFIX)
            times[name, details["op_name"], details["node_index"]].append(event["dur"])
    return [(name, kind, middle_mean(each)) for (name, kind, _), each in times.items()]


def middle_mean(values: Sequence[float]) -> float:
    """The mean of the middle half."""
    quarter = len(values) // 4
    return float(np.mean(sorted(values)[quarter : len(values) - quarter]))


def profilers_own_us(times: Iterable[tuple[str, str, float]]) -> float:
    """What the profiler itself adds to each operator: what it says of those that do next to nothing; 0 without any.

    It notes shapes and memory of each operator while its clock runs, which made a model of 200 operators and 0.3 ms
    look twice as slow.
    """
    found = [took for _, kind, took in times if kind in NEXT_TO_NOTHING]
    return float(np.median(found)) if found else 0.0


if __name__ == "__main__":
    serve(measure)
