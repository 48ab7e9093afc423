"""A recipe: model, data, ordered techniques, seed. YAML and JSON both ways; its digest names the artefact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_serializer, field_validator

from explorer import ENGINE_VERSION
from explorer.errors import BadInput
from explorer.technique import Technique, build

DEFAULT_TARGETS = ("cpu-onnxruntime", "cpu-torch")


class Recipe(BaseModel):
    """What to do to which model. Frozen; a wrong recipe cannot be built.

    Fields:
        model: a built-in name, a Hugging Face id, or a local folder.
        data: the user's own data (a CSV file with ``text,label`` or a folder of images), or none
            for the task that comes with a built-in model.
        steps: techniques in the order in which they are applied; none at all is the baseline.
        targets: where to measure; they do not change the artefact and are not part of the digest.
        seed: a whole number from 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    model: str
    data: str | None = None
    steps: tuple[Technique, ...] = ()
    targets: tuple[str, ...] = DEFAULT_TARGETS
    seed: int = 0

    @field_validator("steps", mode="before")
    @classmethod
    def _build_steps(cls, steps: Any) -> tuple[Technique, ...]:
        if not isinstance(steps, (list, tuple)):
            raise BadInput(f"'steps' must be a list of techniques; given was {steps!r}.")
        built = tuple(step if isinstance(step, Technique) else build(step) for step in steps)
        check_order(built)
        return built

    @field_serializer("steps")
    def _dump_steps(self, steps: tuple[Technique, ...]) -> list[dict[str, Any]]:
        return [step.step() for step in steps]

    @field_validator("model")
    @classmethod
    def _check_model(cls, model: str) -> str:
        if not model.strip():
            raise BadInput("'model' must be a built-in name, a Hugging Face id or a local folder; given was nothing.")
        return model

    @field_validator("targets")
    @classmethod
    def _check_targets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from explorer.measure.targets import check_target_names

        return check_target_names(names)

    @field_validator("seed")
    @classmethod
    def _check_seed(cls, seed: int) -> int:
        if not 0 <= seed < 2**31:
            raise BadInput(f"'seed' must be a whole number from 0 to {2**31 - 1}; given was {seed}.")
        return seed

    @classmethod
    def parse(cls, fields: Any) -> Recipe:
        """Build a recipe from plain data; raises ``BadInput`` with one sentence."""
        if not isinstance(fields, dict):
            raise BadInput(f"A recipe must be a mapping with 'model' and 'steps'; given was {type(fields).__name__}.")
        try:
            return cls(**fields)
        except ValidationError as error:
            raise BadInput(_sentence(error)) from None

    @classmethod
    def from_yaml(cls, text: str) -> Recipe:
        """Build a recipe from YAML (or JSON, which is YAML); raises ``BadInput``."""
        try:
            fields = yaml.safe_load(text)
        except yaml.YAMLError as error:
            where = getattr(error, "problem_mark", None)
            line = f" at line {where.line + 1}" if where else ""
            raise BadInput(f"The recipe is not valid YAML{line}; expected are 'model:' and 'steps:'.") from None
        return cls.parse(fields)

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe file; raises ``BadInput`` when it is missing, unreadable or wrong."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"There is no readable recipe file '{path}'; expected is a YAML file.") from None
        return cls.from_yaml(text)

    def plain(self) -> dict[str, Any]:
        """The recipe as JSON-ready data, every parameter written out."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """The recipe as YAML that ``from_yaml`` reads back to an equal recipe."""
        return yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True)

    @property
    def families(self) -> tuple[str, ...]:
        """The families of its steps in order, each once; empty for the baseline."""
        return tuple(dict.fromkeys(step.family for step in self.steps))

    def baseline(self) -> Recipe:
        """The same model on the same data, uncompressed."""
        return self.model_copy(update={"steps": ()})


def check_order(steps: Sequence[Technique]) -> None:
    """Refuse an order that cannot work, with the reason.

    Raises ``BadInput``: a model step after a deploy step, a second quantization,
    or a step after one of those it declares in ``not_after``.
    """
    for i, step in enumerate(steps):
        for earlier in steps[:i]:
            if step.stage == "model" and earlier.stage == "deploy":
                raise BadInput(
                    f"'{step.name}' changes the PyTorch model and cannot come after '{earlier.name}', "
                    f"which changes the exported file; put '{step.name}' first."
                )
            if earlier.name in step.not_after:
                reason = step.not_after[earlier.name]
                raise BadInput(f"'{step.name}' cannot come after '{earlier.name}': {reason}.")
            if step.family == earlier.family == "quantization":
                raise BadInput(
                    f"'{step.name}' cannot come after '{earlier.name}': the weights are quantized already; "
                    "keep one of the two."
                )


def digest(recipe: Recipe, model_digest: str, data_digest: str, steps: int | None = None) -> str:
    """Name the artefact: 16 hexadecimal digits over engine, contents, steps and seed (not the targets).

    ``steps`` counts how many leading steps are included, for prefixes that recipes share.
    """
    fields = recipe.plain()
    kept = fields["steps"] if steps is None else fields["steps"][:steps]
    identity = {
        "engine": ENGINE_VERSION,
        "model": model_digest,
        "data": data_digest,
        "steps": kept,
        "seed": recipe.seed,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _sentence(error: ValidationError) -> str:
    parts = []
    for mistake in error.errors():
        cause = mistake.get("ctx", {}).get("error")
        if isinstance(cause, BadInput):
            return str(cause)
        field = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            known = ", ".join(Recipe.model_fields)
            parts.append(f"'{field}' is not a field of a recipe (known are {known})")
        elif mistake["type"] == "missing":
            parts.append(f"'{field}' is missing")
        else:
            parts.append(f"'{field}' is {mistake['input']!r} but: {mistake['msg'].lower()}")
    return "The recipe is wrong: " + "; ".join(parts) + "."
