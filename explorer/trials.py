"""What the table of accuracies tries: each technique at three strengths on the cheapest model it suits, once on text,
the named combinations on every model they suit, and the most used with other seeds."""

from __future__ import annotations

from typing import Any

from explorer.combinations import COMBINATIONS
from explorer.models import KINDS, cards
from explorer.recipe import Recipe
from explorer.technique import Technique, techniques

Step = dict[str, Any]
TEXT = "minilm-tweets"
CHEAPEST_FIRST = ("cnn-digits", "vit-digits", TEXT)
EPOCHS = {"cnn-digits": 3.0, "vit-digits": 3.0, TEXT: 0.5}
"""How long a step trains: short enough for all trials to be done in an afternoon."""
MIDDLE = 1
"""Which of the three strengths is tried on the text model and repeated with other seeds."""
MORE_SEEDS = (1, 2)


def _each(name: str, *values: Any, **same: Any) -> tuple[Step, ...]:
    return tuple({name: value, **same} for value in values)


SPARSITIES = _each("sparsity", 0.3, 0.5, 0.7)
CUTS = _each("sparsity", 0.25, 0.5, 0.75)
STUDENTS: tuple[Step, ...] = ({"layers": 1.0, "width": 0.75}, {"layers": 0.5}, {"layers": 0.5, "width": 0.5})
BITS = _each("bits", 8, 4, 2)

STRENGTHS: dict[str, tuple[Step, ...]] = {
    "prune-magnitude": SPARSITIES,
    "prune-taylor": SPARSITIES,
    "prune-wanda": SPARSITIES,
    "prune-activation-variance": SPARSITIES,
    "prune-movement": SPARSITIES,
    "prune-gradual": SPARSITIES,
    "prune-n-m": _each("pattern", "4:8", "2:4", "1:4"),
    "prune-neurons": CUTS,
    "prune-heads": CUTS,
    "prune-width": _each("sparsity", 0.15, 0.3, 0.5),
    "prune-layers": _each("sparsity", 0.2, 0.35, 0.5),
    "sparse-training": _each("strength", 3, 10, 30),
    "low-rank": _each("rank", 0.75, 0.5, 0.25),
    "factorize-embeddings": _each("rank", 0.5, 0.25, 0.125),
    "share-layers": _each("unique", 0.8, 0.5, 0.2),
    "trim-vocabulary": _each("min_count", 1, 2, 4),
    "cluster-weights": _each("bits", 8, 4, 2),
    "distill-student": STUDENTS,
    "distill-features": STUDENTS,
    "distill-assistant": STUDENTS,
    "distill-into-cnn": _each("size", 0.5, 0.25, 0.1),
    "fine-tune": _each("learning_rate", "gentle", "usual", "bold"),
    "optimize-graph": _each("level", "basic", "extended", "transformer"),
    "half-precision": _each("precision", "fp16", "bf16"),
    "int8-dynamic": ({"embeddings": False}, {}, {"per_channel": True}),
    "int8-static": _each("calibration", "min-max", "percentile", "entropy"),
    "mixed-bits": _each("budget", 0.3, 0.2, 0.12),
    "quantization-aware-training": BITS,
    "quantize-embeddings": _each("bits", 8, 4),
    "weight-bits": BITS,
}
"""From mild to strong, or the kinds that differ where there is no strength."""

ALSO: dict[str, tuple[str, tuple[Step, ...]]] = {
    "weight-bits": (
        TEXT,
        ({"bits": 4, "rounding": "gptq"}, {"bits": 4, "rounding": "hqq"}, {"bits": 3, "rounding": "gptq"}),
    ),
    "int8-static": ("vit-digits", _each("calibration", "min-max", "percentile", "entropy", "mse")),
    "distill-into-cnn": ("vit-digits", _each("size", 0.5)),
}
"""More settings that the literature speaks of, on the model that it speaks of them for."""

RECOVERED = frozenset(
    {"prune-magnitude", "prune-taylor", "prune-wanda", "prune-activation-variance", "prune-n-m", "prune-neurons"}
    | {"prune-heads", "prune-width", "prune-layers", "share-layers", "low-rank", "factorize-embeddings"}
)
"""What is followed by a short fine-tuning, as one does."""

MOST_USED = (
    *("prune-magnitude", "prune-neurons", "prune-heads", "prune-layers", "prune-gradual", "low-rank"),
    *("distill-student", "distill-features", "fine-tune", "quantization-aware-training"),
)
"""Repeated with other seeds; all of them train, so the seed changes their answers."""


def recipes() -> list[Recipe]:
    """Every trial, in the order of the techniques."""
    found: list[Recipe] = []
    for name, technique in techniques().items():
        models = [model for model in CHEAPEST_FIRST if _suits(technique, model)]
        settings = STRENGTHS[name]
        middle = settings[min(MIDDLE, len(settings) - 1)]
        found += [_recipe(name, one, models[0]) for one in settings]
        found += [_recipe(name, middle, TEXT) for model in models[1:] if model == TEXT]
        found += [_recipe(name, middle, models[0], seed) for seed in MORE_SEEDS if name in MOST_USED]
        model, more = ALSO.get(name, (TEXT, ()))
        found += [_recipe(name, one, model) for one in more]
    return found + _combined()


def _combined() -> list[Recipe]:
    """The named combinations on the cheapest model that they suit and on the text model."""
    found = []
    for combination in COMBINATIONS:
        models = [model for model in CHEAPEST_FIRST if combination.suits(KINDS[cards()[model].architecture])]
        for model in dict.fromkeys((models[0], models[-1])):
            steps = [_brief(dict(step), model) for step in combination.steps]
            found.append(Recipe.parse({"model": model, "steps": steps, "targets": ["cpu-onnxruntime"]}))
    return found


def _suits(technique: type[Technique], model: str) -> bool:
    return KINDS[cards()[model].architecture] in technique.suits


def _recipe(name: str, settings: Step, model: str, seed: int = 0) -> Recipe:
    steps = [_brief({"technique": name, **settings}, model)]
    if name in RECOVERED:
        steps.append(_brief({"technique": "fine-tune"}, model))
    return Recipe.parse({"model": model, "steps": steps, "targets": ["cpu-onnxruntime"], "seed": seed})


def _brief(step: Step, model: str) -> Step:
    """The step, trained as long as this model's trials do."""
    trains = any(parameter.name == "epochs" for parameter in techniques()[step["technique"]].parameters())
    return {**step, "epochs": EPOCHS[model]} if trains and "epochs" not in step else step
