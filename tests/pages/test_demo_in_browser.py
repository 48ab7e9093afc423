"""What only a real browser shows of the Demo: drawing on the canvas, typing, and a race that moves by itself.

What answers here is also taken away with its baseline, which other made-up runs do not have.
"""

from __future__ import annotations

import re
import zipfile

import psutil
import pytest

from explorer.bench import serve_dashboard
from explorer.charts.style import FAMILY_COLOURS, INK
from explorer.pictures import THEMES, settle
from tests.measure.tiny import save_text, text_graph
from tests.pages.demo_runs import IMAGE_RUN, OTHER_TEXT_RUN, TEXT_RUN, THIRD_TEXT_RUN, write_answering
from tests.support.browser import colour, obstacles, page_of, pick, silent

WAITING = "appear here as soon as there is something to answer"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A dashboard whose models really answer."""
    home = tmp_path_factory.mktemp("demo") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(home))
        write_answering(home)
    # so wide that a race lasts long enough to be stopped by hand
    save_text(home / "runs" / THIRD_TEXT_RUN / "artefact", text_graph(3, hidden=300_000))
    with serve_dashboard(home) as (_, address):
        yield address


@pytest.fixture(scope="module")
def demo_page(chromium, address):
    with page_of(chromium, address) as page:
        yield page


@pytest.fixture
def page(demo_page):
    """The Demo in a session of its own; nothing may complain meanwhile."""
    with silent(demo_page) as page:
        page.goto(f"/Demo?selected={IMAGE_RUN}")
        yield page


def said(page, text: str):
    """Both answers, in large type."""
    return page.locator('[class*="st-key-said-"]').filter(has_text=re.compile(text))


def draw(page) -> None:
    canvas = page.get_by_role("img", name="Canvas to draw a digit on")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()


def test_a_drawing_is_answered_until_it_is_cleared(page):
    page.get_by_text(WAITING).wait_for()
    draw(page)
    said(page, "^[abc]$").nth(1).wait_for()
    assert page.get_by_role("img", name="The drawing as the models see it").count() == 1
    page.get_by_role("button", name="Clear").click()
    page.get_by_text(WAITING).wait_for()
    draw(page)
    said(page, "^[abc]$").nth(1).wait_for()


def test_an_example_is_answered_and_a_race_ends_by_itself(page):
    page.emulate_media(color_scheme="light")
    page.get_by_role("radio", name="Pick an example").click()
    said(page, "^[abc]$").nth(1).wait_for()
    page.get_by_role("button", name="Start: 1,000 requests each").click()
    for name in ("Baseline", "Compressed"):
        page.get_by_text(re.compile(f"^{name}: 1,000 requests in .* per second$")).wait_for(timeout=120_000)
    page.get_by_text("This race:").wait_for()
    page.get_by_text(re.compile("^Order of arrival: 1")).wait_for()
    families = [INK["light"], FAMILY_COLOURS["quantization"]]
    assert [fill(page, key) for key in ("baseline", "variant-1")] == [colour(code) for code in families]


def test_what_a_race_came_to_is_seen_where_its_bars_were_watched(page):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"/Demo?selected={THIRD_TEXT_RUN},{TEXT_RUN}")
    said(page, "^[abc]$").nth(2).wait_for()
    page.get_by_role("button", name="Start: 1,000 requests each").click()
    stop, bar = page.get_by_role("button", name="Stop", exact=True), page.locator(".st-key-rate-baseline")
    stop.wait_for()
    bar.evaluate("bar => bar.scrollIntoView({block: 'start'})")
    stop.evaluate("button => button.click()")
    first = page.get_by_text("The race was stopped early.")
    first.wait_for()
    settle(page)
    box = first.bounding_box()
    assert 0 <= box["y"] < bar.bounding_box()["y"] and box["y"] + box["height"] <= 720


def fill(page, key):
    """The colour of a contestant's bar."""
    bar = page.locator(f".st-key-rate-{key} [data-testid=stProgressBarTrack]")
    return bar.evaluate("track => getComputedStyle(track.firstElementChild).backgroundColor")


