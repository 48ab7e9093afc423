"""What only a real browser shows of languages and links: words in open boxes, the document's language, Back."""

from __future__ import annotations

import pytest

from explorer.pictures import open_page, settle
from explorer.texts import texts_of
from tests.support.browser import obstacles, pick

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LANGUAGE = "document.documentElement.lang"


def shown(page, key):
    """What the widget with this key says."""
    box = page.locator(f".st-key-{key}")
    return box.locator("input").input_value() if box.locator("input").count() else box.inner_text()


def test_open_boxes_speak_the_language_that_was_picked_and_keep_their_values(filled_page):
    page = filled_page
    open_page(page, "/Trade_offs?x=latency&budget-lost=2&where=both", "light")
    assert page.evaluate(LANGUAGE) == "en"
    assert shown(page, "x") == "Latency p50"
    pick(page, "Language", "中文")
    page.wait_for_function(f"{LANGUAGE} === 'zh'")
    settle(page)
    assert shown(page, "x") == "延迟 p50"
    assert shown(page, "size") == "无"
    assert "x=latency" in page.url and "lang=zh" in page.url and "where=both" in page.url
    page.reload()
    settle(page)
    assert page.evaluate(LANGUAGE) == "zh" and page.locator("h1").inner_text() == "权衡"
    assert shown(page, "x") == "延迟 p50"


def test_boxes_that_are_in_no_link_speak_the_picked_language_too(filled_page):
    page = filled_page
    open_page(page, "/Report?compared=sample-0002,sample-0003&selected=sample-0002", "light")
    pick(page, "Across", "Latency p50")
    settle(page)
    pick(page, "Language", "中文")
    page.wait_for_function(f"{LANGUAGE} === 'zh'")
    settle(page)
    assert (shown(page, "report-x"), shown(page, "report-y")) == ("延迟 p50", "准确率")


def downloaded(page, words, folder):
    """What the button with these words saves, opened without the dashboard; its text."""
    with page.expect_download() as download:
        page.get_by_role("button", name=words).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    page.goto(path.as_uri())
    page.locator(".main-svg").first.wait_for()
    return path.read_text(encoding="utf-8")


def test_what_is_downloaded_speaks_the_language_of_the_page_and_axe_finds_nothing_in_it(filled_page, tmp_path):
    page, chinese, english = filled_page, texts_of("zh"), texts_of("en")
    open_page(page, "/Report?compared=sample-0002,sample-0003&lang=zh", "light")
    report = downloaded(page, chinese["report.download"], tmp_path)
    assert page.evaluate(LANGUAGE) == "zh" and obstacles(page) == []
    for key in ("report.conclusions", "report.figures", "report.measured", "report.hosts"):
        assert f">{chinese[key]}<" in report and f">{english[key]}<" not in report
    open_page(page, "/Export?compared=sample-0002,sample-0003&lang=zh", "light")
    charts = downloaded(page, chinese["several.charts"], tmp_path)
    assert page.evaluate(LANGUAGE) == "zh" and obstacles(page) == []
    assert page.locator(".legendtext", has_text=chinese["family.quantization"]).count() > 0
    assert english["family.quantization"] not in charts


def test_back_takes_a_choice_back(filled_page):
    page = filled_page
    open_page(page, "/Trade_offs?model=minilm-tweets", "light")
    pick(page, "Across", "Latency p50")
    page.wait_for_url("**x=latency**")
    settle(page)
    page.go_back()
    page.wait_for_function("() => document.querySelector('.st-key-x input').value === 'File size'")
    settle(page)
    assert "x=" not in page.url
