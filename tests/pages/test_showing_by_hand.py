"""What a presenter does by hand: builds, moves and deletes a story, and saves a chart by its own button."""

from __future__ import annotations

import re

import pytest

from explorer import stories
from explorer.bench import serve_dashboard
from explorer.pictures import open_page, settle
from explorer.texts import t
from tests.support.browser import complaints, obstacles, page_of, pick, slide
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CREDIT = "Imaginary CPU 9000, 2 cores, 2026-11-2"
"""Who measured what is drawn, and nearly when, as a saved picture says it."""
CAMERA = '.modebar-btn[data-title^="Download plot"]'
COMPARED = "?compared=sample-0002,sample-0003"


@pytest.fixture
def own_page(chromium, place):
    """A page of a dashboard of the test's own, with sixteen runs and no story."""
    home = place / "home"
    write_runs(home / "runs", sample_runs(16))
    with serve_dashboard(home) as (_, address), page_of(chromium, address) as page:
        yield page


def add_step(page, title: str) -> None:
    """Give the step a title, add it, and wait until it stands in the list."""
    page.get_by_role("textbox", name=t("tell.title")).fill(title)
    page.get_by_role("button", name=t("tell.add.button")).click()
    page.locator("strong", has_text=re.compile(rf"^\d+\. {title}$")).wait_for()
    settle(page)


def edit(page, before: str, after: str) -> None:
    """Give the second step another title, axis, a second device and a budget, and save it in its place."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=t("page.trade_offs.name"), exact=True).click()
    page.get_by_role("heading", level=1, name=t("page.trade_offs.title"), exact=True).wait_for()
    settle(page)
    pick(page, t("filter.y"), "Difference to baseline")
    settle(page)
    page.get_by_role("radio", name=t("where.both"), exact=True).click()
    settle(page)
    slide(page, t("budget.file"), 7, "ArrowLeft")
    settle(page)
    assert page.locator(".js-plotly-plot").count() == 2 and obstacles(page) == []
    page.get_by_test_id("stSidebar").get_by_role("link", name=t("page.present.name"), exact=True).click()
    page.get_by_role("heading", name=t("tell.add")).wait_for()
    settle(page)
    press(page, t("tell.edit", place=2))
    form = page.locator(".st-key-story-form")
    box = form.get_by_role("textbox", name=t("tell.title"))
    assert box.input_value() == before
    box.fill(after)
    box.press("Tab")
    settle(page)
    press(page, t("tell.retake"))
    assert box.input_value() == after and obstacles(page) == []
    press(page, t("tell.save"))
    form.wait_for(state="detached")
    first, second = stories.load("By hand").steps
    assert (first.title, first.view.y, first.view.devices) == ("Two", "accuracy", ("cpu",))
    assert (second.title, second.view.y, second.view.devices) == (after, "difference", ("cpu", "cuda"))
    assert second.view.file_mb == 10


def press(page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).click()
    settle(page)


def titles(page) -> list[str]:
    """The steps as they stand on the page, which must be those in the file."""
    seen = [
        words.partition(". ")[2] for words in page.locator("strong", has_text=re.compile(r"^\d+\. ")).all_inner_texts()
    ]
    assert seen == [step.title for step in stories.load("By hand").steps]
    return seen


def test_a_story_is_built_moved_shown_and_deleted(own_page):
    page = own_page
    with complaints(page) as said:
        open_page(page, "/Present?selected=sample-0002", "light")
        page.get_by_role("textbox", name=t("tell.name")).fill("By hand")
        add_step(page, "One")
        page.get_by_text(t("tell.shown")).click()
        pick(page, t("filter.x"), "Latency p50")
        add_step(page, "Two")
        assert titles(page) == ["One", "Two"]
        assert [step.view.x for step in stories.load("By hand").steps] == ["file_size", "latency"]
        press(page, t("compress.up", place=2))
        assert titles(page) == ["Two", "One"]
        edit(page, "One", "Changed")
        assert titles(page) == ["Two", "Changed"]
        press(page, t("tell.present"))
        assert presented(page, "Two") == 1
        page.keyboard.press("ArrowRight")
        assert presented(page, "Changed") == 2 and obstacles(page) == []
        assert page.get_by_text("Grey marks break the budget: a file of at most 10 MB.").is_visible()
        page.keyboard.press("ArrowLeft")
        assert presented(page, "Two") == 1
        page.keyboard.press("Escape")
        page.get_by_role("heading", name=t("tell.add")).wait_for()
        settle(page)
        press(page, t("compress.remove", place=2))
        assert titles(page) == ["Two"]
        press(page, t("tell.delete"))
        page.get_by_role("button", name=t("tell.delete.yes")).click()
        page.get_by_text(t("tell.none")).wait_for()
        assert stories.names() == []
        assert page.get_by_role("combobox", name=t("tell.story")).input_value() == ""
        press(page, t("undo"))
        page.get_by_role("button", name=t("undo")).wait_for(state="detached")
        assert titles_of(stories.load("By hand")) == ["Two"] and said == []


def titles_of(story) -> list[str]:
    """The titles of a story's steps."""
    return [step.title for step in story.steps]


def presented(page, title: str) -> int:
    """How many charts the step with this title shows, which stand side by side and are of one height."""
    page.get_by_role("heading", name=title, exact=True, level=2).wait_for()
    settle(page)
    boxes = [chart.bounding_box() for chart in page.locator(".js-plotly-plot").all()]
    assert len({(round(box["y"]), round(box["height"])) for box in boxes}) == 1
    return len(boxes)


@pytest.mark.parametrize("form", ["PNG", "SVG"])
def test_a_chart_is_saved_as_the_sidebar_says(filled_page, form, tmp_path):
    page = filled_page
    open_page(page, "/" + COMPARED, "light")
    bar = page.get_by_test_id("stSidebar")
    bar.get_by_role("radio", name=form).click()
    settle(page)
    bar.get_by_role("link", name=t("page.compare.name"), exact=True).click()
    page.get_by_role("heading", level=1, name=t("page.compare.title"), exact=True).wait_for()
    settle(page)
    save_first_chart(page, form, tmp_path)


def test_the_presenters_chart_is_saved_by_a_button_that_comes_with_the_pointer(filled_page, tmp_path):
    open_page(filled_page, "/Present?story=Talk&step=1", "light")
    filled_page.mouse.move(2, 2)
    assert filled_page.locator(".modebar").evaluate("one => getComputedStyle(one.firstElementChild).opacity") == "0"
    save_first_chart(filled_page, "PNG", tmp_path)
    open_page(filled_page, "/Present?story=Talk&step=1&view=1", "light")
    assert filled_page.locator(CAMERA).count() == 0


def save_first_chart(page, form: str, folder) -> None:
    """Press the camera of the first chart as a hand does; the file is what it is called."""
    page.locator(".js-plotly-plot").first.hover()
    with page.expect_download() as waiting:
        page.locator(CAMERA).first.click()
    name = waiting.value.suggested_filename
    waiting.value.save_as(folder / name)
    assert name.endswith(f".{form.lower()}")
    saved = (folder / name).read_bytes()
    assert saved.startswith(b"\x89PNG" if form == "PNG" else b"<svg")
    if form == "SVG":
        assert CREDIT.encode() in saved
    credit = page.locator(".annotation").filter(has_text=re.compile(CREDIT.replace(" ", r"\s?")))  # its lines may break
    assert credit.count() and not credit.first.is_visible()
