"""Records the study that ships with the program: ``python -m explorer.recording``.

Runs every recipe below with this very program on this machine and writes the results, without artefacts, to
``explorer/recorded/``. It can be stopped and started again: what is done is kept under ``EXPLORER_HOME``. On a machine
with a GPU, ``--targets cuda-onnxruntime cuda-torch`` records a shorter list as a study of its own, since such a machine
is often lent by the minute; ``--seconds`` ends it in time, ``--models`` leaves the results of other models as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from explorer.errors import BadInput, ExplorerError
from explorer.home import home
from explorer.jobs import enqueue
from explorer.jobs.foreground import run_here
from explorer.measure.targets import targets as known_targets
from explorer.recipe import Recipe
from explorer.store import Store

RECORDED = Path(__file__).parent / "recorded"
TARGETS = ("cpu-onnxruntime", "cpu-openvino", "cpu-torch")
GPU_STUDY = "built-in-models-cuda.json"
MOST_FLIPPED = 20
"""Inputs whose answer changed, kept of each result: the counts stand in it anyway."""
HOW_TO_ADD_A_GPU = (
    "No GPU was at hand. To add GPU results, run 'python -m explorer.recording --targets cuda-onnxruntime cuda-torch' "
    "on a machine that has one."
)

Step = dict[str, Any]
RECOVER: Step = {"technique": "fine-tune"}
INT8: Step = {"technique": "int8-dynamic"}
FP16: Step = {"technique": "half-precision"}


def _neurons(sparsity: float, **more: Any) -> Step:
    return {"technique": "prune-neurons", "sparsity": sparsity, **more}


def _zeros(sparsity: float) -> Step:
    return {"technique": "prune-magnitude", "sparsity": sparsity}


def _bits(bits: int, **more: Any) -> Step:
    return {"technique": "weight-bits", "bits": bits, **more}


def _student(layers: float, width: float, **more: Any) -> Step:
    return {"technique": "distill-student", "layers": layers, "width": width, **more}


EVERY_MODEL: list[list[Step]] = [[], [INT8], [FP16], [_bits(8)], [_bits(4)], [_bits(2)]]
STUDY: dict[str, list[list[Step]]] = {
    "minilm-tweets": [
        *EVERY_MODEL,
        [INT8 | {"embeddings": False}],
        [_zeros(0.5)],
        [_neurons(0.5), RECOVER | {"epochs": 0.5}],
        [_neurons(0.5), RECOVER | {"epochs": 0.5}, INT8],
        [_student(0.5, 1.0, epochs=0.5)],
        [_student(0.5, 1.0, epochs=0.5), INT8],
    ],
    "vit-digits": [
        *EVERY_MODEL,
        [_zeros(0.5)],
        [_neurons(0.5), RECOVER | {"epochs": 3.0}],
        [_neurons(0.5), RECOVER | {"epochs": 3.0}, INT8],
        [_student(0.5, 0.65, epochs=8.0)],
    ],
    "cnn-digits": [
        *EVERY_MODEL,
        [_neurons(0.5), RECOVER | {"epochs": 3.0}],
        [_neurons(0.5), RECOVER | {"epochs": 3.0}, _bits(4)],
        [_student(0.5, 0.5, epochs=5.0)],
    ],
}
"""Every recipe of the recorded study, by model; the first of each is its baseline."""

ON_A_GPU: dict[str, list[list[Step]]] = {
    "minilm-tweets": [
        *([], [FP16], [INT8], [_bits(4)]),
        [_neurons(0.5), RECOVER | {"epochs": 0.5}],
        [_student(0.5, 1.0, epochs=0.5)],
        [_student(0.5, 1.0, epochs=0.5), FP16],
    ],
    "vit-digits": [[], [FP16], [INT8], [_neurons(0.5), RECOVER | {"epochs": 3.0}]],
    "cnn-digits": [[], [FP16], [_neurons(0.5), RECOVER | {"epochs": 3.0}]],
}
"""The shorter list for targets that are all on a GPU."""


def recipes(targets: tuple[str, ...]) -> list[Recipe]:
    """The study's recipes on these targets."""
    everywhere = any(known_targets()[name].device == "cpu" for name in targets)
    return [
        Recipe.parse({"model": model, "steps": steps, "targets": targets})
        for model, all in (STUDY if everywhere else ON_A_GPU).items()
        for steps in all
    ]


