"""The whole main job in a real browser, as a newcomer does it: pick, slide, launch, watch, click, export, predict."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from explorer.bench import serve_dashboard
from explorer.pictures import settle
from tests.support.browser import add_technique, complaints, page_of, slide

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MINUTES = 60_000


@pytest.fixture
def page(chromium, tmp_path):
    with (
        serve_dashboard(tmp_path / "home") as (_, address),
        page_of(chromium, address, timeout_ms=1 * MINUTES) as page,
        complaints(page) as said,
    ):
        yield page
        assert said == []


def test_the_main_job(page, tmp_path: Path) -> None:
    page.goto("/Compress")
    page.get_by_text("Vision transformer on digits").click()
    add_technique(page, "Neuron and channel pruning")
    slide(page, "Sparsity", 4, "ArrowLeft")
    page.get_by_text("sparsity 30 %").wait_for()
    add_technique(page, "Fine-tuning")
    page.get_by_text("epochs 1").wait_for()

    page.get_by_role("button", name="Launch", exact=True).click()
    page.get_by_role("heading", name="Runs").wait_for()
    page.get_by_text("samples per second").first.wait_for(timeout=2 * MINUTES)
    page.get_by_role("button", name="Show on the chart").wait_for(timeout=5 * MINUTES)
    page.reload()
    page.get_by_role("button", name="Show on the chart").click()

    page.get_by_role("heading", name="Trade-offs").wait_for()
    page.get_by_text("prune-neurons 30 %").first.wait_for()
    click_a_mark(page)
    page.get_by_text("Accuracy (validation)").first.wait_for()

    page.goto(page.url)  # the address alone brings the selection back
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("heading", name="Export").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the bundle", exact=True).click()
    waiting.value.save_as(tmp_path / "bundle.zip")
    predicts_a_digit(tmp_path)


def test_the_first_click_compresses_something(page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try an example").click()
    page.get_by_role("heading", name="Runs").wait_for()
    page.get_by_text("int8-dynamic · vit-digits").first.wait_for()
    page.get_by_role("button", name="Show on the chart").click(timeout=3 * MINUTES)
    page.get_by_role("heading", name="Trade-offs").wait_for()
    page.get_by_text("Accuracy (validation)").first.wait_for()


def click_a_mark(page) -> None:
    """Put the light out, then click the same mark, the largest while it is lit, and see that its details open."""
    page.set_viewport_size({"width": 1280, "height": 1400})  # a mark below the fold cannot be clicked by its place
    points, chart = page.locator(".scatterlayer .trace .point"), page.locator(".js-plotly-plot").first
    points.first.wait_for()
    settle(page)
    box, around = (
        max((point.bounding_box() for point in points.all()), key=lambda box: box["width"]),
        chart.bounding_box(),
    )
    page.get_by_role("button", name="Clear the selection").click()  # which may scroll the page
    page.get_by_text("Accuracy (validation)").first.wait_for(state="detached")
    settle(page)
    moved = {side: chart.bounding_box()[side] - around[side] for side in ("x", "y")}
    page.mouse.click(box["x"] + moved["x"] + box["width"] / 2, box["y"] + moved["y"] + box["height"] / 2)


def predicts_a_digit(folder: Path) -> None:
    """The exported ``predict.py`` runs with nothing of this project."""
    with zipfile.ZipFile(folder / "bundle.zip") as bundle:
        bundle.extractall(folder / "bundle")
    (unpacked,) = (folder / "bundle").iterdir()
    command = [sys.executable, "-I", "predict.py", "example.npy"]
    done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    digit, share, name = done.stdout.strip().split("\t")
    assert digit in "0123456789" and 0.1 < float(share) <= 1 and name == "example.npy"
