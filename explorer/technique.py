"""A technique is one compression method: its parameters as data, and one verb.

The declaration (class docstring, class variables and fields) feeds the slider, the validation,
YAML, the command line, the help text and the contract test. Nothing else has to be registered:
every file under ``explorer/techniques/`` is imported once, and an import error there is loud.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from explorer.errors import BadInput, given

Stage = Literal["model", "deploy"]
Family = Literal["pruning", "factorization", "sharing", "distillation", "training", "conversion", "quantization"]
Need = Literal["calibration", "training", "gradients"]
ModelKind = Literal["text transformer", "vision transformer", "CNN"]
LONGEST_TEXT = 500


@dataclass(frozen=True)
class Parameter:
    """One parameter of a technique as plain data, enough to draw its widget.

    ``kind`` is ``slider`` (``low``, ``high``, ``step`` are set), ``stops`` (a slider that rests on the numbers in
    ``options`` only, smallest first), ``choice`` (``options`` is set), ``flag`` or ``text``. ``unit`` is a word or sign
    such as ``fraction``, ``bits`` or ``epochs``. ``only_with`` tells where it means something: beside a flag that is on
    (``distill``) or a choice that is one of some (``schedule=rounds|cubic``); empty where it always does. ``move`` is
    what becomes more and what less when a slider is moved, of sliders and stops.
    """

    name: str
    kind: Literal["slider", "stops", "choice", "flag", "text"]
    default: Any
    help: str
    unit: str = ""
    low: float | int | None = None
    high: float | int | None = None
    step: float | int | None = None
    options: tuple[Any, ...] = ()
    only_with: str = ""
    move: str = ""

    def matters(self, values: Mapping[str, Any]) -> bool:
        """Whether it changes anything beside the other parameters' ``values``."""
        name, _, wanted = self.only_with.partition("=")
        if not name or name not in values:
            return True
        return str(values[name]) in wanted.split("|") if wanted else bool(values[name])


def slider(
    default: Any,
    *,
    low: float,
    high: float,
    step: float,
    help: str,
    move: str = "",
    unit: str = "",
    only_with: str = "",
) -> Any:
    """Declare a number between ``low`` and ``high``, both included; ``only_with`` and ``move`` as in ``Parameter``."""
    extra: dict[str, Any] = {"step": step, "unit": unit, "low": low, "high": high, "only_with": only_with, "move": move}
    return Field(default, ge=low, le=high, description=help, json_schema_extra=extra)


def choice(default: Any, *, help: str, move: str = "", unit: str = "", only_with: str = "") -> Any:
    """Declare one of several values; the field's annotation is a ``Literal`` that lists them.

    Numbers become a slider's stops, for which ``move`` is as in ``Parameter``.
    """
    return Field(default, description=help, json_schema_extra={"unit": unit, "only_with": only_with, "move": move})


def flag(default: bool, *, help: str, only_with: str = "") -> Any:
    """Declare a yes or no."""
    return Field(default, description=help, json_schema_extra={"only_with": only_with})


def text(default: str, *, help: str, only_with: str = "") -> Any:
    """Declare a line of text, such as the names of layers."""
    return Field(default, max_length=LONGEST_TEXT, description=help, json_schema_extra={"only_with": only_with})


class Technique(BaseModel):
    """Base of all techniques: a frozen, validated set of parameters with the verb ``apply``.

    Class variables:
        name: the word used in recipes, for example ``prune-magnitude``.
        title: the name shown to people.
        family: decides colour and grouping everywhere.
        stage: ``model`` edits or trains the PyTorch model, ``deploy`` edits the ONNX graph.
        needs: what ``apply`` takes from the context besides the subject, with any of its settings.
        effect: which quantities it is meant to improve, of ``file size``, ``zipped size``,
            ``parameters``, ``latency`` and ``accuracy``.
        cost: what that costs, as a sentence.
        paper: the source of the method.
        not_after: techniques that must not stand before this one, each with the reason.
        suits: the kinds of models it works on.
        turns_into: the kind of model it leaves where that is another one; the steps after it must suit that.
        finishes: whether a technique of the stage ``model`` also edits the exported graph, with ``finish``. No other
            model step may follow it, and PyTorch cannot load the artefact.
    """

    # built when first used: of thirty validators a page needs a few
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[Family]
    stage: ClassVar[Stage]
    needs: ClassVar[frozenset[Need]] = frozenset()
    effect: ClassVar[tuple[str, ...]]
    cost: ClassVar[str]
    paper: ClassVar[str]
    not_after: ClassVar[dict[str, str]] = {}
    suits: ClassVar[tuple[ModelKind, ...]] = get_args(ModelKind)
    turns_into: ClassVar[ModelKind | None] = None
    finishes: ClassVar[bool] = False

    def apply(self, subject: Any, context: Any) -> None:
        """Compress ``subject`` (``ModelSubject`` or ``GraphSubject``) in place.

        ``context`` is an ``explorer.context.Context``: data splits, trainer, teacher, progress.
        """
        raise NotImplementedError

    def finish(self, subject: Any, context: Any) -> None:
        """Make the exported graph (``GraphSubject``) store what ``apply`` trained the model to be.

        Called only where ``finishes`` is set, with the notes and figures of a report of its own.
        """
        raise NotImplementedError

    @property
    def encodes(self) -> frozenset[str]:
        """Which weights it stores in another format, of ``layers`` and ``embeddings``; two steps never share one."""
        return frozenset({"layers", "embeddings"}) if self.family == "quantization" else frozenset()

    @classmethod
    def summary(cls) -> str:
        """The one sentence that explains the technique to a person."""
        return inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """The declared parameters, in the order of their declaration."""
        return _parameters(cls)

    def step(self) -> dict[str, Any]:
        """The technique as one step of a recipe: its name, then every parameter."""
        return {"technique": self.name, **self.model_dump()}


