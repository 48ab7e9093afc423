"""The Demo with a built-in model that really was compressed: a person draws, picks, and lets the two race."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from explorer.bench import serve_dashboard
from explorer.jobs.lifecycle import environment
from tests.pages.test_demo_in_browser import draw, said
from tests.support.browser import page_of, silent

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RECIPE = "model: cnn-digits\nsteps: [{technique: int8-static}]\ntargets: [cpu-onnxruntime]\n"


@pytest.fixture(scope="module")
def compressed(tmp_path_factory):
    """A home with the digits' CNN in int8, and its result."""
    home = tmp_path_factory.mktemp("real") / "home"
    recipe = home.with_name("recipe.yaml")
    recipe.write_text(RECIPE)
    command = [sys.executable, "-m", "explorer", "run", str(recipe), "--json"]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=True)
    return home, json.loads(done.stdout)


@pytest.fixture
def page(chromium, compressed):
    home, result = compressed
    with serve_dashboard(home) as (_, address), page_of(chromium, address) as page, silent(page):
        page.goto(f"/Demo?selected={result['run']}")
        yield page


def test_a_stroke_is_a_one_to_both_and_both_race(page, compressed):
    _, result = compressed
    draw(page)
    said(page, "^1$").nth(1).wait_for()
    bytes_of = {"Baseline": result["baseline_size"]["file_bytes"], "Compressed": result["size"]["file_bytes"]}
    for number, count in enumerate(bytes_of.values()):
        shown = page.locator('[class*="st-key-cost-"]').nth(number).inner_text()
        assert float(re.search(r"([\d.]+) MB", shown)[1]) == pytest.approx(count / 1e6, rel=0.01)
    page.get_by_role("button", name="Start: 1,000 requests each").click()
    for name in bytes_of:
        page.get_by_text(re.compile(f"^{name}: 1,000 requests in .* per second$")).wait_for(timeout=120_000)
    page.get_by_text(re.compile(r"They agreed on \d+ of 200 inputs")).wait_for()
    page.get_by_text("Measured:").wait_for()


def test_examples_get_their_right_answers(page):
    page.get_by_role("radio", name="Pick an example").click()
    for number in (1, 4, 8):
        page.get_by_role("radio", name=str(number), exact=True).click()
        label = str(number - 1)
        page.get_by_text(f"The right answer is {label}.").wait_for()
        said(page, f"^{label}$").nth(1).wait_for()
