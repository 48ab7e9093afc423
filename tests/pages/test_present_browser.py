"""A story in a real browser: the arrow keys turn its pages, a guest sees nothing around it, and axe finds nothing."""

from __future__ import annotations

import pytest

from explorer.pictures import open_page, settle
from tests.support.browser import change_theme, obstacles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STORY = "/Present?story=Talk&step=1"


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


def test_axe_finds_nothing_in_either_theme(filled_page):
    open_page(filled_page, STORY, "light")
    title(filled_page, "First")
    assert obstacles(filled_page) == []
    change_theme(filled_page, "dark")
    assert obstacles(filled_page) == []
