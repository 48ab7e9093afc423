"""What the engine writes has a counterpart in the other language, with the same figures, and pages show it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from explorer.combinations import COMBINATIONS
from explorer.labels import label
from explorer.models import cards
from explorer.store import RECORDED
from explorer.technique import techniques
from explorer.texts import sentences, texts_of
from explorer.texts.sentences import choice, filled, matching, sentence, setting, templates
from tests.pages.conftest import words

ROOT = Path(__file__).parents[2]
ENGINE = sorted((ROOT / "explorer").rglob("*.py"))
CARDS = sorted((ROOT / "explorer" / "models" / "builtin").glob("*/card.json"))
RECORDINGS = sorted((ROOT / "explorer" / "recorded").glob("*.json"))
FINDINGS = ROOT / "tests" / "measure" / "test_findings.py"
LANGUAGES = [path.stem.removeprefix("sentences_") for path in (ROOT / "explorer" / "texts").glob("sentences_*.json")]

NOT_ON_PAGES = (
    "accuracy_table.py", "bench", "bundle", "cli", "expectations.py", "jobs/ray", "models/builtin", "pictures.py",
    "recording.py", "remeasure.py", "verify.py",
)  # fmt: skip
"""What speaks on a command line, in a log or on another machine only."""

NAMES = re.compile(r"\{(\w+)\}")
FIGURES = re.compile(r"\d+(?:[.,]\d+)*")
RUN_OF_WORDS = 3

COMPOSED = {
    "7: its format is not '7'; expected is what measure.py wrote.",
    "7: 7; expected is what measure.py wrote.",
    "Answering 77",
    "'7' is 7, but this model takes 7; expected is 7.",
    "'7' has the label '7'7, which the model does not know; its labels are 7, or their numbers from 0.",
    "There is no technique '7'; 7",
    "'7' works on a 7; 7 is a 7.",
    "7 of 7 layers became two, of 77.",
    "7 layers keep 7 of every 7 weights7. 7",
    "7 weights are stored in 7 bits as they were trained7.",
    "7; 7 QuantizeLinear in the graph now.",
    "7 weights are stored in 7 bits, 7.",
    "7 of the 7 are under the threshold; 7 were before.",
}
"""Sentences of the sources that fill in words, which their templates write out; the examples below say them whole."""

WHOLE = (
    "'m.json' is not a file of measurements: its format is not 'f'; expected is what measure.py wrote.",
    "'m.json' is not a file of measurements: it is not JSON; expected is what measure.py wrote.",
    "Answering 2,000 validation inputs on cpu-torch with typos with the baseline",
    "'x.csv' is a file, but this model takes image; expected is a folder with one sub-folder per class.",
    "'x.csv' has the label 'a' (and 3 more), which the model does not know; its labels are b, or their numbers from 0.",
    "There is no technique 'prune'; did you mean 'prune-n-m'?",
    "There is no technique 'x'; known are fine-tune, low-rank.",
    "'prune-heads' works on a text transformer; what 'distill-into-cnn' leaves is a CNN.",
    "12 of 36 layers became two, of ranks from 3 to 48; 24 stay, as two factors would not be smaller.",
    "12 of 36 layers became two, of rank 48.",
    "36 layers keep 2 of every 4 weights; 1 fit no groups of 4. No kernel for a processor uses the pattern; NVIDIA "
    "GPUs from Ampere on do.",
    "900 weights are stored in 4 bits as they were trained; 2 weights that did not lie on their grid stay float.",
    "12 ranges by percentile over calibration inputs; 40 QuantizeLinear in the graph now.",
    "900 weights are stored in 4 bits, one scale for each output channel.",
    "40.0% of the neurons or channels are under the threshold; 1.0% were before.",
)

IN_PIECES = {
    "'{step}' works on a {kinds}; what '{earlier}' leaves is a {kind}.",
    "{n1} ({n2} to {n3}) at batch {n4}",
    "{n1} ({n2} to {n3}) at batch {n4} with real lengths",
    "{n1} ({n2} to {n3}) at batch {n4} with {n5} tokens",
    "at {n} more shapes",
    "at batch {n} with real lengths",
    "{target} at batch {n} with real lengths",
    "{where} with typos",
    "{step}: training step {n1} of {n2}",
    "a mapping of {n}",
    "an empty list",
    "the browser kept {n} cores busy",
    "this dashboard kept {n} cores busy",
    "{targets} ({split}, {n} inputs with typing errors)",
    "an empty mapping",
}
"""Templates whose words stand in more pieces in the sources than can be found."""

SYSTEM = {
    "no space left on device",
    "no such file or directory",
    "permission denied",
    "read-only file system",
    "is a directory",
}
"""What the operating system says."""

LIBRARY = re.compile(r"^(OpenVINO cannot (?:load|run) this file: ).*")
"""The reason is the runtime's own and stays as it is."""


