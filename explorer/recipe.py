"""A recipe: model, data, ordered techniques, seed. YAML and JSON both ways; its digest names the artefact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator

from explorer import ENGINE_VERSION
from explorer.errors import BadInput, given
from explorer.technique import Technique, build

DEFAULT_TARGETS = ("cpu-onnxruntime", "cpu-torch")
LARGEST_BATCH, LONGEST = 512, 8192
SMALLEST_SIDE, LARGEST_SIDE = 8, 1024
OWN_SIZE = "own"
RECIPE_SUFFIXES = (".yaml", ".yml", ".json")


class Measuring(BaseModel):
    """How to measure; part of a recipe and not of its digest.

    Fields:
        batches: inputs at a time, each from 1 to 512.
        lengths: tokens of a text (padded or cut to exactly as many), each from 1 to 8192, or ``real`` for texts as long
            as those of the task's data. They are for text models only.
        sizes: pixels of an image's side, each from 8 to 1024, besides the model's own size (``own``), which always
            comes first. They are for image models only; one that takes no other size says so.
        robustness: also answer inputs with typing errors or with noise on the pixels.
        wait_s: how long to wait for other programs to leave the processor alone, up to 600 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batches: tuple[Annotated[int, Field(ge=1, le=LARGEST_BATCH)], ...] = Field(
        default=(1, 8), min_length=1, max_length=8
    )
    lengths: tuple[Annotated[int, Field(ge=1, le=LONGEST)] | Literal["real"], ...] = Field(
        default=(128,), min_length=1, max_length=8
    )
    sizes: tuple[Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)] | Literal["own"], ...] = Field(
        default=("own",), min_length=1, max_length=8
    )
    robustness: bool = False
    wait_s: float = Field(default=5.0, ge=0, le=600)

    def covers(self, wanted: Measuring) -> bool:
        """Whether a result measured like this holds all that is wanted."""
        enough = set(wanted.batches) <= set(self.batches) and set(wanted.lengths) <= set(self.lengths)
        sizes = {OWN_SIZE, *self.sizes}
        return enough and set(wanted.sizes) <= sizes and self.robustness >= wanted.robustness


_MEASURING = {
    "batches": f"a list of 1 to 8 whole numbers from 1 to {LARGEST_BATCH}",
    "lengths": f"a list of 1 to 8 numbers of tokens from 1 to {LONGEST}, or the word 'real'",
    "sizes": f"a list of 1 to 8 numbers of pixels from {SMALLEST_SIDE} to {LARGEST_SIDE}, or the word 'own'",
    "robustness": "true or false",
    "wait_s": "a number of seconds from 0 to 600",
}


class Recipe(BaseModel):
    """What to do to which model. Frozen; a wrong recipe cannot be built.

    Fields:
        model: a built-in name, a Hugging Face id, or a local folder.
        data: the user's own data (a CSV file with ``text,label`` or a folder of images), or none
            for the task that comes with a built-in model.
        steps: techniques in the order in which they are applied; none at all is the baseline.
        targets: where to measure; they do not change the artefact and are not part of the digest.
        measure: at which batch sizes, lengths and image sizes, and what else; not part of the digest either.
        seed: a whole number from 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    model: str
    data: str | None = None
    steps: tuple[Technique, ...] = ()
    targets: tuple[str, ...] = DEFAULT_TARGETS
    measure: Measuring = Measuring()
    seed: int = 0

    @field_validator("steps", mode="before")
    @classmethod
    def _build_steps(cls, steps: Any) -> tuple[Technique, ...]:
        if not isinstance(steps, (list, tuple)):
            raise BadInput(f"'steps' must be a list of techniques; given was {given(steps)}.")
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
            raise BadInput(f"A recipe must be a mapping with 'model' and 'steps'; given was {given(fields)}.")
        odd = [key for key in fields if not isinstance(key, str)]
        if odd:
            raise BadInput(f"{odd[0]!r} is not a field of a recipe (known are {', '.join(cls.model_fields)}).")
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
        """The recipe as JSON-ready data, every parameter written out; measuring as usual is left out."""
        usual = {"measure"} if self.measure == Measuring() else set()
        return self.model_dump(mode="json", exclude_none=True, exclude=usual)

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


def load_recipes(paths: Sequence[str | Path]) -> list[Recipe]:
    """The recipes in these files, and in the YAML and JSON files of those that are folders, by name.

    Raises ``BadInput`` when one is missing, unreadable or wrong, and when a folder holds none.
    """
    return [Recipe.load(file) for path in paths for file in _recipe_files(Path(path))]


def _recipe_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in RECIPE_SUFFIXES)
    if not found:
        raise BadInput(f"The folder '{path}' holds no recipe; expected are YAML or JSON files.")
    return found


def check_order(steps: Sequence[Technique]) -> None:
    """Refuse an order that cannot work, with the reason.

    Raises ``BadInput``: a model step after a deploy step or after one that finishes in the exported file, a second
    format for the same weights, or a step after one of those it declares in ``not_after``.
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
            if step.stage == "model" and earlier.finishes:
                raise BadInput(
                    f"'{step.name}' cannot come after '{earlier.name}', which trained the weights for the format they "
                    f"are stored in; put '{step.name}' first."
                )
            if twice := step.encodes & earlier.encodes:
                raise BadInput(
                    f"'{step.name}' cannot come after '{earlier.name}': the weights of the "
                    f"{' and '.join(sorted(twice))} are stored in another format already; keep one of the two."
                )


def digest(
    recipe: Recipe, model_digest: str, data_digest: str, steps: int | None = None, engine: str = ENGINE_VERSION
) -> str:
    """Name the artefact: 16 hexadecimal digits over engine, contents, steps and seed (not the targets).

    ``steps`` counts how many leading steps are included, for prefixes that recipes share. ``engine`` is the version
    that made the artefact.
    """
    fields = recipe.plain()
    kept = fields["steps"] if steps is None else fields["steps"][:steps]
    identity = {
        "engine": engine,
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
        if mistake["loc"][0] == "measure":
            return _measuring_sentence(mistake["loc"], mistake["input"])
        field = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            known = ", ".join(Recipe.model_fields)
            parts.append(f"'{field}' is not a field of a recipe (known are {known})")
        elif mistake["type"] == "missing":
            parts.append(f"'{field}' is missing")
        else:
            parts.append(f"'{field}' is {given(mistake['input'])} but: {mistake['msg'].lower()}")
    return "The recipe is wrong: " + "; ".join(parts) + "."


def _measuring_sentence(place: tuple[int | str, ...], value: Any) -> str:
    field = str(place[1]) if len(place) > 1 else ""
    if field in _MEASURING:
        return f"'measure.{field}' must be {_MEASURING[field]}; given was {given(value)}."
    known = ", ".join(_MEASURING)
    return f"'measure' must be a mapping with some of {known}; given was {field or given(value)}."
