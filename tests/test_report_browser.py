"""The report in a real browser: it asks for nothing, draws its chart under its policy, saves pictures and prints."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from explorer.charts import Axes
from explorer.report import report_html, report_info
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

A4_PX = (794, 1123)
POINTS_9_PX = 12


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    runs = sample_runs(8)
    rows = choose(flatten(runs), "cpu-onnxruntime", 1)
    info = report_info("Ours", "2026-11-26", [runs[1], runs[2], runs[5]], rows, Axes(), "cpu-onnxruntime", 1)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(report_html(info))
    return path


@pytest.fixture
def opened(chromium, file):
    """The report with what it asked for and what it complained of."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    page.locator(".scatterlayer .trace .point").first.wait_for()
    yield page, asked, said
    page.close()


def test_it_asks_for_nothing_and_complains_of_nothing(opened, file):
    page, asked, said = opened
    page.locator(".scatterlayer .trace .point").last.hover(force=True)
    page.locator(".hoverlayer .hovertext").wait_for()
    assert asked == [file.as_uri()]
    assert said == []


def test_an_injected_script_does_not_run(opened):
    page, _, said = opened
    page.evaluate(
        """() => { const script = document.createElement("script"); script.textContent = "window.evil = 1";
        document.body.append(script); const picture = new Image(); picture.src = "http://127.0.0.1:1/a.png";
        document.body.append(picture); }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.evil") is None
    assert len([text for text in said if "Content Security Policy" in text]) == 2


@pytest.mark.parametrize("form", ["PNG", "SVG"])
def test_the_chart_is_saved(opened, form, tmp_path):
    page, _, said = opened
    with page.expect_download() as waiting:
        page.locator(f'.modebar-btn[data-title="Save as {form}"]').click(force=True)
    name = waiting.value.suggested_filename
    waiting.value.save_as(tmp_path / name)
    assert name == f"trade-off-2026-11-26.{form.lower()}"
    content = (tmp_path / name).read_bytes()
    assert content.startswith(b"\x89PNG" if form == "PNG" else b"<svg")
    assert said == []


def test_it_prints_on_a4_without_cutting_the_chart(opened):
    page, _, said = opened
    page.set_viewport_size({"width": A4_PX[0] - 114, "height": A4_PX[1]})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    chart = page.locator(".chart .main-svg").first.bounding_box()
    assert chart["width"] == 680
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    assert page.evaluate("getComputedStyle(document.querySelector('figure')).breakInside") == "avoid"
    assert page.evaluate("getComputedStyle(document.querySelector('.part')).breakInside") == "avoid"
    for small in (".figures td small", "figcaption"):
        size = page.locator(small).first.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
        assert size >= POINTS_9_PX, small
    pdf = page.pdf(prefer_css_page_size=True)
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert sizes and {(round(float(w)), round(float(h))) for w, h in sizes} == {(595, 842)}
    assert said == []


def test_it_fits_a_phone(opened):
    page, _, said = opened
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.querySelector('.wide'))")
    cells = page.locator(".figures tbody tr:not(.group)").first.locator("td")
    assert cells.count() == 3 and all(cell.is_visible() for cell in cells.all())
    assert [cell.evaluate("one => getComputedStyle(one, '::before').content") for cell in cells.all()] == [
        '"A"',
        '"B"',
        '"C"',
    ]
    assert said == []


def test_it_is_dark_on_a_dark_screen_and_light_on_paper(opened):
    page, _, said = opened

    def colours():
        return page.evaluate(
            """[getComputedStyle(document.body).backgroundColor,
                document.querySelector(".chart .main-svg").style.background,
                document.querySelector(".chart .xtick text").style.fill]"""
        )

    light = colours()
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".chart .xtick text").first).to_have_css("fill", "rgb(154, 163, 175)")
    assert colours()[:2] == ["rgb(20, 23, 28)"] * 2
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert colours() == light and light[0] == "rgb(255, 255, 255)"
    assert said == []