@pytest.fixture(autouse=True)
def chinese(monkeypatch):
    """The reader's language."""
    monkeypatch.setenv("EXPLORER_LANGUAGE", "zh")
    monkeypatch.setattr("explorer.texts._chosen", [lambda: None])


def recorded_sentences() -> dict[str, None]:
    """What the recorded results say of themselves."""
    said = {}
    for path in RECORDINGS:
        study = json.loads(path.read_text(encoding="utf-8"))
        said |= dict.fromkeys(study["notes"])
        for result in study["results"]:
            said |= dict.fromkeys(result["findings"])
            said |= dict.fromkeys(note for step in result["steps"] for note in step["notes"])
            entries = [*result["latency"], *result["accuracy"], *(use.get("energy") or {} for use in result["targets"])]
            said |= dict.fromkeys(entry.get("reason") for entry in entries)
            said |= dict.fromkeys(entry.get("noise_reason") for entry in entries)
            said |= dict.fromkeys(use["provider"] for use in result["targets"] if " of " in use["provider"])
    return {text: None for text in said if text}


def expected_findings() -> dict[str, None]:
    """The whole sentences that the tests of the findings expect."""
    tree = ast.parse(FINDINGS.read_text(encoding="utf-8"))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    lists = [side for node in compared for side in node.comparators if isinstance(side, ast.List)]
    texts = [one.value for found in lists for one in found.elts if isinstance(one, ast.Constant)]
    return {text: None for text in texts if isinstance(text, str) and text.endswith(".")}


def card_texts() -> dict[str, None]:
    read = (json.loads(path.read_text(encoding="utf-8")) for path in CARDS)
    return {card[field]: None for card in read for field in ("title", "description")}


def offered_texts() -> dict[str, None]:
    return {text: None for one in COMBINATIONS for text in (one.title, one.why)}


def raised_sentences() -> dict[str, None]:
    """What errors, notes and progress say in the engine's sources, with a figure for whatever they fill in."""
    said = {}
    for path in ENGINE:
        if not path.relative_to(ROOT / "explorer").as_posix().startswith(NOT_ON_PAGES):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said |= dict.fromkeys(text for node in ast.walk(tree) for text in _spoken(node))
    return said


def _spoken(node: ast.AST):
    if not isinstance(node, ast.Call):
        return
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in ("BadInput", "ExplorerError", "Unavailable", "Cancelled", "note"):
        yield from (text for argument in node.args[:1] for text in _written(argument))
    elif name in ("report", "tell"):
        yield from (text for one in node.keywords if one.arg == "text" for text in _written(one.value))


