"""Measure the exported model on this machine: python measure.py --provider cuda

Needs numpy and onnxruntime only (onnxruntime-gpu for cuda and tensorrt). The model is timed beside baseline.onnx and a
second copy of it where that file is here, its answers are compared with those given at home, and everything goes into
one file that the Compression Explorer takes in: python -m explorer import-measurements measurements.json
The name of this machine, its users and its folders are not written.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # so that nvidia-smi and onnxruntime count alike
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # from 1.31 on onnxruntime would report its use to its makers
try:
    import numpy as np
    import onnxruntime
except ImportError as missing:
    print(f"{missing.name} is not installed; expected are numpy and onnxruntime.", file=sys.stderr)
    raise SystemExit(2) from None

HERE = Path(__file__).resolve().parent
TARGETS = {
    "cpu": ("cpu-onnxruntime", "CPUExecutionProvider", "onnxruntime"),
    "cuda": ("cuda-onnxruntime", "CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("cuda-tensorrt", "TensorrtExecutionProvider", "onnxruntime-gpu and TensorRT"),
}
REPEATS, SECONDS, MOST_SECONDS = 50, 2.0, 60.0
TURN_SECONDS, MOST_CALLS_PER_TURN = 0.05, 16
X86 = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
INSTRUCTION_SETS = (*X86, "asimd", "i8mm", "sve")
PERCENTS = (50, 90, 95, 99)
REAL_BATCHES = 32
SIDES = (8, 1024)
CONTROL_WITHIN, BEARABLE_CORES = 0.05, 0.15
Z95 = 1.959963984540054

Feed = dict[str, Any]
Calls = dict[str, list[Callable[[], Any]]]


class Stop(Exception):
    """What was given cannot be used; the text is the one sentence for the user."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise Stop(f"{message[0].upper()}{message[1:]}.")


def main(words: list[str] | None = None) -> int:
    """Measure and write the file; returns the exit status, 2 with one sentence for bad input."""
    try:
        given = parse(words)
        report = measure(given.provider, given.threads, given.baseline, given.sizes)
        write(given.to, report)
    except Stop as reason:
        print(" ".join(str(reason).split()), file=sys.stderr)
        return 2
    print_summary(report)
    print(f"Written to {given.to}. Take it in: python -m explorer import-measurements {given.to.name}")
    return 0


def parse(words: list[str] | None) -> argparse.Namespace:
    """The options, checked."""
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--provider", choices=list(TARGETS), default="cpu", help="what runs the model")
    parser.add_argument("--threads", type=int, default=physical_cores(), help="threads on the processor")
    parser.add_argument("--baseline", type=Path, help="the uncompressed model; baseline.onnx where it is here")
    parser.add_argument("--sizes", default="", help="pixels of an image's side besides the model's own, such as 32,56")
    parser.add_argument("--to", type=Path, default=Path("measurements.json"), help="the file to write")
    given = parser.parse_args(words)
    if not 1 <= given.threads <= 1024:
        raise Stop(f"--threads must be from 1 to 1024; given was {given.threads}.")
    given.sizes = [word.strip() for word in given.sizes.split(",") if word.strip()]
    if not all(word.isdecimal() and SIDES[0] <= int(word) <= SIDES[1] for word in given.sizes):
        raise Stop(f"--sizes takes whole numbers from {SIDES[0]} to {SIDES[1]}; given was {','.join(given.sizes)}.")
    given.sizes = list(map(int, given.sizes))
    if given.baseline is None and (HERE / "baseline.onnx").is_file():
        given.baseline = HERE / "baseline.onnx"
    elif given.baseline is not None and not given.baseline.is_file():
        raise Stop(f"There is no baseline '{given.baseline}'; expected is the uncompressed model as an ONNX file.")
    if not given.to.parent.is_dir() or given.to.is_dir():
        raise Stop(f"'{given.to}' cannot be written; expected is a file in a folder that is there.")
    return given


