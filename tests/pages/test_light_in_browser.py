"""What lights up under the pointer, and what goes out of the way on a phone."""

from __future__ import annotations

import pytest

from explorer.bench import serve_dashboard
from explorer.pictures import open_page
from tests.support.browser import complaints, marks, page_of
from tests.support.gpu_results import measured_on_gpu
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEXTS = "/Trade_offs?study=default&model=minilm-tweets&length=32&x=latency"
RINGS = """() => [...document.querySelectorAll('.twin-light')].flatMap(light => {
    const chart = light.closest('.js-plotly-plot').getBoundingClientRect();
    return [...light.querySelectorAll('circle')].map(
        ring => [chart.x + parseFloat(ring.getAttribute('cx')), chart.y + parseFloat(ring.getAttribute('cy'))]);
})"""
SPOTS = """run => [...document.querySelectorAll('.scatterlayer .trace .point')].filter(
    point => point.__data__.data?.[0] === run).map(point => {
        const box = point.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    })"""
ONE_LINE = "document.querySelectorAll('.twin-light line').length"
CLOSED = """() => document.querySelector('[data-testid="stSidebar"]').dataset.collapsed === 'true'"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    home = tmp_path_factory.mktemp("gpu") / "home"
    write_runs(home / "runs", [measured_on_gpu(run, beside_cpu=True) for run in sample_runs(8)])
    with serve_dashboard(home) as (_, address):
        yield address


@pytest.mark.parametrize(("where", "lines"), [("both", 0), ("joined", 1)])
def test_a_hover_rings_the_same_variant_on_both_targets(chromium, address, where, lines):
    with page_of(chromium, address) as page, complaints(page) as said:
        page.set_viewport_size({"width": 1280, "height": 1400})
        open_page(page, f"{TEXTS}&where={where}", "light", 1280)
        mark = marks(page)["sample-0003"]
        page.mouse.move(mark["x"], mark["y"] - 60)
        page.mouse.move(mark["x"], mark["y"], steps=4)
        page.wait_for_function("document.querySelectorAll('.twin-light circle').length === 2")
        spots, rings = sorted(page.evaluate(SPOTS, "sample-0003")), sorted(page.evaluate(RINGS))
        assert len(spots) == 2
        for spot, ring in zip(spots, rings, strict=True):
            assert ring == pytest.approx(spot, abs=1.5)
        assert page.evaluate(ONE_LINE) == lines
        page.mouse.move(5, 5, steps=4)
        page.wait_for_function("document.querySelectorAll('.twin-light').length === 0")
        assert said == []


def test_on_a_phone_the_sidebar_goes_once_a_page_was_chosen(chromium, address):
    with page_of(chromium, address) as page, complaints(page) as said:
        open_page(page, "/", "light", 400)
        page.wait_for_function(CLOSED)
        page.get_by_test_id("stExpandSidebarButton").click()
        page.wait_for_function(f"() => !({CLOSED})()")
        page.get_by_test_id("stSidebar").get_by_role("link", name="Runs", exact=True).click()
        page.get_by_role("heading", level=1, name="Runs", exact=True).wait_for()
        page.wait_for_function(CLOSED)
        assert said == []