def _written(node: ast.expr):
    """A text or its alternatives with 7 in every place that is filled in, where any words stand around them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(map(_piece, node.values))
        if re.search("[a-z]{3}", text):
            yield text
    elif isinstance(node, ast.IfExp):
        yield from _written(node.body)
        yield from _written(node.orelse)


def _piece(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return "'7'" if isinstance(part, ast.FormattedValue) and part.conversion == ord("r") else "7"


CORPUS = recorded_sentences() | expected_findings() | card_texts() | offered_texts()


def test_there_is_something_to_say():
    assert LANGUAGES == ["zh"] and len(RECORDINGS) == 2 and RECORDINGS[0].parent == RECORDED
    assert len(recorded_sentences()) > 100
    assert len(expected_findings()) > 25
    assert len(card_texts()) == 2 * len(cards())


@pytest.mark.parametrize("language", LANGUAGES)
def test_templates_fill_in_the_same(language):
    differ = [one.english for one in templates(language) if _names(one.english) != _names(one.other)]
    assert differ == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_templates_have_the_same_figures(language):
    def figures(text):
        return sorted(FIGURES.findall(NAMES.sub("", text)))

    assert [one.english for one in templates(language) if figures(one.english) != figures(one.other)] == []


def _names(text):
    return sorted(NAMES.findall(text))


def test_every_counterpart_is_chinese():
    same = {"Alpha", "Huber delta"}
    plain = [one.english for one in templates("zh") if not re.search("[一-鿿]", one.other)]
    assert set(plain) == same


@pytest.mark.parametrize("text", CORPUS)
def test_what_is_stored_has_a_counterpart_with_its_figures(text):
    text = LIBRARY.sub(r"\1DequantizeLinear", text)
    said = sentence(text)
    assert re.search("[一-鿿]", said), said
    assert english_left(said) == []
    assert sorted(FIGURES.findall(said)) == sorted(FIGURES.findall(text))


def english_left(said: str) -> list[str]:
    """Runs of English words that are no names: names of techniques, operators and targets stand alone."""
    bare = re.sub(r"'[^']*'|“[^”]*”", "", said)
    return re.findall(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", bare)


@pytest.mark.parametrize("text", CORPUS)
def test_no_two_templates_say_it_differently(text):
    for one in sentences._ENDS.split(text):
        said = {filled(template, values, "zh") for template, values in matching(one, "zh")}
        assert len(said) <= 1


def test_errors_notes_and_progress_of_the_engine_have_counterparts():
    unknown = {text for text in raised_sentences() if not re.search("[一-鿿]", sentence(text))}
    assert unknown == COMPOSED


@pytest.mark.parametrize("text", WHOLE)
def test_composed_sentences_have_counterparts(text):
    said = sentence(text)
    assert english_left(said) == []
    assert sorted(FIGURES.findall(said)) == sorted(FIGURES.findall(text))


def test_a_changed_sentence_is_found_out():
    changed = next(text for text in CORPUS if "within sampling noise" in text).replace("within", "inside of")
    assert sentence(changed) == changed


def _constants() -> str:
    """Every text of the engine's sources and cards, pieces of filled texts apart."""
    texts = [text for path in CARDS for text in json.loads(path.read_text(encoding="utf-8")).values()]
    for path in ENGINE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and id(one) not in remarks]
    parameters = [parameter for one in techniques().values() for parameter in one.parameters()]
    for one in parameters:
        name = one.name.replace("_", " ")
        texts += [name.capitalize(), f"no {name}", *(f"{one.name}: {option}" for option in one.options or ())]
    for path in RECORDINGS:
        texts += json.loads(path.read_text(encoding="utf-8"))["notes"]
    return "\n".join(text for text in texts if isinstance(text, str))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_is_still_said(language):
    said = _constants()
    assert {one.english for one in templates(language) if not occurs(one.literals[0], said)} == IN_PIECES | SYSTEM


def occurs(literal: str, said: str) -> bool:
    """Whether a few of its words in a row are there: all of them may stand in two pieces of the sources."""
    parts = literal.split()
    runs = [" ".join(parts[i : i + RUN_OF_WORDS]) for i in range(max(1, len(parts) - RUN_OF_WORDS + 1))]
    return any(run in said for run in runs)


def test_a_template_that_nobody_says_is_found():
    assert not occurs(" is the colour of the parrot on ", _constants())
    assert occurs(" is within sampling noise (p = ", _constants())


def test_english_stays_as_it_is(monkeypatch):
    monkeypatch.setenv("EXPLORER_LANGUAGE", "en")
    assert [text for text in CORPUS if sentence(text) != text] == []
    assert setting("group_size") == "Group size"


def test_unknown_sentences_stay_english():
    assert sentence("Nobody has ever said this. It is new.") == "Nobody has ever said this. It is new."
    assert sentence("") == ""


def test_each_sentence_is_translated_by_itself():
    assert sentence("Nothing was removed. Nobody said this. Measure again on a quiet machine.") == (
        "没有移除任何内容。Nobody said this. 请在空闲的机器上重新测量。"
    )
    assert (
        sentence("Nothing was removed. Every layer keeps its own weights.")
        == "没有移除任何内容。每层都保留自己的权重。"
    )


def test_what_somebody_wrote_is_shown_as_it_is():
    assert "“validation, test and row”" in sentence(
        "There is a preset called 'validation, test and row' already; delete it or give another name."
    )


