"""Measuring a finished artefact again, by the very protocol of the pipeline: for ``measure`` and ``verify``.

A run of one's own has its data at hand. A bundle on another machine has the inputs that travelled along and, perhaps,
the baseline's file.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.access import check_may_change
from explorer.artefacts import MODEL_FILE, model_sha256, recipe_of
from explorer.context import Report as Tell
from explorer.errors import BadInput, Unavailable
from explorer.home import home
from explorer.measure import lock
from explorer.measure.elsewhere import Agreement, Device, Report
from explorer.measure.targets import availability, check_target_names, targets
from explorer.recipe import Recipe
from explorer.result import Accuracy, Latency, TargetUse

if TYPE_CHECKING:
    from explorer.measure.travel import Travelling

BASELINE_FILE, INPUTS_FILE, RESULTS_FILE = "baseline.onnx", "inputs.npz", "results.json"
SPLIT = "validation"
AGAINST_BASELINE = (
    *("speedup", "speedup_low", "speedup_high"),
    *("baseline_p50_ms", "baseline_p50_low_ms", "baseline_p50_high_ms"),
)


@dataclass
class Measured:
    """What was found out about one artefact on some targets."""

    model_sha256: str
    baseline_sha256: str | None
    accuracy: list[Accuracy] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    targets: list[TargetUse] = field(default_factory=list)
    agreement: list[Agreement] = field(default_factory=list)

    def report(self) -> Report:
        """As the file that another machine takes in."""
        from explorer.measure.host import fingerprint

        host = fingerprint()
        entries: list[Latency | Accuracy] = [*self.latency, *self.accuracy]
        measured = [entry.target for entry in entries if entry.kind == "measured"]
        if not measured:
            reasons = dict.fromkeys(entry.reason for entry in self.latency if entry.reason)
            raise BadInput(f"Nothing could be measured on this machine: {'; '.join(map(str, reasons))}.")
        return Report(
            tool="explorer",
            model_sha256=self.model_sha256,
            baseline_sha256=self.baseline_sha256,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            device=_device(host, measured[0]),
            host=host,
            latency=self.latency,
            accuracy=self.accuracy,
            agreement=self.agreement,
            targets=self.targets,
        )


def measure_run(
    run_folder: Path,
    tell: Tell,
    names: Sequence[str] = (),
    batches: Sequence[int] = (),
    lengths: Sequence[int | str] = (),
    sizes: Sequence[int | str] = (),
) -> Measured:
    """A run's artefact on the targets and at the shapes of its recipe, or on these.

    Nothing that was kept from before stands for an answer of the artefact. Raises ``BadInput`` where its file is gone.
    """
    from explorer.pipeline import Bench

    check_may_change()
    artefact = run_folder / "artefact"
    if not (artefact / MODEL_FILE).is_file():
        raise BadInput(f"The model file of run '{run_folder.name}' is gone; run its recipe again to make it.")
    bench = Bench(_adjusted(recipe_of(run_folder), names, batches, lengths, sizes), tell)
    with lock.training_slot(bench.home, bench.waiting):
        baseline = bench.baseline_artefact()
        session = bench.session(artefact, baseline)
        session.uncompressed = False  # answer with the file itself, also where it should equal the baseline
        found = Measured(model_sha256(artefact / MODEL_FILE), model_sha256(baseline / MODEL_FILE))
        found.accuracy = session.accuracies()
    with lock.measuring_slot(bench.home, bench.waiting):
        found.latency, found.targets = session.latencies()
    return found


def measure_bundle(
    folder: Path,
    tell: Tell,
    names: Sequence[str] = (),
    batches: Sequence[int] = (),
    lengths: Sequence[int | str] = (),
    sizes: Sequence[int | str] = (),
) -> Measured:
    """An unpacked bundle, beside its ``baseline.onnx`` where that is there, on the targets of ONNX Runtime or on these.

    Raises ``BadInput`` where the folder is no bundle or its model is not the one that its results are about.
    """
    check_may_change()
    results = _results(folder)
    found = Measured(model_sha256(folder / MODEL_FILE), None)
    if found.model_sha256 != results["artefact"]["model_sha256"]:
        raise BadInput(
            f"'{folder / MODEL_FILE}' is not the file that results.json is about: its digest begins with "
            f"{found.model_sha256[:12]}, expected is {str(results['artefact']['model_sha256'])[:12]}."
        )
    chosen = check_target_names(names) if names else _targets_here()
    with _baseline_folder(folder) as baseline:
        if baseline is not None:
            found.baseline_sha256 = model_sha256(baseline / MODEL_FILE)
        with lock.training_slot(home(), lambda text: tell(stage="wait", text=text)):
            _answer(folder, baseline, chosen, found, tell)
        with lock.measuring_slot(home(), lambda text: tell(stage="wait", text=text)):
            _time(folder, baseline, chosen, _shapes(folder, results, batches, lengths, sizes), found, tell)
    return found


def is_bundle(folder: Path) -> bool:
    """Whether a folder looks like an unpacked bundle."""
    return (folder / MODEL_FILE).is_file() and (folder / RESULTS_FILE).is_file()


def _adjusted(
    recipe: Recipe,
    names: Sequence[str],
    batches: Sequence[int],
    lengths: Sequence[int | str],
    sizes: Sequence[int | str],
) -> Recipe:
    """The recipe with other targets and shapes; raises ``BadInput`` for one that is not possible."""
    given = {"batches": list(batches), "lengths": list(lengths), "sizes": list(sizes)}
    how = recipe.measure.model_dump(mode="json") | {name: values for name, values in given.items() if values}
    chosen = list(names or recipe.targets)
    return Recipe.parse({**recipe.plain(), "targets": chosen, "measure": how})


def _results(folder: Path) -> dict[str, Any]:
    try:
        results: dict[str, Any] = json.loads((folder / RESULTS_FILE).read_text(encoding="utf-8"))
        results["artefact"]["model_sha256"], results["latency"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"'{folder}' holds no usable results.json; expected is an unpacked bundle.") from None
    return results


def _targets_here() -> tuple[str, ...]:
    """Those of ONNX Runtime that this machine has: a bundle holds an ONNX file and no PyTorch model."""
    names = [name for name, target in targets().items() if target.runtime == "onnxruntime"]
    return tuple(name for name in names if availability(name) is None)


def _shapes(
    folder: Path,
    results: dict[str, Any],
    batches: Sequence[int],
    lengths: Sequence[int | str],
    sizes: Sequence[int | str],
) -> list[tuple[int, int]]:
    """The grid that is asked for, else the one of the results; real lengths need the texts, which do not travel."""
    from explorer.measure.shapes import shapes_of

    if "real" in lengths:
        raise BadInput("A bundle holds no texts, so real lengths are not possible here; measure.py in it times them.")
    padded = [entry for entry in results["latency"] if entry.get("lengths", "padded") == "padded"]
    known = list(dict.fromkeys((int(entry["batch"]), int(entry["sequence"])) for entry in padded)) or [(1, 128)]
    if not batches and not lengths and not sizes:
        return known
    grid = list(batches) or list(dict.fromkeys(batch for batch, _ in known))
    before = list(dict.fromkeys(length for _, length in known))
    return shapes_of(folder, grid, list(lengths) or before, list(sizes) or before)


@contextmanager
def _baseline_folder(folder: Path) -> Iterator[Path | None]:
    """``baseline.onnx`` as an artefact's folder of its own, since that is what is measured; None without it."""
    if not (folder / BASELINE_FILE).is_file():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="explorer-baseline-") as place:
        shutil.copyfile(folder / BASELINE_FILE, Path(place, MODEL_FILE))
        for name in ("preprocessor.json", "tokenizer.json", "model.json"):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, Path(place, name))
        yield Path(place)


