"""The benchmark of the dashboard with few runs: what it makes the dashboard do; not how long anything takes."""

from __future__ import annotations

import pytest

from explorer.bench import serve_dashboard
from explorer.bench.dashboard import filled_home, save_report

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
