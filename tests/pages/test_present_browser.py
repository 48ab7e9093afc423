"""A story in a real browser: the arrow keys turn its pages, a guest sees nothing around it, and axe finds nothing."""

from __future__ import annotations

import pytest

from explorer.pictures import open_page, settle
from explorer.texts import t
from tests.support.browser import change_theme, obstacles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STORY = "/Present?story=Talk&step=1"

CUT = """words => {
    let cut = 0;
    for (let one = words; one.dataset.testid !== "stCheckbox"; one = one.parentElement)
        cut += one.clientWidth > 0 && one.scrollWidth > one.clientWidth;
    return cut;
}"""
"""How many of the elements around a switch's words are too narrow for them."""

PARTS = (".js-plotly-plot", ".gtitle", ".xtitle", ".legend")
SIZE_PX = "one => parseFloat(getComputedStyle(one).fontSize)"

COVERED = """() => {
    const boxes = which => [...document.querySelectorAll(`.st-key-stage ${which}`)].map(
        one => one.getBoundingClientRect()).filter(box => box.width);
    const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const marks = boxes(".scatterlayer .point"), words = boxes(".annotation-text");
    const covers = (own, i) => marks.some(mark => over(own, mark)) || words.slice(0, i).some(other => over(own, other));
    return words.filter(covers).length;
}"""
"""How many words beside marks lie over a mark or over other words."""


def title(page, words):
    """Wait for the step with this title, and for its buttons, which come last and take the keys."""
    page.get_by_role("heading", name=words, exact=True, level=2).wait_for()
    settle(page)


def test_the_arrow_keys_turn_the_pages_and_escape_ends(filled_page):
    page = filled_page
    open_page(page, STORY, "light")
    title(page, "First")
    page.keyboard.press("ArrowRight")
    title(page, "Second")
    page.keyboard.press("ArrowLeft")
    title(page, "First")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Add a step").wait_for()
    assert "story=" not in page.url


@pytest.mark.parametrize("guest", ["", "&view=1"])
def test_the_keys_of_a_clicker_turn_the_pages_and_stop_at_the_ends(filled_page, guest):
    page = filled_page
    open_page(page, STORY + guest, "light")
    title(page, "First")
    page.keyboard.press("PageUp")
    page.keyboard.press("Control+PageDown")
    settle(page)
    assert "step=1" in page.url
    page.keyboard.press("PageDown")
    title(page, "Second")
    page.keyboard.press("PageDown")
    settle(page)
    assert "step=2" in page.url
    page.keyboard.press("PageUp")
    title(page, "First")


@pytest.mark.parametrize("width", [1280, 400])
def test_a_guest_sees_nothing_around_the_story(filled_page, width):
    page = filled_page
    open_page(page, STORY + "&view=1", "light", width)
    title(page, "First")
    page.mouse.move(width / 2, 100)
    for part in ("stSidebar", "stHeader", "stExpandSidebarButton"):
        assert not page.get_by_test_id(part).is_visible()
    assert not page.get_by_text("Tell a story with").is_visible()
    page.wait_for_function("getComputedStyle(document.querySelector('.st-key-steps')).opacity === '0'")
    page.locator(".st-key-steps").hover()
    page.wait_for_function("getComputedStyle(document.querySelector('.st-key-steps')).opacity === '1'")
    page.keyboard.press("ArrowRight")
    title(page, "Second")


def test_a_presenter_sees_the_buttons_for_some_seconds_and_where_the_pointer_or_the_keyboard_is(filled_page):
    page, opacity = filled_page, "getComputedStyle(document.querySelector('.st-key-steps')).opacity"
    open_page(page, STORY, "light")
    title(page, "First")
    page.mouse.move(600, 100)
    page.wait_for_function(f"{opacity} === '0'")
    page.locator(".st-key-steps").hover()
    page.wait_for_function(f"{opacity} === '1'")
    page.mouse.move(600, 100)
    page.wait_for_function(f"{opacity} === '0'")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.st-key-steps') !== null"):
            break
    page.wait_for_function(f"{opacity} === '1'")


def test_axe_finds_nothing_in_either_theme(filled_page):
    open_page(filled_page, STORY, "light")
    title(filled_page, "First")
    assert obstacles(filled_page) == []
    change_theme(filled_page, "dark")
    assert obstacles(filled_page) == []


@pytest.mark.parametrize("height", [800, 1100])
def test_a_step_fills_the_screen_and_no_words_are_small(filled_page, height):
    page = filled_page
    open_page(page, STORY, "light")
    page.set_viewport_size({"width": 1280, "height": height})
    title(page, "First")
    last = page.locator(".st-key-stage [data-testid=stCaptionContainer]").last.bounding_box()
    buttons = page.locator(".st-key-steps").bounding_box()
    assert 0 <= buttons["y"] - (last["y"] + last["height"]) < 0.06 * height
    assert page.locator(".st-key-stage [data-testid=stCaptionContainer] p").evaluate(SIZE_PX) >= 16


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("size", ["normal", "largest"])
def test_no_words_lie_over_marks_or_over_each_other(filled_page, width, size):
    page = filled_page
    open_page(page, f"{STORY}&type={size}", "light", width)
    title(page, "First")
    if size == "normal" or width > 400:  # very large type has no room for words on a phone
        assert page.locator(".st-key-stage .annotation-text:visible").count() > 0
    assert page.evaluate(COVERED) == 0
    chart, head, under, legend = (page.locator(f".st-key-stage {which}").first.bounding_box() for which in PARTS)
    assert head["y"] >= chart["y"] and head["y"] + head["height"] < legend["y"]
    assert under["y"] + under["height"] <= legend["y"] + 4, "a legend's box begins above its words"
    assert under["x"] >= 0 and under["x"] + under["width"] <= width
    assert page.locator(".st-key-end").bounding_box()["y"] == page.locator(".st-key-back").bounding_box()["y"]


def test_the_presenter_makes_the_type_larger(filled_page):
    page = filled_page
    open_page(page, STORY, "light")
    title(page, "First")
    measured = ".st-key-said p", ".st-key-stage .gtitle", ".st-key-stage .xtitle"
    before = [page.locator(one).evaluate(SIZE_PX) for one in measured]
    page.get_by_role("button", name="Type: normal").click()
    page.get_by_role("button", name="Type: large").wait_for()
    settle(page)
    assert "type=large" in page.url
    after = [page.locator(one).evaluate(SIZE_PX) for one in measured]
    assert [large / usual for large, usual in zip(after, before, strict=True)] == pytest.approx([1.25] * 3, rel=0.03)


def test_a_guest_whose_story_is_gone_sees_one_sentence(filled_page):
    open_page(filled_page, "/Present?story=Nope&step=1&view=1", "dark")
    assert not filled_page.get_by_test_id("stSidebar").is_visible()
    seen = filled_page.get_by_test_id("stMainBlockContainer").inner_text()
    assert seen.removeprefix("Present").strip() == t("present.gone")


@pytest.mark.parametrize("width", [1280, 400])
def test_the_switches_of_a_step_show_all_their_words(filled_page, width):
    page = filled_page
    open_page(page, "/Present", "light", width)
    page.get_by_text("Change what it shows").click()
    for words in ("Logarithmic scale across", "Logarithmic scale up"):
        label = page.get_by_text(words, exact=True)
        label.wait_for()
        assert label.evaluate(CUT) == 0
