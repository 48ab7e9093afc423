"""Uncommon words are explained where they stand: each opens, is drawn, and hinders nobody."""

from __future__ import annotations

import pytest

from explorer.charts.glossary import words
from explorer.pictures import open_page, settle
from tests.support.browser import add_technique, complaints, obstacles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUNS = "/Trade_offs?study=default&model=minilm-tweets&length=32"
PLACES = {
    RUNS: ("front", "interval"),
    f"{RUNS}&view=parallel": ("parallel",),
    "/Trade_offs?study=grid&view=sweep": ("elbow",),
    f"{RUNS}&view=progress": ("hypervolume",),
    "/Models": ("heads", "wilson"),
    "/Compare?compared=sample-0002,sample-0003": ("macro_f1", "calibration"),
}
STEPS = {
    "Low-rank layers": ("low_rank", "calibration_data"),
    "Clustered weights": ("palette",),
    "Shared layers": ("shared_layers",),
    "Graph optimisation": ("fusion",),
    "Half precision": ("half_floats",),
    "Fine-tuning (recovery)": ("alpha", "temperature"),
}
OPEN = '[data-testid="stPopoverBody"]'


def look_up(page, name: str) -> None:
    """Open the word, look at its drawing with axe, and close it."""
    said = words(name)
    page.get_by_role("button", name=said.title, exact=True).first.click()
    page.locator(OPEN).get_by_text(said.text[:40]).wait_for()
    page.locator(f"{OPEN} .js-plotly-plot .main-svg").first.wait_for()
    settle(page)
    assert obstacles(page, OPEN) == []
    page.keyboard.press("Escape")
    page.locator(OPEN).wait_for(state="detached")


def test_every_word_opens_where_it_is_used(filled_page):
    with complaints(filled_page) as said:
        for address, names in PLACES.items():
            open_page(filled_page, address, "light")
            for name in names:
                look_up(filled_page, name)
        assert said == []


def test_the_words_of_a_step_open(filled_page):
    with complaints(filled_page) as said:
        open_page(filled_page, "/Compress", "dark")
        for title, names in STEPS.items():
            add_technique(filled_page, title)
            for name in names:
                look_up(filled_page, name)
        assert said == []
