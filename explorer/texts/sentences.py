"""Sentences that the engine wrote, in the reader's language: ``sentence("no shape ran")``.

Results, events and errors are stored in English. A language's file beside this module (``sentences_zh.json``) gives
English templates with ``{names}`` and their counterparts. A name stands for any words, one that is ``n`` with a number
(``{n}``, ``{n2}``) for one figure, ``{target}`` and ``{provider}`` for one word, and one in quotes for what is shown as
it was given. What is filled in is translated too where it is known: a technique's title, a unit, a list of such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from explorer.measure.targets import targets
from explorer.technique import techniques
from explorer.texts import DEFAULT_LANGUAGE, language, texts_of

NAME = re.compile(r"\{(\w+)\}")
FIGURE, WORD = re.compile(r"n\d*"), re.compile("target|provider")
AMOUNT = re.compile(r"[−-]?[\d.e+-]+|%")
MOST_WORDS = 4
"""A part of a list has at most so many words unless it is a sentence that is known: other commas are no lists."""

_ENDS = re.compile(r"(?<=[.!?])\s+")
_BETWEEN = re.compile(r"(; |, | and | or )")
_SEPARATORS = {"zh": {"; ": "；", ", ": "、", " and ": " 和 ", " or ": " 或 "}}
_CLAUSES = {"zh": {", ": "，", " and ": "，"}}
"""What separates parts of a list that are sentences themselves."""

CLAUSE = 6
"""From so many Chinese characters on a part is one."""
_MARKS = re.compile("[\u3000-\u303f\uff00-\uffef]")
_CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


@dataclass(frozen=True)
class Template:
    """An English sentence with names in it, and the same in another language."""

    english: str
    other: str

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """What stands between the names, the longest first."""
        return tuple(sorted(filter(None, NAME.split(self.english)[::2]), key=len, reverse=True))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches whatever the template stands for."""
        written, seen = "", set()
        for place, part in enumerate(NAME.split(self.english)):
            if place % 2 == 0:
                written += re.escape(part)
            elif part in seen:
                written += f"(?P={part})"
            else:
                written += f"(?P<{part}>{_anything(part)})"
                seen.add(part)
        return re.compile(written, re.DOTALL)

    def closeness(self) -> int:
        """How much of a sentence is the template's own; the more, the closer it describes what it matches."""
        return sum(map(len, self.literals))

    def is_plain(self, name: str) -> bool:
        """Whether what is filled in needs no translation: a figure, or what stands in quotes as somebody's own word."""
        return bool(FIGURE.fullmatch(name)) or f"'{{{name}}}'" in self.english


def _anything(name: str) -> str:
    """What a name stands for, as a pattern."""
    if FIGURE.fullmatch(name):
        return r"\S*?\d[^\s.,;:]*"
    return r"\S+?" if WORD.fullmatch(name) else ".+?"


def sentence(text: str) -> str:
    """``text``, which the engine wrote, in the reader's language; what is not known stays in English."""
    wanted = language()
    return text if wanted == DEFAULT_LANGUAGE else _translated(text, wanted)


def setting(name: str) -> str:
    """A parameter's name (``group_size``) for people."""
    return sentence(name.replace("_", " ").capitalize())


def choice(parameter: str, value: str) -> str:
    """A parameter's value that is one of several words (``granularity``, ``groups``) for people; recipes keep it."""
    return _plain(language()).get(f"{parameter}: {value}", value)


@cache
def templates(language: str) -> tuple[Template, ...]:
    """All templates of a language; none where it has no file."""
    path = Path(__file__).parent / f"sentences_{language}.json"
    pairs: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return tuple(Template(english, other) for english, other in pairs.items())


@cache
def _plain(language: str) -> dict[str, str]:
    """The counterpart of every template by its English."""
    return {template.english: template.other for template in templates(language)}


@cache
def _by_first_word(language: str) -> dict[str, list[Template]]:
    """The templates by the word they begin with; those that begin with a name have none."""
    found: dict[str, list[Template]] = {}
    for template in templates(language):
        word = template.english.split(" ", 1)[0]
        found.setdefault("" if "{" in word else word, []).append(template)
    return found


def matching(text: str, language: str) -> Iterator[tuple[Template, dict[str, str]]]:
    """The templates that ``text`` as a whole is an instance of, with what fills their names, the closest first."""
    known = _by_first_word(language)
    alike = (*known.get(text.split(" ", 1)[0], ()), *known.get("", ()))
    for template in sorted((one for one in alike if one.literals[0] in text), key=Template.closeness, reverse=True):
        found = template.pattern.fullmatch(text)
        if found:
            yield template, found.groupdict()