def measure(provider: str, threads: int, baseline: Path | None, sizes: list[int]) -> dict[str, Any]:
    """Everything that is written, as plain data."""
    results = read_results()
    digest = checked_digest(results)
    travelling = read_inputs()
    contestants = {"variant": HERE / "model.onnx"}
    if baseline is not None:
        contestants |= {"baseline": baseline, "control": baseline}
    sessions = {name: open_session(path, provider, threads) for name, path in contestants.items()}
    accuracy, agreement = answers(sessions, provider, travelling)
    latency = [timing(sessions, provider, threads, shape, travelling) for shape in shapes(results, sizes)]
    host = fingerprint(threads, provider)
    return {
        "format": "compression-explorer-measurements",
        "version": 1,
        "tool": "measure.py",
        "model_sha256": digest,
        "baseline_sha256": None if baseline is None else sha256(baseline),
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        "device": device(host, provider),
        "host": host,
        "latency": latency,
        "accuracy": accuracy,
        "agreement": agreement,
        "targets": [target_use(sessions["variant"], provider, threads)],
    }


def read_results() -> dict[str, Any]:
    """``results.json`` beside this script."""
    try:
        results: dict[str, Any] = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
        results["artefact"]["model_sha256"], results["latency"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Stop("There is no usable results.json beside measure.py; expected is an unpacked bundle.") from None
    return results


def checked_digest(results: dict[str, Any]) -> str:
    """The digest of ``model.onnx``; stops when it is not the file that the results are about."""
    path, expected = HERE / "model.onnx", str(results["artefact"]["model_sha256"])
    if not path.is_file():
        raise Stop("There is no model.onnx beside measure.py; expected is an unpacked bundle.")
    found = sha256(path)
    if found != expected:
        raise Stop(
            f"model.onnx is not the file that results.json is about: its SHA-256 begins with {found[:12]}, "
            f"expected is {expected[:12]}."
        )
    return found


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_inputs() -> dict[str, Any] | None:
    """The arrays of ``inputs.npz``, or None where the bundle came without."""
    path = HERE / "inputs.npz"
    if not path.is_file():
        print("There is no inputs.npz: timing random inputs, and no accuracy.", file=sys.stderr)
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        complete = len({len(array) for array in arrays.values()}) == 1 and len(arrays["labels"])
        if not complete or arrays["logits"].ndim != 2:
            raise ValueError
    except Exception:
        raise Stop("inputs.npz cannot be read; expected is the file that came with the bundle.") from None
    return arrays


def open_session(path: Path, provider: str, threads: int) -> Any:
    """A session on exactly the wanted provider: onnxruntime by itself falls back to the CPU with a mere warning."""
    _, wanted, package = TARGETS[provider]
    if provider != "cpu" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    there = onnxruntime.get_available_providers()
    if wanted not in there:
        raise Stop(f"This onnxruntime has no {wanted} (it has {', '.join(there)}); expected is {package}.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # threads that spin after a call would take the cores from the contestant that is called next
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    settings = {"cuda": {"use_tf32": "0"}, "tensorrt": {"trt_fp16_enable": "1"}}.get(provider, {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session = onnxruntime.InferenceSession(str(path), options, providers=[(wanted, settings)])
    except Exception as error:
        raise Stop(f"onnxruntime cannot load {path.name}: {str(error)[:300]}.") from None
    given = session.get_providers()[0]
    if given != wanted:
        raise Stop(f"onnxruntime fell back to {given}, so nothing was measured; expected is {wanted}.")
    return session


def answers(sessions: dict[str, Any], provider: str, travelling: dict[str, Any] | None) -> tuple[list[Any], list[Any]]:
    """Accuracy on the inputs that travel along, and how many answers equal those given at home."""
    if travelling is None:
        return [], []
    target, labels, home = TARGETS[provider][0], travelling["labels"], travelling["logits"]
    given = {name: logits(sessions[name], provider, travelling) for name in sessions if name != "control"}
    variant = given["variant"]
    if variant.shape != home.shape:
        raise Stop("inputs.npz does not fit model.onnx: the number of classes differs.")
    right = {name: np.isfinite(rows).all(axis=1) & (rows.argmax(axis=1) == labels) for name, rows in given.items()}
    value, count = float(right["variant"].mean()), len(labels)
    low, high = wilson(int(right["variant"].sum()), count)
    entry = {"target": target, "split": "validation", "samples": count, "value": value, "ci_low": low, "ci_high": high}
    if "baseline" in given:
        before = float(right["baseline"].mean())
        lost, won = right["baseline"] & ~right["variant"], ~right["baseline"] & right["variant"]
        entry |= {"baseline": before, "difference": value - before}
        entry["flips"] = {"right_to_wrong": int(lost.sum()), "wrong_to_right": int(won.sum())}
        entry["agreement"] = float((variant.argmax(axis=1) == given["baseline"].argmax(axis=1)).mean())
    same = int((variant.argmax(axis=1) == home.argmax(axis=1)).sum())
    furthest = float(np.abs(variant - home).max())
    agreed = {"target": target, "samples": count, "same": same, "largest_difference": finite(furthest)}
    return [entry], [agreed]


def logits(session: Any, provider: str, travelling: dict[str, Any]) -> Any:
    """Answers [N, classes], each input by itself: an answer must not depend on the company it is in."""
    rows = []
    for row in range(len(travelling["labels"])):
        # TensorRT builds an engine for every new length, so there the padding stays
        end = None if provider == "tensorrt" else row_length(travelling, row)
        feed = {node.name: tensor(travelling, node.name)[row : row + 1] for node in session.get_inputs()}
        feed = {name: array if end is None else np.ascontiguousarray(array[:, :end]) for name, array in feed.items()}
        rows.append(session.run(["logits"], feed)[0][0])
    return np.array(rows, dtype=np.float32)


def tensor(travelling: dict[str, Any], name: str) -> Any:
    if f"input.{name}" not in travelling:
        raise Stop(f"inputs.npz has no '{name}', which the model takes; expected is the file that came with it.")
    return travelling[f"input.{name}"]


def row_length(travelling: dict[str, Any], row: int) -> int | None:
    return int(travelling["lengths"][row]) if "lengths" in travelling else None


def shapes(results: dict[str, Any], sizes: list[int]) -> list[tuple[int, int]]:
    """(batch, tokens or pixels of a side) of every timing at home, each once; 0 tokens stand for real lengths.

    ``sizes`` of images that are asked for stand instead of those at home, after the model's own.
    """
    found = []
    for entry in results["latency"]:
        shape = int(entry["batch"]), 0 if entry.get("lengths") == "real" else int(entry["sequence"])
        if shape not in found:
            found.append(shape)
    if not sizes:
        return found or [(1, 128)]
    settings = read_settings()
    if settings["kind"] != "image":
        raise Stop("--sizes is for models of images; this one takes texts.")
    batches = dict.fromkeys(batch for batch, _ in found or [(1, 0)])
    return [(batch, side) for side in dict.fromkeys([settings["height"], *sizes]) for batch in batches]


def timing(
    sessions: dict[str, Any],
    provider: str,
    threads: int,
    shape: tuple[int, int],
    travelling: dict[str, Any] | None,
) -> dict[str, Any]:
    """One latency entry; where a model does not take images of this size, the reason instead of times."""
    print(f"Timing batches of {shape[0]} x {shape[1] or 'real lengths'} ...", file=sys.stderr, flush=True)
    inputs = feeds(shape, sessions["variant"], travelling)
    settings = read_settings()
    try:
        if settings["kind"] == "image" and shape[1] != settings["height"]:
            for session in sessions.values():
                session.run(["logits"], inputs[0])
    except Exception as error:
        reason = f"The model does not run on images of {shape[1]} pixels a side here: {clean(str(error))[:200]}"
        entry = {"target": TARGETS[provider][0], "kind": "unavailable", "reason": reason.rstrip(".") + "."}
        return {**entry, "batch": shape[0], "sequence": shape[1], "lengths": "padded"}
    return time_shape(sessions, provider, threads, shape, inputs)


def read_settings() -> dict[str, Any]:
    """How inputs were made into arrays: ``preprocessor.json``."""
    try:
        settings: dict[str, Any] = json.loads((HERE / "preprocessor.json").read_text(encoding="utf-8"))
        if settings["kind"] == "image":
            settings["channels"], settings["height"], settings["width"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Stop("There is no usable preprocessor.json beside measure.py; expected is an unpacked bundle.") from None
    return settings


def feeds(shape: tuple[int, int], session: Any, travelling: dict[str, Any] | None) -> list[Feed]:
    """What the contestants are called with at one shape: one batch, or many where lengths are real."""
    batch, tokens = shape
    names = [node.name for node in session.get_inputs()]
    if travelling is None:
        return [random_feed(names, batch, tokens or 128)]
    arrays = {name: tensor(travelling, name) for name in names}
    count = len(travelling["labels"])
    if "lengths" not in travelling:
        return [{name: resized(array[np.arange(batch) % count], tokens) for name, array in arrays.items()}]
    if tokens:
        return [{name: filled(array, travelling["lengths"], batch, tokens) for name, array in arrays.items()}]
    draws = np.random.default_rng(0).integers(0, count, (REAL_BATCHES, batch))
    longest = [int(travelling["lengths"][rows].max()) for rows in draws]
    return [
        {name: np.ascontiguousarray(array[draws[i], : longest[i]]) for name, array in arrays.items()}
        for i in range(REAL_BATCHES)
    ]


def filled(array: Any, lengths: Any, batch: int, tokens: int) -> Any:
    """Real tokens, one text after the other without padding, as [batch, tokens]."""
    stream = np.concatenate([array[row, : lengths[row]] for row in range(len(lengths))])
    return np.resize(stream, (batch, tokens))


def resized(images: Any, side: int) -> Any:
    """Images [N, channels, height, width] made ``side`` pixels high by repeating or leaving out pixels."""
    height, width = images.shape[2:]
    rows = np.arange(side) * height // side
    wide = max(1, round(side * width / height))
    return np.ascontiguousarray(images[:, :, rows][:, :, :, np.arange(wide) * width // wide])


def random_feed(names: list[str], batch: int, tokens: int) -> Feed:
    """Random inputs of the right shape, always the same."""
    draw, settings = np.random.default_rng(0), read_settings()
    if settings["kind"] == "image":
        wide = max(1, round(tokens * settings["width"] / settings["height"]))
        shape = (batch, settings["channels"], tokens, wide)
        return {name: draw.standard_normal(shape, dtype=np.float32) for name in names}
    words = len(json.loads((HERE / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    ids = draw.integers(words // 10, words, (batch, min(tokens, settings["max_length"])))
    known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return {name: known[name] for name in names}


def time_shape(
    sessions: dict[str, Any], provider: str, threads: int, shape: tuple[int, int], inputs: list[Feed]
) -> dict[str, Any]:
    """One latency entry: percentiles of the variant and, beside a baseline, the speed-up with its interval."""
    calls = {name: [bind(session, provider, feed) for feed in inputs] for name, session in sessions.items()}
    warm_up(calls)
    busy = busy_seconds()
    started = time.perf_counter()
    times = {name: np.array(spent) / 1e6 for name, spent in time_rounds(calls).items()}
    others = None if busy is None else max(0.0, (busy_seconds() or busy) - busy) / (time.perf_counter() - started)
    variant, batch = times["variant"], shape[0]
    p50, p90, p95, p99 = (float(value) for value in np.percentile(variant, PERCENTS))
    intervals = percentile_intervals(variant, PERCENTS)
    lengths = [next(iter(feed.values())).shape[-1] for feed in inputs]
    entry: dict[str, Any] = {
        "target": TARGETS[provider][0],
        "batch": batch,
        "sequence": shape[1] or round(statistics.mean(lengths)),
        "lengths": "real" if len(inputs) > 1 else "padded",
        "repeats": len(variant),
        "threads": threads,
        "p50_ms": p50,
        "p90_ms": p90,
        "p95_ms": p95,
        "p99_ms": p99,
        "throughput_per_s": batch * 1000 / p50,
    }
    for percent, (low, high) in zip(PERCENTS, intervals, strict=True):
        entry |= {f"p{percent}_low_ms": low, f"p{percent}_high_ms": high}
    if "baseline" in times:
        ratio, ratio_low, ratio_high = median_ratio(times["baseline"], variant)
        entry |= {"speedup": ratio, "speedup_low": ratio_low, "speedup_high": ratio_high}
        entry["baseline_p50_ms"] = float(np.median(times["baseline"]))
        entry["baseline_p50_low_ms"], entry["baseline_p50_high_ms"] = median_interval(times["baseline"])
        entry["control"] = median_ratio(times["baseline"], times["control"])[0]
    noise = noise_reasons(others, entry, threads)
    return entry | {"noisy": bool(noise), "noise_reason": "; ".join(noise) or None}


def bind(session: Any, provider: str, feed: Feed) -> Callable[[], Any]:
    """The bare call, which ends when the result is there. On a GPU, inputs and outputs stay on it."""
    if provider == "cpu":
        return lambda: session.run(["logits"], feed)
    binding = session.io_binding()
    for name, array in feed.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", 0))
    binding.bind_output("logits", "cuda")

    def call() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return call


def timed(call: Callable[[], Any]) -> int:
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


def warm_up(calls: Calls) -> None:
    """Call each input once, then all until two windows in a row have equal medians, for 2 s at most."""
    for inputs in calls.values():
        for call in inputs:
            call()
    end = time.perf_counter() + 2.0
    earlier: dict[str, float] = {}
    while time.perf_counter() < end:
        medians = {name: statistics.median(timed(inputs[0]) for _ in range(3)) for name, inputs in calls.items()}
        if earlier and all(abs(medians[name] / earlier[name] - 1) < 0.05 for name in calls):
            return
        earlier = medians


def time_rounds(calls: Calls) -> dict[str, list[int]]:
    """Nanoseconds by contestant. In each round everyone has a turn, in a fresh random order and with the same inputs.

    The first call of a turn is not timed, since it finds the caches full of the neighbour's weights.
    """
    order, shuffle = list(calls), random.Random(0).shuffle
    times: dict[str, list[int]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0)
    count = calls_per_turn(calls)
    gc.collect()
    gc.disable()
    start, repeats = time.perf_counter(), 0
    while time.perf_counter() - start < MOST_SECONDS and (repeats < REPEATS or min(spent.values()) < SECONDS * 1e9):
        shuffle(order)
        for name in order:
            turn = [calls[name][place % len(calls[name])] for place in range(repeats, repeats + count)]
            if count > 1:
                spent[name] += timed(turn[0])
            taken = [timed(call) for call in turn]
            times[name] += taken
            spent[name] += sum(taken)
        repeats += count
    gc.enable()
    return times


def calls_per_turn(calls: Calls) -> int:
    """Timed calls in a turn: what the slowest contestant does in 0.05 s, at least 1 and at most 16."""
    slowest = max(statistics.median(timed(inputs[0]) for _ in range(3)) for inputs in calls.values())
    return max(1, min(MOST_CALLS_PER_TURN, int(TURN_SECONDS * 1e9 / slowest)))


def noise_reasons(others: float | None, entry: dict[str, Any], threads: int) -> list[str]:
    """What speaks against the figures, each in words."""
    found, bearable = [], max(BEARABLE_CORES, (len(cpus()) - threads) / 2)
    if others is not None and others > bearable:
        found.append(f"other processes kept {others:.2f} cores busy")
    if abs(entry.get("control", 1.0) - 1) > CONTROL_WITHIN:
        found.append(f"a second copy of the baseline measured {entry['control']:.2f} times as fast as the first")
    if entry["repeats"] < REPEATS:
        found.append(f"only {entry['repeats']} of {REPEATS} repeats fitted into the time")
    return found


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval for a share."""
    share = successes / trials
    centre = (share + Z95 * Z95 / (2 * trials)) / (1 + Z95 * Z95 / trials)
    half = Z95 / (1 + Z95 * Z95 / trials) * math.sqrt(share * (1 - share) / trials + Z95 * Z95 / (4 * trials * trials))
    return max(0.0, centre - half) if successes else 0.0, min(1.0, centre + half) if successes < trials else 1.0


def median_interval(values: Any) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    return percentile_intervals(values, [50])[0]


def percentile_intervals(values: Any, percents: Sequence[int]) -> list[tuple[float, float]]:
    """95 % bootstrap interval of each of these percentiles."""
    found = np.array([np.percentile(values[rows], percents) for rows in blocks(len(values))])
    return [(float(low), float(high)) for low, high in np.percentile(found, [2.5, 97.5], axis=0).T]


def median_ratio(numerator: Any, denominator: Any) -> tuple[float, float, float]:
    """Ratio of the medians of two series measured side by side, with its 95 % bootstrap interval."""
    ratios = [np.median(numerator[rows]) / np.median(denominator[rows]) for rows in blocks(len(numerator))]
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(np.median(numerator) / np.median(denominator)), float(low), float(high)


def blocks(length: int) -> Any:
    """Resampled positions, in blocks of neighbours because a disturbance lasts for several rounds (Künsch 1989)."""
    block, resamples = max(1, math.isqrt(length)), min(1000, max(200, 4_000_000 // length))
    starts = np.random.default_rng(0).integers(0, length, size=(resamples, -(-length // block)))
    return ((starts[:, :, None] + np.arange(block)) % length).reshape(resamples, -1)[:, :length]


def target_use(session: Any, provider: str, threads: int) -> dict[str, Any]:
    """What executed the model, operators left to another provider counted, and the GPU's clocks just now."""
    target, wanted, _ = TARGETS[provider]
    words, precision = wanted, "fp16" if provider == "tensorrt" else "stored"
    if hasattr(session, "get_provider_graph_assignment_info"):
        parts = [part.ep_name for part in session.get_provider_graph_assignment_info()]
        others = [name for name in parts if name != wanted]
        if others:
            words += f", {len(others)} of {len(parts)} operators on {'+'.join(sorted(set(others)))}"
    found = {"target": target, "provider": words, "precision_asked": precision, "precision_used": precision}
    clocks = {"sm_clock_mhz": "clocks.sm", "memory_clock_mhz": "clocks.mem", "temperature_c": "temperature.gpu"}
    return {**found, "threads": threads, "gpu": ask_gpu(clocks) if provider != "cpu" else None}


def fingerprint(threads: int, provider: str) -> dict[str, Any]:
    """Processor, cores, threads, memory, system, versions and GPU: what the figures depend on, and nothing else."""
    info = read_text("/proc/cpuinfo").splitlines()
    name = next((line.partition(":")[2] for line in info if line.startswith("model name")), "")
    flags = next((line.partition(":")[2].split() for line in info if line.startswith(("flags", "Features"))), [])
    gpu = ask_gpu({"name": "name", "driver": "driver_version", "memory_mib": "memory.total"})
    if gpu is None and provider != "cpu":
        gpu = {"name": "NVIDIA GPU (nvidia-smi is not here to name it)", "driver": None, "memory_mib": None}
    if gpu is not None:
        memory = gpu.pop("memory_mib")
        gpu["memory_bytes"] = memory << 20 if isinstance(memory, int) else None
    return {
        "cpu": clean(name or output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or "unknown"),
        "isa": [flag for flag in INSTRUCTION_SETS if flag in flags],
        "cores": len(cpus()),
        "threads": threads,
        "memory_bytes": memory_bytes(),
        "os": clean(system()),
        "python": platform.python_version(),
        "versions": {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
        "gpu": gpu,
    }


def device(host: dict[str, Any], provider: str) -> dict[str, Any]:
    """The device that ran the model."""
    if provider == "cpu":
        return {"name": host["cpu"], "driver": None, "memory_bytes": host["memory_bytes"]}
    return {key: host["gpu"][key] for key in ("name", "driver", "memory_bytes")}


def ask_gpu(fields: dict[str, str]) -> dict[str, Any] | None:
    """What nvidia-smi says of the GPU that is used; None where it says nothing."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip()
    one = [f"--id={chosen}"] if chosen else []
    query = f"--query-gpu={','.join(fields.values())}"
    cells = output("nvidia-smi", *one, query, "--format=csv,noheader,nounits").partition("\n")[0].split(",")
    if len(cells) != len(fields):
        return None
    values = [int(cell) if cell.strip().isdigit() else clean(cell) for cell in cells]
    return dict(zip(fields, values))  # noqa: B905 (strict= needs Python 3.10)


def output(*command: str) -> str:
    """What a program prints, or nothing where it is missing or fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def system() -> str:
    kernel = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    for line in read_text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return f"{line.partition('=')[2].strip(chr(34))} ({kernel})"
    return kernel


def memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def cpus() -> list[int]:
    """Logical processors that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def physical_cores() -> int:
    """Cores that this process may use: a second thread on a core does not speed up matrix products."""
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    cores = len({read_text(topology.format(number)) or str(number) for number in cpus()})
    quota, _, period = read_text("/sys/fs/cgroup/cpu.max").partition(" ")  # of a container
    return max(1, min(cores, int(quota) // int(period)) if quota.isdigit() else cores)


def busy_seconds() -> float | None:
    """Processor seconds of all other processes on our processors so far; None where the system does not tell."""
    rows = [line.split() for line in read_text("/proc/stat").splitlines() if line.startswith("cpu")]
    ours = [row for row in rows if row[0][3:].isdigit() and int(row[0][3:]) in cpus()]
    if not ours or not hasattr(os, "sysconf"):
        return None
    # user, nice, system, irq, softirq, steal; idle and waiting are left out
    ticks = sum(int(row[column]) for row in ours for column in (1, 2, 3, 6, 7, 8))
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def clean(text: str) -> str:
    return " ".join(text.split())


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write(path: Path, report: dict[str, Any]) -> None:
    """Write the file whole or not at all."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        draft.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Stop(f"'{path}' cannot be written: {error.strerror}.") from None


def print_summary(report: dict[str, Any]) -> None:
    """The figures for whoever stands before this machine."""
    print(f"{report['device']['name']}, {report['targets'][0]['provider']}")
    for entry in report["latency"]:
        if entry.get("kind") == "unavailable":
            print(f"batch {entry['batch']} x {entry['sequence']}: unavailable: {entry['reason']}")
            continue
        speed = f", {entry['speedup']:.2f} times the baseline" if "speedup" in entry else ""
        noisy = f", noisy: {entry['noise_reason']}" if entry["noisy"] else ""
        print(f"batch {entry['batch']} x {entry['sequence']}: p50 {entry['p50_ms']:.3g} ms{speed}{noisy}")
    for entry in report["accuracy"]:
        print(f"accuracy {entry['value']:.1%} of {entry['samples']} inputs")
    for entry in report["agreement"]:
        print(f"{entry['same']} of {entry['samples']} answers as at home")
    if not report["accuracy"]:
        print("accuracy unavailable: the bundle holds no inputs.npz")


if __name__ == "__main__":
    sys.exit(main())
