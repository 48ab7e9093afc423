"""Made-up runs in the shape of real ones, from a seed: for tests of charts and pages only, never shipped as results."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = {
    "cpu": "Imaginary CPU 9000",
    "isa": ["avx2"],
    "cores": 2,
    "threads": 2,
    "memory_bytes": 8 * 10**9,
    "os": "Linux",
    "python": "3.11",
    "versions": {"onnxruntime": "1.0"},
    "gpu": None,
}
OTHER_HOST = HOST | {"cpu": "Other Imaginary CPU", "cores": 8}
NO_GPU = "no NVIDIA GPU was found on this machine"
MODELS = {"minilm-tweets": ("tweets", 91_000_000, 22_700_000, 0.80), "vit-digits": ("digits", 1_900_000, 460_000, 0.95)}
STEPS = {
    "prune-neurons": {"technique": "prune-neurons", "sparsity": 0.5},
    "int8-dynamic": {"technique": "int8-dynamic"},
    "distill-student": {"technique": "distill-student", "layers": 0.5},
    "fine-tune": {"technique": "fine-tune", "epochs": 1},
}
FAMILIES = {
    "prune-neurons": "pruning",
    "int8-dynamic": "quantization",
    "distill-student": "distillation",
    "fine-tune": "training",
}
CHAINS = [
    (),
    ("prune-neurons",),
    ("int8-dynamic",),
    ("distill-student",),
    ("prune-neurons", "fine-tune"),
    ("prune-neurons", "int8-dynamic"),
    ("distill-student", "int8-dynamic"),
    ("fine-tune",),
]


@dataclass(frozen=True)
class SampleRun:
    """The fields of a ``RunRow`` that charts and tables read."""

    run: str
    model: str
    label: str
    studies: tuple[str, ...] = ("default",)
    recorded: bool = False
    families: tuple[str, ...] = ()
    result: dict[str, Any] | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    state: str = "done"
    reason: str | None = None
    launched_by: str | None = None
    imported: bool = False
    memo: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.result is not None


def sample_runs(count: int = 16, seed: int = 0, recorded: bool = False, host: dict[str, Any] = HOST) -> list[SampleRun]:
    """``count`` finished runs over two models and all chains of steps."""
    dice = random.Random(seed)
    return [sample_run(index, dice, recorded, host) for index in range(count)]


def sample_run(index: int, dice: random.Random, recorded: bool = False, host: dict[str, Any] = HOST) -> SampleRun:
    """One run; the index decides the model and the chain of steps."""
    model = list(MODELS)[index // len(CHAINS) % len(MODELS)]
    chain = CHAINS[index % len(CHAINS)]
    run = f"{'recorded-' if recorded else 'sample-'}{index:04d}"
    recipe = {
        "model": model,
        "steps": [dict(STEPS[name]) for name in chain],
        "seed": 0,
        "targets": ["cpu-onnxruntime", "cpu-torch", "cuda-onnxruntime"],
    }
    return SampleRun(
        run,
        model,
        " → ".join(chain) or "baseline",
        ("recorded",) if recorded else ("default",),
        recorded,
        tuple(dict.fromkeys(FAMILIES[name] for name in chain)),
        sample_result(run, recipe, dice, host),
        recipe,
    )


def sample_result(run: str, recipe: dict[str, Any], dice: random.Random, host: dict[str, Any] = HOST) -> dict[str, Any]:
    """A result that validates against ``explorer.result.Result``."""
    task, file_bytes, parameters, accuracy = MODELS[recipe["model"]]
    shrink = 0.85 ** len(recipe["steps"]) * dice.uniform(0.2, 0.9) if recipe["steps"] else 1.0
    loss = dice.uniform(-0.01, 0.06) * bool(recipe["steps"])
    baseline = _size(file_bytes, parameters)
    return {
        "run": run,
        "state": "done",
        "digest": f"{index_of(run):016x}",
        "engine": "1",
        "recipe": recipe,
        "task": task,
        "labels": ["a", "b", "c"],
        "kind": "text" if task == "tweets" else "image",
        "finished_at": "2026-11-20T10:00:00+00:00",
        "seconds": 30.0,
        "steps": [
            {"technique": step["technique"], "seconds": 5.0, "cached": False, "notes": [], "figures": {}}
            for step in recipe["steps"]
        ],
        "findings": ["Embeddings are 51 % of the parameters."],
        "size": _size(int(file_bytes * shrink), int(parameters * shrink)),
        "baseline_size": baseline,
        "accuracy": [*_accuracies(accuracy, loss)],
        "latency": [entry for target in recipe["targets"] for entry in _latencies(target, shrink, dice)],
        "memory": {"peak_rss_bytes": 300_000_000},
        "host": host,
        "artefact": {
            "folder": "artefact",
            "files": {"model.onnx": int(file_bytes * shrink), "tokenizer.json": 700_000, "model.json": 200},
            "digest": "0" * 16,
        },
    }


def index_of(run: str) -> int:
    """The number at the end of a run's name."""
    return int(run.rsplit("-", 1)[-1])


def _size(file_bytes: int, parameters: int) -> dict[str, int]:
    return {
        "file_bytes": file_bytes,
        "zipped_bytes": int(file_bytes * 0.9),
        "parameters": parameters,
        "nonzero_parameters": parameters,
    }