@lru_cache(maxsize=8192)
def _translated(text: str, language: str) -> str:
    """Sentence by sentence: the fewest pieces in a row that are known together."""
    pieces, place, said, any_known = _ENDS.split(text), 0, "", False
    while place < len(pieces):
        ends = range(place + 1, len(pieces) + 1)
        known = ((end, _known(" ".join(pieces[place:end]), language)) for end in ends)
        end, words = next(((end, words) for end, words in known if words), (place, pieces[place]))
        said, any_known = _beside(said, words, " "), any_known or end > place
        place = max(end, place + 1)
    return said if any_known else _label(text, language) or text


def _label(text: str, language: str) -> str:
    """What a variant is called by its steps (``prune-neurons 50 % → weight-bits 4 bits``); nothing for other texts."""
    steps = [_step(step, language) for step in text.split(" → ")]
    return " → ".join(steps) if all(steps) else ""


def _step(step: str, language: str) -> str:
    """A technique's title and the words of its settings; nothing where one of them is not known."""
    name, *words = step.split(" ")
    technique = techniques().get(name)
    if technique is None:
        return ""
    known, said = _setting_words(name, language), [_titles(language)[technique.title] or name]
    while words:
        length = next((count for count in range(MOST_WORDS, 0, -1) if " ".join(words[:count]) in known), 1)
        phrase, words = " ".join(words[:length]), words[length:]
        if phrase not in known and not AMOUNT.fullmatch(phrase) and "keep" not in known:
            return ""
        said.append(known.get(phrase, phrase))
    return " ".join(said)


@cache
def _setting_words(technique: str, language: str) -> dict[str, str]:
    """What a label says of one technique's settings: their names, units, and values that are words."""
    plain, found = _plain(language), dict[str, str]()
    for parameter in techniques()[technique].parameters():
        name, unit = parameter.name.replace("_", " "), parameter.unit
        found |= {name: plain.get(name.capitalize(), name), f"no {name}": plain.get(f"no {name}", f"no {name}")}
        if parameter.kind == "choice":
            options = map(str, parameter.options)
            found |= {option: plain.get(f"{parameter.name}: {option}", option) for option in options}
        found |= {word: plain.get(unit, unit) for word in (unit, unit.removesuffix("s")) if word}
    return found


@lru_cache(maxsize=8192)
def _known(text: str, language: str) -> str:
    """The counterpart of one sentence or of a list of what is known, else nothing."""
    title = _titles(language).get(text)
    if title:
        return title
    *parts, last = _BETWEEN.split(text)
    items = [_known(item, language) for item in (*parts[::2], last)] if parts else []
    if items and all(items):
        return _listed(items, parts[1::2], language)
    template, values = next(matching(text, language), (None, {}))
    return "" if template is None else filled(template, values, language)


@cache
def _titles(language: str) -> dict[str, str]:
    """Titles of techniques and targets."""
    texts = texts_of(language)
    found = {one.title: texts.get(f"technique.{one.name}.title", "") for one in techniques().values()}
    return found | {one.title: texts.get(f"target.{one.name}.title", "") for one in targets().values()}


def filled(template: Template, values: dict[str, str], language: str) -> str:
    """The template's counterpart with its names filled in."""
    said = ""
    for place, part in enumerate(NAME.split(template.other)):
        if place % 2 == 0:
            said = _beside(said, part)
        else:
            said = _beside(said, values[part] if template.is_plain(part) else _value(values[part], language))
    return said


def _beside(before: str, after: str, between: str = "") -> str:
    """Two pieces in a row: no space stands next to Chinese marks, or between Chinese and Chinese."""
    written = before + (between if before and after else "") + after
    at = len(before) - (before[-1:] == " ")
    if at < 1 or at + 1 >= len(written) or written[at] != " ":
        return written
    around = written[at - 1], written[at + 1]
    chinese, marks = (sum(map(bool, map(kind.match, around))) for kind in (_CHINESE, _MARKS))
    return written[:at] + written[at + 1 :] if chinese == 2 or marks else written


def _value(text: str, language: str) -> str:
    """What is filled in: something known, else a list of a few words each, else what is left as it is."""
    known = _known(text, language)
    *parts, last = _BETWEEN.split(text)
    if known or not parts:
        return known or text
    items = [*parts[::2], last]
    words = [_known(item, language) for item in items]
    if not all(one or len(item.split()) <= MOST_WORDS for one, item in zip(words, items, strict=True)):
        return text
    return _listed([one or item for one, item in zip(words, items, strict=True)], parts[1::2], language)


def _listed(items: list[str], between: list[str], language: str) -> str:
    separators, said = _SEPARATORS.get(language, {}), items[0]
    if all(len(_CHINESE.findall(item)) >= CLAUSE for item in items):
        separators = separators | _CLAUSES.get(language, {})
    for separator, item in zip(between, items[1:], strict=True):
        said = _beside(_beside(said, separators.get(separator, separator)), item)
    return said