def record(recipe: Recipe) -> dict[str, Any]:
    """Run one recipe in the foreground, or take it from the home folder when it is done there; returns its result."""
    run, _ = enqueue(recipe, study="recording")
    row = run_here(run, lambda event: None)
    if row.state != "done" or row.result is None:
        raise ExplorerError(f"The recipe '{row.label}' of {row.model} ended {row.state}: {row.reason}")
    print(f"{row.model}  {row.label}", flush=True)
    return row.result


def study(results: list[dict[str, Any]], targets: tuple[str, ...]) -> dict[str, Any]:
    """The file's content: results without artefacts, the host they share, the date, and what a reader should know."""
    gpu = any(known_targets()[name].device != "cpu" for name in targets) or (RECORDED / GPU_STUDY).exists()
    plain = [_short(result) for result in results]
    return {
        "recorded_on": datetime.now(UTC).date().isoformat(),
        "title": "Recorded study of the built-in models",
        "host": results[0]["host"],
        "notes": [] if gpu else [HOW_TO_ADD_A_GPU],
        "results": plain,
    }


def _short(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its artefact's place, and with fewer of the inputs that flipped."""
    accuracy = [{**entry, "flipped": entry["flipped"][:MOST_FLIPPED]} for entry in result["accuracy"]]
    return {**result, "accuracy": accuracy, "artefact": {**result["artefact"], "folder": ""}}


def usual_name(targets: tuple[str, ...]) -> str:
    """``built-in-models`` for the processor alone; for others with the devices behind it: ``built-in-models-cuda``."""
    devices = dict.fromkeys(known_targets()[name].device for name in targets)
    return "-".join(["built-in-models", *devices] if set(devices) != {"cpu"} else ["built-in-models"])


def place(name: str, targets: tuple[str, ...]) -> Path:
    """The file of a study; raises ``BadInput`` where it holds one with other targets, which would be lost."""
    path = RECORDED / f"{Path(name).name}.json"
    if path.exists():
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        held = dict.fromkeys(target for result in results for target in result["recipe"]["targets"])
        if set(held) - set(targets):
            raise BadInput(
                f"'{path.name}' holds a study of {', '.join(held)}; one of {', '.join(targets)} needs another --name."
            )
    return path


def others(path: Path, models: Sequence[str]) -> list[dict[str, Any]]:
    """The results of a study that are of other models than these."""
    held = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else []
    return [result for result in held if result["recipe"]["model"] not in models]


def main() -> None:
    """Record the whole study and write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), help="where to measure")
    parser.add_argument("--name", help="name of the file; without it, built-in-models and the targets' devices")
    parser.add_argument("--models", nargs="+", default=list(STUDY), choices=list(STUDY), help="which models to record")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no recipe after this many")
    given = parser.parse_args()
    targets, end = tuple(given.targets), time.monotonic() + given.seconds
    results: list[dict[str, Any]] = []
    try:
        every = [recipe for recipe in recipes(targets) if recipe.model in given.models]
        path = place(given.name or usual_name(targets), targets)  # before the hours of work
        for recipe in every:
            if not results or time.monotonic() < end:
                results.append(record(recipe))
        content = study([*others(path, given.models), *results], targets)
    except ExplorerError as error:
        sys.exit(str(error))
    RECORDED.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
    counts = f"{len(results)} of {len(every)} results in {path.name}"
    print(f"{counts}; artefacts stay in {home().name}, {len(Store().studies())} studies there.")


if __name__ == "__main__":
    main()
