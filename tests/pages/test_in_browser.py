"""What only a real browser shows: clicks on a chart, and a question that closes once it is answered."""

from __future__ import annotations

import pytest

from explorer.bench import serve_dashboard
from explorer.pictures import open_page, settle
from tests.support.browser import apart, click_mark, marks, page_of, silent, wait_chosen
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_clicks_are_collected_where_the_reader_wants_it(filled_page):
    page = filled_page
    open_page(page, "/Trade_offs?study=default&model=minilm-tweets&length=32", "light")
    first, second = apart(marks(page))[:2]
    click_mark(page, first)
    wait_chosen(page, [first])
    click_mark(page, second)
    wait_chosen(page, [second])
    settle(page)  # the address changes before the details beside the chart, with the switch in them, are drawn anew
    page.get_by_text("Collect clicks").click()
    page.get_by_role("switch", name="Collect clicks").and_(page.locator(":checked")).wait_for()
    click_mark(page, first)
    wait_chosen(page, [first, second])
    click_mark(page, second)
    wait_chosen(page, [first])


def test_the_question_closes_once_it_is_answered(chromium, tmp_path):
    write_runs(tmp_path / "home" / "runs", sample_runs(8))
    with serve_dashboard(tmp_path / "home") as (_, address), page_of(chromium, address) as page, silent(page):
        page.goto("/Runs?selected=sample-0003")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Yes, delete it").click()
        page.get_by_role("button", name="Yes, delete it").wait_for(state="detached")
        assert len(list((tmp_path / "home" / "runs").iterdir())) == 7