def test_what_is_filled_in_is_translated_where_it_is_known():
    assert (
        sentence("Low-rank layers: step 2 of 3")
        == f"{texts_of('zh')['technique.low-rank.title']}：第 2 个步骤，共 3 个"
    )
    assert sentence("'prune-heads' works on a text transformer or vision transformer; 'cnn-digits' is a CNN.") == (
        "“prune-heads”适用于文本 Transformer 或视觉 Transformer；“cnn-digits”是CNN。"
    )
    assert sentence("just before, other processes kept 0.42 cores busy and the browser kept 0.10 cores busy") == (
        "测量即将开始时，其他进程占用了 0.42 个核心，浏览器占用了 0.10 个核心"
    )


def test_settings_have_names():
    assert setting("group_size") == "组大小"
    named = {parameter.name for one in techniques().values() for parameter in one.parameters()}
    assert {name for name in named if not re.search("[一-鿿]", setting(name))} == {"alpha", "huber_delta"}


NAMES_OF_METHODS = {"l1", "l2", "huber", "wanda", "tinybert", "minilm", "hqq", "gptq", "fp16", "bf16", "int8"}
"""Values of settings that are written alike in every language, as patterns of zeros are."""


def test_values_that_are_words_have_counterparts():
    choices = [one for kind in techniques().values() for one in kind.parameters() if one.kind == "choice"]
    words = {(one.name, value) for one in choices for value in map(str, one.options) if not re.match(r"\d", value)}
    same = {value for name, value in words if not re.search("[一-鿿]", choice(name, value))}
    assert same == NAMES_OF_METHODS
    assert choice("granularity", "groups") == "分组" and choice("scope", "layer") == "逐层"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("prune-neurons 50 % taylor", "神经元与通道剪枝 50 % 泰勒"),
        (
            "weight-bits 4 bits groups group size 32 → fine-tune 1 epoch",
            "仅权重位宽 4 位 分组 组大小 32 → 微调（恢复） 1 轮",
        ),
        ("int8-dynamic no embeddings per channel keep encoder.0", "动态 int8 不含嵌入表 逐通道 保持浮点 encoder.0"),
        ("prune-neurons 50 % of what nobody knows", "prune-neurons 50 % of what nobody knows"),
        ("gone-method 3 → fine-tune 1 epoch", "gone-method 3 → fine-tune 1 epoch"),
    ],
)
def test_variants_are_called_by_titles_and_words_of_settings(name, said):
    assert sentence(name) == said


def test_every_label_of_every_setting_is_known():
    """Each technique with each value of each of its settings, as labels say them."""
    unknown = []
    for name, technique in techniques().items():
        usual = {one.name: one.default for one in technique.parameters()}
        for one in technique.parameters():
            for value in one.options or ([not one.default] if one.kind == "flag" else [one.default]):
                words = label({"steps": [{"technique": name} | usual | {one.name: value}]})
                if words.startswith(name) and name in sentence(words):
                    unknown.append(words)
    assert unknown == []


def test_recipes_keep_their_words_and_pages_translate_them(open_page, own):
    run = next(one for one in own if any("prune" in step["technique"] for step in one.recipe["steps"]))
    app = open_page("3_Trade_offs", {"selected": run.run}, language="zh")
    assert "剪枝" in words(app) and run.recipe["steps"][0]["technique"] in "".join(one.value for one in app.code)


def test_pages_show_findings_and_reasons_in_chinese(open_page, own):
    app = open_page("3_Trade_offs", {"selected": "sample-0002"}, language="zh")
    said = words(app)
    assert "no NVIDIA GPU was found on this machine" not in said
    assert "这台机器上没有找到 NVIDIA GPU" in said


@pytest.mark.parametrize("page", ["1_Compress", "6_Models"])
def test_models_are_described_in_chinese(open_page, page):
    app = open_page(page, language="zh")
    boxes = [*app.radio, *app.selectbox]
    shown = [option for box in boxes for option in box.options]
    titles = [card.title for card in cards().values()]
    assert not set(titles) & set(shown)
    assert {sentence(title) for title in titles} <= set(shown)


def test_boxes_of_the_form_offer_values_in_the_readers_language(open_page):
    app = open_page("1_Compress", language="zh")
    app.selectbox(key="form-new").select("weight-bits").run()
    (box,) = [one for one in app.selectbox if one.label == setting("granularity")]
    assert box.options == ["分组", "逐通道", "整个矩阵"] and box.value == "groups"
