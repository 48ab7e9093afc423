"""What only a real browser shows: clicks on a chart, and a question that closes once it is answered."""

from __future__ import annotations

import pytest

from tests.support.browser import dashboard_page
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(tmp_path):
    write_runs(tmp_path / "home" / "runs", sample_runs(8))
    with dashboard_page(tmp_path / "home", timeout_ms=30_000) as page:
        yield page


def lit(page) -> int:
    """How many runs the address says are selected."""
    page.wait_for_timeout(2000)
    chosen = page.evaluate("new URL(location.href).searchParams.get('selected')")
    return len(chosen.split(",")) if chosen else 0


def click_marks(page, *places: int) -> list[int]:
    """Click the marks at these places from left to right; how many were selected after each click."""
    points = page.locator(".scatterlayer .trace .point")
    points.first.wait_for()
    page.wait_for_timeout(1500)
    boxes = sorted((point.bounding_box() for point in points.all()), key=lambda box: (box["x"], box["y"]))
    counts = []
    for place in places:
        box = boxes[place]
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        counts.append(lit(page))
    return counts


def test_clicks_are_collected_where_the_reader_wants_it(page):
    page.goto("/Trade_offs")
    assert click_marks(page, 0, 4) == [1, 1]
    page.get_by_text("Collect clicks").last.click()
    assert click_marks(page, 0, 4) == [2, 1]


def test_the_question_closes_once_it_is_answered(page, tmp_path):
    page.goto("/Runs?selected=sample-0003")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes, delete it").click()
    page.get_by_role("button", name="Yes, delete it").wait_for(state="detached")
    assert len(list((tmp_path / "home" / "runs").iterdir())) == 7
