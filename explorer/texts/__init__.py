"""Every text of the interface, by key and language: ``t("key", name=value)``.

One file per language lies beside this module (``en.json``, flat keys). A text missing in another language
falls back to English. Texts of techniques and targets come from their declarations; a language overrides them with the
keys ``technique.<name>.summary``, ``technique.<name>.cost``, ``technique.<name>.title``,
``technique.<name>.<parameter>``, ``technique.<name>.<parameter>.move``, ``target.<name>.title`` and
``target.<name>.help``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from explorer.measure.targets import targets
from explorer.technique import Parameter, Technique

DEFAULT_LANGUAGE = "en"

_chosen: list[Callable[[], str | None]] = [lambda: None]


def follow(language: Callable[[], str | None]) -> None:
    """Ask ``language`` for the language of whoever reads now; None leaves it to ``EXPLORER_LANGUAGE``."""
    _chosen[0] = language


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a file here."""
    files = Path(__file__).parent.glob("*.json")
    return tuple(sorted(path.stem for path in files if not path.stem.startswith("sentences_")))


def usual_language() -> str:
    """The language of those who chose none: ``EXPLORER_LANGUAGE``, else English."""
    usual = os.environ.get("EXPLORER_LANGUAGE")
    return usual if usual in languages() else DEFAULT_LANGUAGE


def language() -> str:
    """The language in use: the reader's choice, else the usual one."""
    wanted = _chosen[0]()
    return wanted if wanted in languages() else usual_language()


@cache
def texts_of(language: str) -> dict[str, str]:
    """All texts of one language by key."""
    path = Path(__file__).parent / f"{language}.json"
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def t(key: str, **values: object) -> str:
    """The text of ``key`` with its ``{names}`` filled in; raises ``KeyError`` for an unknown key."""
    text = texts_of(language()).get(key)
    if text is None:
        text = texts_of(DEFAULT_LANGUAGE)[key]
    return text.format(**values) if values else text


def technique_title(technique: type[Technique]) -> str:
    """The technique's name for people."""
    return texts_of(language()).get(f"technique.{technique.name}.title", technique.title)


def technique_summary(technique: type[Technique]) -> str:
    """The sentence that explains the technique."""
    return texts_of(language()).get(f"technique.{technique.name}.summary", technique.summary())


def technique_cost(technique: type[Technique]) -> str:
    """What its effect costs."""
    return texts_of(language()).get(f"technique.{technique.name}.cost", technique.cost)


def target_title(name: str) -> str:
    """A target's name for people; one that is not known here keeps its own."""
    target = targets().get(name)
    return texts_of(language()).get(f"target.{name}.title", target.title if target else name)


def target_help(name: str) -> str:
    """What a target's title does not say; empty where it says all."""
    return texts_of(language()).get(f"target.{name}.help", targets()[name].help)


def parameter_help(technique: type[Technique], parameter: Parameter) -> str:
    """The help text of one of its parameters."""
    return texts_of(language()).get(f"technique.{technique.name}.{parameter.name}", parameter.help)


def parameter_move(technique: type[Technique], parameter: Parameter) -> str:
    """What moving its slider does; empty for what is no slider."""
    return texts_of(language()).get(f"technique.{technique.name}.{parameter.name}.move", parameter.move)
