"""Every language has every text, with what is filled in, and every page speaks it."""

from __future__ import annotations

import ast
import re

import pytest

from explorer import texts
from explorer.measure.targets import targets
from explorer.pictures import addresses
from explorer.technique import techniques
from explorer.texts import DEFAULT_LANGUAGE, texts_of
from tests.pages.conftest import ROOT, words

LANGUAGES = [language for language in texts.languages() if language != DEFAULT_LANGUAGE]
PAGES = ["", *sorted(path.stem for path in (ROOT / "pages").glob("*.py"))]

SAME = {
    "%", "×", "–", "CSV", "JSON", "Parquet", "GB", "MB", "M", "ms", "CPU", "GPU",
    "Compression Explorer", "ONNX Runtime", "PyTorch", "OpenVINO", "TensorRT",
    "p95 {ms} ms", "{batch} × {length}", "{value}", "{ms} ms", "{time} · {size}",
}  # fmt: skip
"""Texts that are the same in every language: names, units and figures."""
SAME |= {text for key, text in texts_of(DEFAULT_LANGUAGE).items() if re.fullmatch(r"demo\.text\.\d", key)}
"""And examples for the built-in text model, which reads English."""


def declared() -> dict[str, str]:
    """What declarations say of themselves in English, by the keys under which a language overrides it."""
    said = {}
    for technique in techniques().values():
        own = {parameter.name: parameter.help for parameter in technique.parameters()}
        own |= {f"{parameter.name}.move": parameter.move for parameter in technique.parameters()}
        words = {"title": technique.title, "summary": technique.summary(), "cost": technique.cost}
        for part, text in (words | own).items():
            said[f"technique.{technique.name}.{part}"] = text
    for target in targets().values():
        said |= {f"target.{target.name}.title": target.title, f"target.{target.name}.help": target.help}
    return {key: text for key, text in said.items() if text}


ENGLISH = texts_of(DEFAULT_LANGUAGE) | declared()


def test_chinese_is_one_of_them():
    assert "zh" in LANGUAGES
    assert texts_of("zh")["app.language.name"] == "中文" and texts_of("en")["app.language.name"] == "English"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_exactly_the_texts_it_should(language):
    missing = [key for key in ENGLISH if key not in texts_of(language)]
    surplus = [key for key in texts_of(language) if key not in ENGLISH]
    assert (missing, surplus) == ([], [])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pattern", [r"\{\w*\}", r"`[^`]*`", r"\*\*", r"docs/\w+\.md", r"torch\.compile"])
def test_what_is_filled_in_and_marked_is_the_same(language, pattern):
    def marks(text):
        return sorted(set(re.findall(pattern, text)))

    assert [key for key, text in texts_of(language).items() if marks(text) != marks(ENGLISH[key])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_in_english_by_mistake(language):
    same = [key for key, text in texts_of(language).items() if text == ENGLISH[key]]
    assert [key for key in same if ENGLISH[key] not in SAME] == []


def test_every_chinese_text_has_chinese_in_it():
    plain = {key: text for key, text in texts_of("zh").items() if not re.search("[一-鿿，。、：；（）]", text)}
    assert set(plain.values()) <= SAME


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_ends_as_sentences_do(language):
    full_stops = (".", "。", "！", "？", "）")
    sentences = [key for key, text in ENGLISH.items() if re.search(r"\w\.$", text) and len(text.split()) > 3]
    assert [key for key in sentences if not texts_of(language)[key].endswith(full_stops)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_speaks_chinese(open_page, own, recorded, page):
    app = open_page(page, {"selected": "sample-0002", "compared": "sample-0002,sample-0003"}, language="zh")
    name = dict(zip(PAGES, addresses(), strict=True))[page]
    assert app.title[0].value == texts_of("zh")[f"page.{name}.title"]
    assert english_sentences(words(app)) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_without_runs_speaks_chinese(open_page, page):
    app = open_page(page, language="zh")
    assert english_sentences(words(app)) == []


def english_sentences(said: str) -> list[str]:
    """The English texts of several words, with nothing to fill in, that stand among what is said."""
    sure = [text for text in ENGLISH.values() if len(text.split()) > 2 and "{" not in text and text not in SAME]
    return [text for text in sure if text in said]


def test_an_english_sentence_is_found(open_page):
    assert texts_of("en")["overview.empty"] in english_sentences(words(open_page()))


def test_the_reader_picks_a_language_by_its_name(open_page):
    app = open_page()
    box = app.sidebar.selectbox(key="language")
    assert box.options == ["English", "中文"]
    box.select("zh").run()
    assert app.title[0].value == "Compression Explorer"
    assert texts_of("zh")["overview.empty"] in words(app)
    app.switch_page("pages/2_Runs.py").run()
    assert app.title[0].value == "运行"


def boxes_without_words() -> list[str]:
    """Where a list that may stand empty has no words of ours for that: there Streamlit says some in English."""
    found = []
    for source in [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                begins_empty = [ast.unparse(at) for at in node.args[2:3]] == ["None"]
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                kind, empty = node.func.attr, begins_empty or given.get("index") == "None"
                if (kind == "multiselect" or (kind == "selectbox" and empty)) and "placeholder" not in given:
                    found.append(f"{source.name}:{node.lineno}")
    return found


def test_a_list_of_which_nothing_is_chosen_says_so_in_our_words():
    assert boxes_without_words() == []