def _answer(folder: Path, baseline: Path | None, names: Sequence[str], found: Measured, tell: Tell) -> None:
    """Accuracy on the inputs that travelled along, and how many answers equal those given at home."""
    from explorer.measure import accuracy
    from explorer.measure.travel import read_inputs

    if not (folder / INPUTS_FILE).is_file():
        found.accuracy = [accuracy.unavailable_accuracy(name, SPLIT, "the bundle holds no inputs") for name in names]
        return
    inputs, classes = read_inputs(folder / INPUTS_FILE), _results(folder)["labels"]
    for name in names:
        tell(stage="evaluate", text=f"Answering {len(inputs)} inputs on {name}")
        try:
            given = answers(folder, name, inputs)
            expected = None if baseline is None else answers(baseline, name, inputs)
        except Unavailable as missing:
            found.accuracy.append(accuracy.unavailable_accuracy(name, SPLIT, str(missing)))
            continue
        found.accuracy.append(accuracy.compare(given, expected, inputs.labels, name, SPLIT, names=classes))
        same = int((given.argmax(axis=1) == inputs.logits.argmax(axis=1)).sum())
        furthest = float(np.abs(given - inputs.logits).max())
        difference = furthest if np.isfinite(furthest) else None
        agreed = Agreement(target=name, samples=len(inputs), same=same, largest_difference=difference)
        found.agreement.append(agreed)


def answers(folder: Path, target: str, inputs: Travelling) -> NDArray[np.float32]:
    """Logits [N, classes], each input by itself; raises ``Unavailable`` where the target is not there."""
    from explorer.measure.runners import open_runner

    runner = open_runner(folder, target)
    return np.concatenate([runner(inputs.alone(row)) for row in range(len(inputs))])


def _time(
    folder: Path,
    baseline: Path | None,
    names: Sequence[str],
    shapes: list[tuple[int, int]],
    found: Measured,
    tell: Tell,
) -> None:
    """Without a baseline the artefact is timed beside itself, and only its own times and the noise are kept."""
    from explorer.measure.latency import measure_target

    for name in names:
        tell(stage="measure", text=f"Timing on {name}" + (" beside the baseline" if baseline else ""))
        latencies, use = measure_target(folder, baseline or folder, name, shapes)
        if baseline is None:
            nothing = dict.fromkeys(AGAINST_BASELINE)
            latencies = [entry.model_copy(update=nothing) for entry in latencies]
            use = use and use.model_copy(update={"energy": None, "baseline_precision_used": None})
        found.latency += latencies
        if use is not None:
            found.targets.append(use)


def _device(host: dict[str, Any], target: str) -> Device:
    gpu = host.get("gpu") if targets()[target].device == "cuda" else None
    if gpu:
        return Device(name=gpu["name"], driver=gpu.get("driver"), memory_bytes=gpu.get("memory_bytes"))
    return Device(name=host["cpu"] or "unknown processor", memory_bytes=host.get("memory_bytes"))
