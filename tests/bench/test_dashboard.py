"""The benchmark of the dashboard with few runs: what it makes the dashboard do; not how long anything takes."""

from __future__ import annotations

import pytest

from explorer.bench import serve_dashboard
from explorer.bench.browser import shown, stood_after, watched_page
from explorer.bench.dashboard import all_models, chart_after, filled_home, marks_drawn, save_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_dashboard_is_made_to_write_the_report_that_is_asked_for(chromium, tmp_path):
    home = filled_home(tmp_path, 8)
    runs = sorted(path.name for path in (home / "runs").iterdir())
    assert len(runs) == 8
    with serve_dashboard(home) as (_, address):
        page = chromium.new_page()
        report = save_report(page, address, runs[-3:]).read_text(encoding="utf-8")
        page.close()
    assert report.startswith("<!") and "C \u00b7 " in report and "D \u00b7 " not in report, "three variants"


def test_a_chart_is_there_when_one_of_its_marks_answers_the_mouse(chromium, tmp_path):
    home = filled_home(tmp_path, 40, varied=True)
    with serve_dashboard(home) as (_, address):
        page = watched_page(chromium)
        shown(page, address + all_models(home))
        stood_after(page)
        seconds = chart_after(page, "Trade_offs", "Runs")
        assert page.locator(".hoverlayer .hovertext").count() == 1
        drawn = marks_drawn(page)
        page.close()
    assert 0 < seconds < 60 and drawn.marks >= 40 and 19 < drawn.places <= drawn.marks


def test_a_page_stands_when_the_last_thing_is_drawn_not_when_the_first_is(chromium):
    page = watched_page(chromium)
    draw = "setTimeout(() => document.body.append('first'), 50); setTimeout(() => document.body.append('last'), 400)"
    page.goto(f'data:text/html,<button onclick="{draw}">Draw</button>')
    page.get_by_role("button").click()
    seconds = stood_after(page, 700)
    assert page.get_by_text("firstlast").count() == 1
    assert seconds >= 0.4
    page.close()
