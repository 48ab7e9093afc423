"""What a hand does on the Models page with a model of one's own, each as a reader does it."""

from __future__ import annotations

import pytest

from explorer.bench import serve_dashboard
from explorer.pictures import open_page, settle
from explorer.texts import t
from tests.models import tiny
from tests.support.browser import complaints, page_of, pick

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TREEMAP = ".st-key-models-treemap .js-plotly-plot"
FIELDS = f"() => [...document.querySelectorAll('{TREEMAP} .slice')].map(one => one.textContent)"


def check(page, model: str, path: str) -> None:
    page.get_by_label(t("compress.model.id"), exact=True).fill(model)
    page.get_by_label(t("compress.model.data"), exact=True).fill(path)
    page.get_by_role("button", name=t("models.own.check")).click()


def test_ones_own_model_is_checked_looked_into_scored_and_forgotten(chromium, tmp_path):
    tiny.save_bert(tmp_path / "mine")
    path = tiny.write_csv(tmp_path / "tweets.csv")
    with serve_dashboard(tmp_path / "home") as (_, address), page_of(chromium, address) as page:
        with complaints(page) as said:
            open_page(page, "/Models", "light")
            check(page, str(tmp_path / "mine"), "gone.csv")
            page.get_by_text("There is no 'gone.csv'; expected is").wait_for()
            check(page, str(tmp_path / "mine"), str(path))
            page.get_by_text("All is well:").wait_for()
            page.locator(f"{TREEMAP} .gtitle").filter(has_text="Parameters of mine on tweets.csv by layer").wait_for()
            settle(page)
            whole = page.evaluate(FIELDS)
            page.locator(f"{TREEMAP} .slicetext").filter(has_text="layer 1").first.click(force=True)
            page.wait_for_function(f"before => JSON.stringify(({FIELDS})()) !== JSON.stringify(before)", arg=whole)
            page.locator(f"{TREEMAP} .pathbar").first.click()
            page.get_by_role("button", name=t("models.heads.start")).click()
            page.get_by_text("Least important is head").wait_for()
            page.reload()
            pick(page, "Model", "mine on tweets.csv")
            page.get_by_role("button", name=t("models.forget")).click()
            page.get_by_text("mine on tweets.csv is no longer listed.").wait_for()
            page.get_by_role("button", name=t("models.forget")).wait_for(state="detached")
        assert said == []
