"""Every text that is asked for exists, and every text that exists is asked for."""

import ast
import json
import re
from pathlib import Path

import pytest

from explorer import comparison, texts
from explorer.measure.perturb import CONDITIONS
from explorer.measure.session import MEASURED_SPLIT, TEST_SPLIT
from explorer.rundir import ACTIVE, FINISHED
from explorer.technique import techniques
from explorer.texts import parameter_help, t, technique_summary, technique_title, texts_of

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "explorer").rglob("*.py"))]

FILTERS = ROOT / "pages" / "parts" / "filters.py"
FILLED = {
    "f'fact.{name}'": comparison.SIZES,
    "f'fact.accuracy.{condition}'": CONDITIONS.values(),
    "f\"split.{entry['split']}\"": (MEASURED_SPLIT, TEST_SPLIT),
    "f'state.{row.state}'": (*ACTIVE, *FINISHED),
}
"""What is filled into keys of the kinds that begin like these; a new one says here which values it takes."""
KINDS = {"fact", "split", "state", "filter"}


def asked_for():
    """What stands in ``t(…)`` or ``texts_of(…)[…]``: whole keys, and patterns where a part is filled in."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t":
                yield from patterns(node.args[0], source)
            elif isinstance(node, ast.Subscript) and "texts_of(" in ast.unparse(node.value):
                yield from patterns(node.slice, source)


def patterns(node, source):
    if isinstance(node, ast.Constant):
        yield re.escape(node.value)
    elif isinstance(node, ast.JoinedStr) and kind_of(node) in KINDS:
        yield from map(re.escape, filled(node, source))
    elif isinstance(node, ast.JoinedStr):
        parts = [re.escape(part.value) if isinstance(part, ast.Constant) else "[^ ]+" for part in node.values]
        yield "".join(parts)
    elif isinstance(node, ast.IfExp):
        yield from patterns(node.body, source)
        yield from patterns(node.orelse, source)
    elif isinstance(node, ast.Name):
        yield from named_keys(node.id, source)
    else:
        raise AssertionError(f"{source.name}: t() is called with something whose keys cannot be known")


def kind_of(node):
    return node.values[0].value.partition(".")[0] if isinstance(node.values[0], ast.Constant) else None


def filled(node, source):
    """The keys that a pattern of one of ``KINDS`` stands for."""
    if source == FILTERS and ast.unparse(node) == "f'filter.{key}'":
        values = first_arguments(source, ast.unparse(node))
    else:
        assert ast.unparse(node) in FILLED, f"{source.name}: FILLED does not say what {ast.unparse(node)} stands for"
        values = FILLED[ast.unparse(node)]
    before, after = ("".join(p.value for p in part if isinstance(p, ast.Constant)) for part in halves(node.values))
    return [before + value + after for value in values]


def halves(values):
    place = next(i for i, value in enumerate(values) if isinstance(value, ast.FormattedValue))
    return values[:place], values[place + 1 :]


def first_arguments(source, pattern):
    """What a file gives to those of its functions that fill their first argument into ``pattern``."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = {f.name for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and pattern in ast.unparse(f)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in functions]
    return [ast.literal_eval(call.args[0]) for call in calls]


def named_keys(name, source):
    """Keys that reach ``t`` through a variable are literals with a dot elsewhere in that file."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in texts_of("en"):
            yield re.escape(node.value)


def test_every_key_that_is_asked_for_exists():
    keys = list(texts_of("en"))
    missing = [pattern for pattern in asked_for() if not any(re.fullmatch(pattern, key) for key in keys)]
    assert missing == []


def test_every_text_is_used():
    known = re.compile("|".join(f"(?:{pattern})" for pattern in sorted(set(asked_for()))))
    unused = [key for key in texts_of("en") if not known.fullmatch(key)]
    assert unused == []


@pytest.fixture
def klingon(tmp_path, monkeypatch):
    """A second language with a few texts, chosen by the environment."""
    some = {
        "app.language": "Hol",
        "technique.int8-dynamic.summary": "chorgh",
        "technique.int8-dynamic.title": "chorgh-mI'",
        "technique.prune-neurons.sparsity": "nguj",
    }
    (tmp_path / "tlh.json").write_text(json.dumps(some))
    (tmp_path / "en.json").write_text(json.dumps(texts_of("en")))
    monkeypatch.setattr(texts, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setenv("EXPLORER_LANGUAGE", "tlh")
    texts.texts_of.cache_clear()
    texts.languages.cache_clear()
    yield
    monkeypatch.undo()
    texts.texts_of.cache_clear()
    texts.languages.cache_clear()


def test_a_second_language_overrides_and_falls_back_to_english(klingon):
    assert texts.languages() == ("en", "tlh")
    assert t("app.language") == "Hol"
    assert t("compress.seed") == "Seed"


def test_a_second_language_reaches_the_declarations(klingon):
    int8, neurons = techniques()["int8-dynamic"], techniques()["prune-neurons"]
    sparsity = next(parameter for parameter in neurons.parameters() if parameter.name == "sparsity")
    assert technique_summary(int8) == "chorgh"
    assert technique_title(int8) == "chorgh-mI'"
    assert parameter_help(neurons, sparsity) == "nguj"
    assert technique_summary(neurons) == neurons.summary()


def test_an_unknown_language_is_english(monkeypatch):
    monkeypatch.setenv("EXPLORER_LANGUAGE", "xx")
    assert t("app.language") == "Language"


def test_the_readers_choice_goes_before_the_environment(klingon, monkeypatch):
    monkeypatch.setattr(texts, "_chosen", [lambda: "en"])
    assert t("app.language") == "Language"


def test_an_unknown_key_is_loud():
    with pytest.raises(KeyError):
        t("no.such.key")


def test_without_a_translation_the_declaration_speaks():
    for technique in techniques().values():
        assert technique_summary(technique) == technique.summary()
        assert technique_title(technique) == technique.title