@cache
def _parameters(technique: type[Technique]) -> tuple[Parameter, ...]:
    """Read once: a page asks for them dozens of times each time it is drawn."""
    hints = get_type_hints(technique)
    return tuple(_parameter(name, hints[name], field) for name, field in technique.model_fields.items())


def _parameter(name: str, hint: Any, field: Any) -> Parameter:
    extra = field.json_schema_extra or {}
    words: dict[str, Any] = {key: str(extra.get(key, "")) for key in ("unit", "only_with", "move")}
    help = str(field.description or "")
    if hint is bool:
        return Parameter(name, "flag", field.default, help, **words)
    if hint is str:
        return Parameter(name, "text", field.default, help, **words)
    if get_origin(hint) is Literal:
        options = get_args(hint)
        if all(isinstance(option, (int, float)) for option in options):
            return Parameter(name, "stops", field.default, help, options=tuple(sorted(options)), **words)
        return Parameter(name, "choice", field.default, help, options=options, **words)
    low, high, step = (hint(extra[key]) for key in ("low", "high", "step"))
    return Parameter(name, "slider", field.default, help, low=low, high=high, step=step, **words)


def check_suits(steps: Sequence[Technique], kind: ModelKind, model: str) -> None:
    """Refuse a step that does not work on this kind of model; raises ``BadInput``."""
    subject = f"'{model}'"
    for step in steps:
        if kind not in step.suits:
            raise BadInput(f"'{step.name}' works on a {' or '.join(step.suits)}; {subject} is a {kind}.")
        if step.turns_into is not None:
            kind, subject = step.turns_into, f"what '{step.name}' leaves"


@cache
def techniques() -> dict[str, type[Technique]]:
    """Every technique by name, in the order of family, stage and name. Imports no torch."""
    import explorer.techniques as package

    found: dict[str, type[Technique]] = {}
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Technique) and value.__module__ == info.name:
                found[value.name] = value
    families = get_args(Family)
    order = sorted(found.values(), key=lambda t: (families.index(t.family), t.stage != "model", t.name))
    return {technique.name: technique for technique in order}


def parameters_of(name: str) -> dict[str, Parameter]:
    """A technique's parameters by name; none of a technique that is gone."""
    technique = techniques().get(name)
    return {parameter.name: parameter for parameter in technique.parameters()} if technique else {}


def build(step: dict[str, Any]) -> Technique:
    """Turn one step of a recipe into a technique, or say in one sentence what is wrong with it."""
    if not isinstance(step, dict) or not isinstance(step.get("technique"), str):
        example = "'technique: int8-dynamic'"
        raise BadInput(f"A step needs the name of a technique, as in {example}; given was {given(step)}.")
    name = step["technique"]
    known = techniques()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "known are " + ", ".join(known) + "."
        raise BadInput(f"There is no technique '{name}'; {hint}")
    parameters = {key: value for key, value in step.items() if key != "technique"}
    odd = [key for key in parameters if not isinstance(key, str)]
    if odd:
        raise BadInput(f"{name}: {odd[0]!r} is no parameter ({_known(known[name])}).")
    try:
        return known[name](**parameters)
    except ValidationError as error:
        raise BadInput(_sentence(known[name], error)) from None


def _sentence(technique: type[Technique], error: ValidationError) -> str:
    parts = []
    for mistake in error.errors():
        field = ".".join(str(part) for part in mistake["loc"])
        parts.append(f"'{field}' is {given(mistake['input'])} but {_expected(technique, field)}")
    return f"{technique.name}: " + "; ".join(parts) + "."


def _expected(technique: type[Technique], field: str) -> str:
    for parameter in technique.parameters():
        if parameter.name != field:
            continue
        if parameter.kind == "slider":
            whole = "a whole number" if isinstance(parameter.step, int) else "a number"
            return f"must be {whole} from {parameter.low} to {parameter.high}"
        if parameter.kind in ("choice", "stops"):
            return "must be one of " + ", ".join(str(option) for option in parameter.options)
        if parameter.kind == "text":
            return f"must be a text of at most {LONGEST_TEXT} characters"
        return "must be true or false"
    return f"there is no such parameter ({_known(technique)})"


def _known(technique: type[Technique]) -> str:
    return "known are " + (", ".join(parameter.name for parameter in technique.parameters()) or "none")