def _accuracies(baseline: float, loss: float):
    value = baseline - loss
    for target in ("cpu-onnxruntime", "cpu-torch"):
        yield {
            "target": target,
            "split": "validation",
            "kind": "measured",
            "reason": None,
            "metric": "accuracy",
            "higher_is_better": True,
            "samples": 2000,
            "value": value,
            "ci_low": value - 0.017,
            "ci_high": value + 0.017,
            "baseline": baseline,
            "difference": -loss,
            "difference_low": -loss - 0.01,
            "difference_high": -loss + 0.01,
            "flips": {"right_to_wrong": 40, "wrong_to_right": 20},
            "p_value": 0.2 if abs(loss) < 0.01 else 0.001,
            "within_noise": abs(loss) < 0.01,
            **_answers(baseline, value),
        }
    yield {"target": "cuda-onnxruntime", "split": "validation", "kind": "unavailable", "reason": NO_GPU}


SUPPORT = (800, 700, 500)


def _answers(baseline: float, value: float) -> dict[str, Any]:
    """Answers of 2,000 inputs in three classes with about this share of right ones."""
    confusion = _confusion(value)
    per_class = [_class_score(confusion, number) for number in range(3)]
    macro_f1 = sum(score["f1"] for score in per_class) / 3
    kept = {"per_class": per_class, "confusion": confusion, "baseline_confusion": _confusion(baseline)}
    lost = [{"index": 7 * i, "label": i % 3, "baseline": i % 3, "variant": (i + 1) % 3} for i in range(40)]
    gained = [{"index": 7 * i + 1, "label": 2, "baseline": 0, "variant": 2} for i in range(20)]
    return kept | {
        "condition": "clean",
        "macro_f1": macro_f1,
        "macro_f1_low": macro_f1 - 0.02,
        "macro_f1_high": macro_f1 + 0.02,
        "agreement": 0.95,
        "calibration_error": 0.041,
        "baseline_calibration_error": 0.035,
        "flipped": sorted(lost + gained, key=lambda flip: flip["index"]),
    }


def _confusion(value: float) -> list[list[int]]:
    """Of the wrong answers a third goes to the class before, the rest to the one after."""
    matrix = []
    for label, support in enumerate(SUPPORT):
        right = round(support * value)
        row = [0, 0, 0]
        row[label], row[label - 1] = right, (support - right) // 3
        row[(label + 1) % 3] = support - right - (support - right) // 3
        matrix.append(row)
    return matrix


def _class_score(confusion: list[list[int]], number: int) -> dict[str, Any]:
    right, answered = confusion[number][number], sum(row[number] for row in confusion)
    precision, recall = right / answered, right / SUPPORT[number]
    f1 = 2 * precision * recall / (precision + recall)
    scores = {"precision": precision, "recall": recall, "f1": f1, "support": SUPPORT[number]}
    return {"label": "abc"[number], **scores}


def _latencies(target: str, shrink: float, dice: random.Random):
    for batch in (1, 8):
        if target.startswith("cuda"):
            yield {"target": target, "kind": "unavailable", "reason": NO_GPU, "batch": batch, "sequence": 32}
            continue
        base = 6.0 * batch**0.9
        p50 = base * (0.3 + 0.7 * shrink) * dice.uniform(0.9, 1.1) if shrink < 1 else base
        speedup = base / p50
        yield {
            "target": target,
            "kind": "measured",
            "reason": None,
            "batch": batch,
            "sequence": 32,
            "repeats": 60,
            "threads": 2,
            "p50_ms": p50,
            "p90_ms": p50 * 1.1,
            "p95_ms": p50 * 1.2,
            "p99_ms": p50 * 1.4,
            "p50_low_ms": p50 * 0.97,
            "p50_high_ms": p50 * 1.03,
            "throughput_per_s": 1000 * batch / p50,
            "baseline_p50_ms": base,
            "baseline_p50_low_ms": base * 0.97,
            "baseline_p50_high_ms": base * 1.03,
            "speedup": speedup,
            "speedup_low": speedup * 0.95,
            "speedup_high": speedup * 1.05,
            "control": 1.01,
            "noisy": dice.random() < 0.1,
            "noise_reason": "another program was busy",
        }


def write_runs(runs_folder: Path, runs: list[SampleRun]) -> None:
    """Put the runs on disk as run folders; each run's name must sort by creation."""
    for run in runs:
        folder = runs_folder / run.run
        folder.mkdir(parents=True)
        request = {
            "run": run.run,
            "recipe": run.recipe,
            "digest": f"digest-{run.run}",
            "study": run.studies[0],
            "fresh": False,
            "created_at": "2026-11-20T09:59:00+00:00",
        }
        (folder / "request.json").write_text(json.dumps(request))
        (folder / "studies.json").write_text(json.dumps({"studies": run.studies[1:]}))
        events = [
            {
                "time": 1.0 + i,
                "kind": "progress",
                "stage": "train",
                "text": "training",
                "fraction": i / 20,
                "samples_per_s": 200.0,
                "seconds_left": 20.0 - i,
                "metrics": {"loss": 1.0 / (1 + i)},
            }
            for i in range(20)
        ]
        if run.state in ("failed", "cancelled", "done"):
            events.append({"time": 30.0, "kind": "state", "state": run.state, "reason": run.reason})
        (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
        (folder / "log.txt").write_text("a line of the log\n")
        if run.result:
            (folder / "result.json").write_text(json.dumps(run.result))
            (folder / "artefact").mkdir()
            (folder / "artefact" / "model.onnx").write_bytes(b"not a model")
            (folder / "artefact" / "model.json").write_text("{}")


def write_recorded(folder: Path, runs: list[SampleRun]) -> None:
    """Put the runs into a recorded study."""
    folder.mkdir(parents=True, exist_ok=True)
    study = {
        "recorded_on": "2026-11-20",
        "host": OTHER_HOST,
        "title": "Made up",
        "notes": [],
        "results": [r.result for r in runs],
    }
    (folder / "study.json").write_text(json.dumps(study))
