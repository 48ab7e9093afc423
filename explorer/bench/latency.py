"""Can the latencies be trusted: do they agree with a plain script, and with themselves?"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from explorer.bench.row import Row, temporary_home
from explorer.home import home
from explorer.measure import lock
from explorer.measure.host import default_threads
from explorer.measure.latency import measure_latency
from explorer.measure.shapes import Shape
from explorer.result import Latency

PLAIN = Path(__file__).with_name("plain_latency.py")
TARGET = "cpu-onnxruntime"
ARTEFACTS: tuple[tuple[str, dict[str, Any], Shape], ...] = (
    ("minilm-tweets", {"technique": "int8-dynamic"}, (1, 128)),
    ("minilm-tweets", {"technique": "prune-neurons", "sparsity": 0.5, "importance": "l2"}, (8, 128)),
    ("vit-digits", {"technique": "weight-bits", "bits": 8}, (8, 28)),
)
TURNS = 3
TIMES = 10
BUSY = "while True: pass"


def agreement() -> Iterator[Row]:
    """Speed-ups of three artefacts beside those of ``plain_latency.py``: medians of turns, one after the other.

    They alternate because a machine has moods that last for minutes and shift a ratio by more than either of them errs.
    """
    threads = default_threads()
    for model, step, shape in ARTEFACTS:
        with _alone(), artefact(model, step) as (variant, baseline):
            entries, plain = [], []
            for seed in range(TURNS):
                entries += measure_latency(variant, baseline, TARGET, [shape], seed=seed)
                plain.append(_plain(variant, baseline, shape, threads))
        ours, theirs = median(float(entry.speedup or 0) for entry in entries), median(plain)
        name = f"{model} {step['technique']} at {shape[0]} x {shape[1]}"
        yield Row(f"{name}: measured, plain script", f"{ours:.3f}, {theirs:.3f}{_mark(entries)}")
        yield Row("  difference", f"{100 * abs(ours / theirs - 1):.1f} %", "at most 5 %")
        yield Row("  each turn", "; ".join(f"{e.speedup:.3f}, {p:.3f}" for e, p in zip(entries, plain, strict=True)))


def _plain(variant: Path, baseline: Path, shape: Shape, threads: int) -> float:
    command = [sys.executable, str(PLAIN), str(baseline / "model.onnx"), str(variant / "model.onnx")]
    sizes = [str(number) for number in (*shape, threads)]
    done = subprocess.run([*command, *sizes], capture_output=True, text=True, check=True, cwd=variant)
    return float(done.stdout)


def repeatability() -> Iterator[Row]:
    """How far the speed-up of one artefact spreads when it is measured ten times, quiet and beside a busy core."""
    model, step, _ = ARTEFACTS[0]
    with _alone(), artefact(model, step) as (variant, baseline):
        shapes: list[Shape] = [(1, 128), (1, 32), (8, 128)]
        rounds = [measure_latency(variant, baseline, TARGET, shapes, seed=seed) for seed in range(TIMES)]
        for place, (batch, length) in enumerate(shapes):
            entries = [entries[place] for entries in rounds]
            goal = "at most 5 %" if place == 0 else ""
            yield _spread(f"{TIMES} times quiet, {batch} x {length}", entries, goal)
        with _busy_core():
            entries = [
                measure_latency(variant, baseline, TARGET, [(1, 128)], seed=seed, patience_s=0)[0]
                for seed in range(TIMES)
            ]
        yield _spread(f"{TIMES} times beside a busy core, 1 x 128", entries, "at most 15 %, or marked noisy")


def _alone() -> contextlib.AbstractContextManager[None]:
    """Keeps the runs of the reader's own home away meanwhile."""
    return lock.measuring_slot(home(), lambda text: print(text, file=sys.stderr))


@contextlib.contextmanager
def artefact(model: str, step: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """The folders of a variant made by one step and of its baseline."""
    from explorer.pipeline import Bench
    from explorer.recipe import Recipe

    with temporary_home(), tempfile.TemporaryDirectory() as folder:
        bench = Bench(Recipe.parse({"model": model, "steps": [step]}), lambda **_: None)
        baseline, variant = bench.baseline_artefact(), Path(folder, "variant")
        bench.make_artefact(variant, baseline)
        yield variant, baseline


def _spread(what: str, entries: list[Latency], goal: str) -> Row:
    ratios = [float(entry.speedup or 0) for entry in entries]
    spread = (max(ratios) - min(ratios)) / median(ratios)
    return Row(f"{what}: median, spread", f"{median(ratios):.3f}, {100 * spread:.1f} %{_mark(entries)}", goal)


def _mark(entries: list[Latency]) -> str:
    noisy = sum(bool(entry.noisy) for entry in entries)
    return f" ({noisy} of {len(entries)} noisy)" if noisy else ""


@contextlib.contextmanager
def _busy_core() -> Iterator[None]:
    neighbour = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()