def test_a_text_is_answered_once_it_is_typed(page):
    page.goto(f"/Demo?selected={TEXT_RUN}")
    box, ask = page.get_by_role("textbox", name="Text"), page.get_by_role("button", name="Ask all")
    said(page, "^[abc]$").nth(1).wait_for()
    box.fill("")
    ask.click()
    page.get_by_text("Write a sentence, or click one of the examples.").wait_for()
    page.get_by_text(WAITING).wait_for()
    box.fill("w3 w5 w8")
    ask.click()
    said(page, "^[abc]$").nth(1).wait_for()


def test_another_runtime_answers_once_it_is_chosen(page):
    pytest.importorskip("openvino")
    page.goto(f"/Demo?selected={TEXT_RUN}")
    said(page, "^[abc]$").nth(1).wait_for()
    pick(page, "Runtime", "CPU, OpenVINO in fp32")
    settle(page)
    said(page, "^[abc]$").nth(1).wait_for()
    serving = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert any("cpu-openvino-fp32" in words and TEXT_RUN in " ".join(words) for words in serving)


def test_a_bundle_has_the_baseline_where_it_is_asked_for(page, tmp_path):
    page.goto(f"/Export?selected={TEXT_RUN}")
    files = page.locator("table").first.locator("tbody td:first-child")
    files.get_by_text("model.onnx", exact=True).wait_for()
    box = page.get_by_text("Add the uncompressed model", exact=True)
    assert "baseline.onnx" not in files.all_inner_texts()
    box.click()
    files.get_by_text("baseline.onnx", exact=True).wait_for()
    settle(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the bundle", exact=True).click()
    waiting.value.save_as(tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        assert sorted(name.rsplit("/", 1)[-1] for name in bundle.namelist()) == sorted(files.all_inner_texts())


def test_a_race_is_stopped_by_hand(page):
    page.goto(f"/Demo?selected={THIRD_TEXT_RUN},{TEXT_RUN}")
    said(page, "^[abc]$").nth(2).wait_for()
    page.get_by_role("button", name="Start: 1,000 requests each").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("The race was stopped early.").wait_for()
    assert page.get_by_text(re.compile(r"1,000 requests in .* per second$")).count() < 3
    page.get_by_role("button", name="Start: 1,000 requests each").wait_for()


def test_on_a_phone_all_answers_are_seen_together(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/Demo?selected={OTHER_TEXT_RUN},{THIRD_TEXT_RUN},{TEXT_RUN}")
    said(page, "^[abc]$").nth(3).wait_for()
    page.locator(".js-plotly-plot").nth(3).wait_for()
    settle(page)
    answers = page.locator('[class*="st-key-answer-"]')
    boxes = [answers.nth(number).bounding_box() for number in range(4)]
    tops = [box["y"] for box in boxes]
    assert tops == sorted(tops) and all(box["x"] == boxes[0]["x"] for box in boxes)
    assert boxes[3]["y"] + boxes[3]["height"] - boxes[0]["y"] < 844
    for number in range(4):
        name, answer = answers.nth(number).locator("h3"), said(page, "").nth(number).locator("p")
        assert name.bounding_box()["y"] + name.bounding_box()["height"] <= answer.bounding_box()["y"] + 1
    first_chart = page.locator(".js-plotly-plot").first.bounding_box()
    assert first_chart["y"] > boxes[3]["y"]


@pytest.mark.parametrize("theme", THEMES)
def test_an_answered_drawing_has_no_serious_obstacle(page, theme):
    page.emulate_media(color_scheme=theme)
    draw(page)
    said(page, "^[abc]$").nth(1).wait_for()
    page.get_by_role("button", name="Start: 1,000 requests each").click()
    page.get_by_text("This race:").wait_for()
    settle(page)
    assert obstacles(page) == []
