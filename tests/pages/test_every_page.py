"""Every page, empty and filled, in both themes, at two widths and in two languages: axe finds no serious obstacle, and
nothing is complained of.
"""

from __future__ import annotations

import pytest

from explorer.bench import serve_dashboard
from explorer.pictures import THEMES, addresses, open_page, settle, stretch
from explorer.texts import t
from tests.support.browser import change_theme, complaints, obstacles, page_of, small_words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHOSEN = "?selected=sample-0002&compared=sample-0002,sample-0003,sample-0005"

PHONE_WIDTH = 400
"""In pixels."""

WIDTH = "Math.max(document.documentElement.scrollWidth, document.querySelector('.stMain').scrollWidth)"
"""How wide the page is in pixels, with what one would have to scroll to."""

UNFOLD = "document.querySelectorAll('details:not([open]) > summary').forEach(summary => summary.click())"


@pytest.fixture(scope="module")
def empty(chromium, empty_dashboard):
    with page_of(chromium, empty_dashboard) as page:
        yield page


@pytest.fixture(scope="module")
def phone(chromium, filled_home):
    """A page as narrow as a phone of a dashboard in Chinese that has runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_LANGUAGE", "zh")
        with serve_dashboard(filled_home) as (_, address), page_of(chromium, address) as page:
            yield page


def check_silent(page, said: list[str]) -> None:
    """Nothing was complained of, and no exception is shown."""
    assert page.get_by_test_id("stException").count() == 0
    assert said == []


def open_everything(page) -> None:
    """Open what is folded and show all of it: axe gives a rule up where something is scrolled far away."""
    page.evaluate(UNFOLD)
    settle(page)
    stretch(page)


@pytest.mark.parametrize("name", addresses())
def test_a_filled_page_is_silent_and_has_no_serious_obstacle(filled_page, name):
    with complaints(filled_page) as said:
        open_page(filled_page, addresses()[name] + CHOSEN, "light")
        open_everything(filled_page)
        assert obstacles(filled_page) == [] and small_words(filled_page) == []
        change_theme(filled_page, "dark")
        assert obstacles(filled_page) == []
        check_silent(filled_page, said)


@pytest.mark.parametrize("name", addresses())
def test_on_a_phone_a_filled_page_is_silent_and_fits(phone, name):
    with complaints(phone) as said:
        open_page(phone, addresses()[name] + CHOSEN, "light", PHONE_WIDTH)
        assert phone.evaluate(WIDTH) == PHONE_WIDTH
        open_page(phone, addresses()[name], "dark", PHONE_WIDTH)
        assert phone.evaluate(WIDTH) == PHONE_WIDTH
        open_everything(phone)
        assert obstacles(phone) == [] and small_words(phone) == []
        check_silent(phone, said)


@pytest.mark.parametrize(("query", "theme"), [("", "light"), (CHOSEN, "dark")], ids=["plain", "chosen runs are gone"])
@pytest.mark.parametrize("name", addresses())
def test_an_empty_page_is_silent(empty, name, query, theme):
    with complaints(empty) as said:
        open_page(empty, addresses()[name] + query, theme)
        if not query:
            open_everything(empty)
            assert obstacles(empty) == []
            change_theme(empty, "dark")
            assert obstacles(empty) == []
        check_silent(empty, said)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (PHONE_WIDTH, 800)])
@pytest.mark.parametrize("theme", THEMES)
def test_on_a_first_start_the_one_thing_to_press_is_seen_at_once(empty, width, height, theme):
    open_page(empty, "/", theme, width)
    empty.set_viewport_size({"width": width, "height": height})
    (first,) = empty.locator("[data-testid=stBaseButton-primary]:visible").all()
    assert first.inner_text().endswith(t("launch.example"))
    box = first.bounding_box()
    assert box["y"] + box["height"] < 0.6 * height and box["x"] + box["width"] <= width


def test_the_links_lead_to_every_page(empty):
    with complaints(empty) as said:
        open_page(empty, "/", "light")
        for name in [*list(addresses())[1:], "overview"]:
            empty.get_by_test_id("stSidebar").get_by_role("link", name=t(f"page.{name}.name"), exact=True).click()
            empty.get_by_role("heading", level=1, name=t(f"page.{name}.title"), exact=True).wait_for()
            settle(empty)
            check_silent(empty, said)


def test_an_error_is_heard(empty):
    with complaints(empty) as said:
        open_page(empty, "/", "light")
        empty.evaluate("console.error('something is wrong')")
        with empty.expect_event("pageerror"):
            empty.evaluate("setTimeout(() => { throw new Error('something broke') })")
    assert [error.split(" http")[0].strip() for error in said] == ["something is wrong", "something broke"]


def test_an_obstacle_is_found(empty):
    open_page(empty, "/", "light")
    empty.evaluate("""document.querySelector("h1").insertAdjacentHTML("afterend", "<button></button>")""")
    (found,) = obstacles(empty)
    assert found.startswith("button-name (critical): <button></button>")
