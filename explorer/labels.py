"""Short texts that name a recipe's steps wherever runs are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from explorer.technique import Need, Parameter, techniques
from explorer.texts import t, target_title
from explorer.texts.sentences import choice, sentence

if TYPE_CHECKING:
    from explorer.variant import Variant

BASELINE = "baseline"


class Marked(Protocol):
    """What may come from another machine: a run or a variant."""

    @property
    def recorded(self) -> bool: ...
    @property
    def imported(self) -> bool: ...


def origin(of: Marked) -> str:
    """``recorded`` or ``imported`` in the reader's language; nothing for what was made here."""
    return t("word.recorded") if of.recorded else t("word.imported") if of.imported else ""


def where(row: Variant) -> str:
    """The machine that a variant was measured on, and how its figures came here; of a recorded one only that."""
    return origin(row) if row.recorded else with_origin(sentence(row.host), row)


def with_origin(name: str, of: Marked) -> str:
    """``name``, and in brackets where it comes from unless it was made here."""
    word = origin(of)
    return f"{name} ({word})" if word else name


def label(recipe: dict[str, Any]) -> str:
    """Name the steps of a recipe given as plain data: ``prune-neurons 50 % → int8-dynamic``.

    Each step shows its first parameter (a switch only when it is not as usual), what that makes matter, and any other
    one that differs from its default.
    """
    return " → ".join(map(_step, _steps(recipe))) or BASELINE


class Named(Marked, Protocol):
    """A run or a row of one."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...


def shown_name(one: Named, several_models: bool, target: str = "", label: str = "") -> str:
    """A variant's label, or the given one; with its model where several are shown, with a target, and its origin."""
    words = [label or sentence(one.label), one.model if several_models else "", target_title(target) if target else ""]
    return with_origin(" · ".join(filter(None, words)), one)


def families(recipe: dict[str, Any]) -> tuple[str, ...]:
    """The families of a recipe's steps in order, each once; a technique that exists no more has none."""
    known = techniques()
    names = map(_name, _steps(recipe))
    return tuple(dict.fromkeys(known[name].family for name in names if name in known))


def needed(recipe: dict[str, Any]) -> frozenset[Need]:
    """What the steps of a recipe take besides their subject, all together."""
    known, names = techniques(), map(_name, _steps(recipe))
    return frozenset().union(*(known[name].needs for name in names if name in known))


def trains(recipe: dict[str, Any]) -> bool:
    """Whether any step of a recipe takes the training data."""
    return "training" in needed(recipe)


def value_words(parameter: Parameter | None, value: object) -> str:
    """A parameter's value for people, with its unit unless the parameter's name says it; None for one that is gone."""
    if isinstance(value, bool):
        return t("word.yes" if value else "word.no")
    if not isinstance(value, (int, float)):
        words = str(value) or t("word.none")
        return choice(parameter.name, words) if parameter and parameter.kind == "choice" else words
    unit = parameter.unit if parameter and parameter.unit not in parameter.name else ""
    number = f"{100 * value:g} %" if unit == "fraction" else f"{value:g} {sentence(unit)}".strip()
    return number.replace("-", "−")


def _steps(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps, as far as they are any: somebody may have written the recipe by hand."""
    steps = recipe.get("steps")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, (list, tuple)) else []


def _name(step: dict[str, Any]) -> str:
    return str(step.get("technique"))


def _step(step: dict[str, Any]) -> str:
    name = _name(step)
    technique = techniques().get(name)
    parameters = technique.parameters() if technique else ()
    values = {parameter.name: step.get(parameter.name, parameter.default) for parameter in parameters}
    parts, first = [name], ""
    for place, parameter in enumerate(parameters):
        value = values[parameter.name]
        if place == 0 and not isinstance(value, bool):
            first = f"{parameter.name}="
        of_the_first = bool(first) and parameter.only_with.startswith(first) and parameter.matters(values)
        if (place == 0 and first) or of_the_first or value != parameter.default:
            parts.append(_value(parameter, value, named=place > 0 and parameter.name != parts[-1]))
    return " ".join(parts)


def _value(parameter: Parameter, value: Any, named: bool) -> str:
    word = parameter.name.replace("_", " ")
    if isinstance(value, bool):
        return word if value else f"no {word}"
    if parameter.kind == "choice" and isinstance(value, str):
        return value
    named = named and word != parameter.unit
    return f"{word} {_quantity(value, parameter.unit)}" if named else _quantity(value, parameter.unit)


def _quantity(value: Any, unit: str) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    if unit == "fraction":
        return f"{value * 100:g} %"
    if value == 1 and unit.endswith("s"):
        unit = unit[:-1]
    return f"{value:g} {unit}".strip()
