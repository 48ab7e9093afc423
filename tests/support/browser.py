"""Pages of the dashboard in Chromium: opening them, what they complain of, and what stands in the way on them.

Without Chromium the tests are skipped, unless ``EXPLORER_REQUIRE_BROWSER`` is set.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from explorer.bench import open_chromium
from explorer.charts.style import BACKGROUNDS, INK, Theme
from explorer.pictures import settle

SIZE = {"width": 1280, "height": 1000}

# Streamlit looks for its server below a page's own address before it looks at the root; both answers mean nothing.
LOOKED_FOR = re.compile(r"/\w+/_stcore/(health|host-config)$")

STREAMLIT: dict[tuple[str, str], str] = {}
"""What Streamlit itself draws so, by axe's rule and a selector of the element: the reason why it stays."""

OBSTACLES = """async ([known, within]) => {
    const {violations, incomplete} = await axe.run(
        within, {elementRef: true, resultTypes: ["violations", "incomplete"]});
    const broken = incomplete.filter(rule => rule.error).map(rule => `${rule.id} was given up: ${rule.error.message}`);
    const ours = (rule, node) => !known.some(([id, selector]) => id === rule && node.element?.matches(selector));
    const grave = violations.filter(found => ["serious", "critical"].includes(found.impact));
    return broken.concat(grave.flatMap(
        found => found.nodes.filter(node => ours(found.id, node)).map(
            node => `${found.id} (${found.impact}): ${node.html.slice(0, 300)} ${node.failureSummary}`)));
}"""

SMALL = """least => [...document.querySelectorAll("body *")].filter(one =>
    [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim())
    && one.checkVisibility() && one.getBoundingClientRect().width > 1
    && parseFloat(getComputedStyle(one).fontSize) < least
).map(one => `${getComputedStyle(one).fontSize} ${one.tagName} ${one.textContent.slice(0, 60)}`)"""

GROUND = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
THEMED = "words => [...document.querySelectorAll('style')].some(style => style.textContent.includes(words))"


@contextlib.contextmanager
def chromium_or_skip() -> Iterator[Any]:
    """One Chromium under Playwright."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as tool:
        try:
            browser = open_chromium(tool)
        except Error as error:
            if os.environ.get("EXPLORER_REQUIRE_BROWSER"):
                pytest.fail(f"Chromium is needed here and did not start: {error}")
            pytest.skip("Chromium was not found; install it or set EXPLORER_CHROMIUM")
        yield browser
        browser.close()


@contextlib.contextmanager
def page_of(browser: Any, address: str, timeout_ms: int = 30_000) -> Iterator[Any]:
    """An empty page in a profile of its own whose addresses begin with ``address``."""
    page = browser.new_page(viewport=SIZE, base_url=address)
    page.set_default_timeout(timeout_ms)
    yield page
    page.close()


@contextlib.contextmanager
def complaints(page: Any) -> Iterator[list[str]]:
    """What the page says of errors meanwhile."""
    said: list[str] = []

    def console(message: Any) -> None:
        if message.type == "error" and not LOOKED_FOR.search(message.location["url"]):
            said.append(f"{message.text} {message.location['url']}")

    def crashed(error: Any) -> None:
        said.append(str(error))

    page.on("console", console)
    page.on("pageerror", crashed)
    yield said
    page.remove_listener("console", console)
    page.remove_listener("pageerror", crashed)


@contextlib.contextmanager
def silent(page: Any) -> Iterator[Any]:
    """The page, which must not complain meanwhile."""
    with complaints(page) as said:
        yield page
        assert said == []


def colour(code: str) -> str:
    """A colour such as ``#0F6B66`` as browsers write it."""
    red, green, blue = (int(code[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


def obstacles(page: Any, within: str = "html") -> list[str]:
    """What axe finds serious or critical on the page as it stands, inside the selector ``within``."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(Axe().axe_script)
    return page.evaluate(OBSTACLES, [[list(known) for known in STREAMLIT], within])


def small_words(page: Any, least_px: float = 12) -> list[str]:
    """What is written in letters smaller than that, each with its size."""
    return page.evaluate(SMALL, least_px)


def change_theme(page: Any, theme: Theme) -> None:
    """Switch an open page to this theme, as the reader's system does in the evening, and wait until all is drawn so."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(f"ground => {GROUND} === ground", arg=colour(BACKGROUNDS[theme]))
    page.wait_for_function(THEMED, arg=f"2px solid {INK[theme]}")
    settle(page)


MARKS = """within => [...document.querySelectorAll(`${within} .scatterlayer .trace .point`)].map(point => {
    const box = point.getBoundingClientRect(), style = getComputedStyle(point);
    return {run: point.__data__.data?.[0], words: point.__data__.tx ?? "", fill: style.fill,
        x: box.x + box.width / 2, y: box.y + box.height / 2, outline: parseFloat(style.strokeWidth)};
}).filter(mark => mark.run)"""

SCROLL = """chart => {
    const before = chart.getBoundingClientRect().y;
    chart.scrollIntoView({block: 'nearest'});
    return chart.getBoundingClientRect().y !== before;
}"""

CHOSEN = "(new URL(location.href).searchParams.get('selected') ?? '').split(',').filter(run => run)"

Mark = dict[str, Any]
"""Where a mark's middle is (``x``, ``y`` in pixels of the window), its ``words``, ``fill`` and ``outline`` (pixels)."""


def marks(page: Any, within: str = "") -> dict[str, Mark]:
    """The marks of the first chart inside the selector ``within`` by run; the chart is scrolled to."""
    page.locator(f"{within} .scatterlayer .trace .point").first.wait_for()
    settle(page)
    if page.locator(f"{within} .js-plotly-plot").first.evaluate(SCROLL):
        settle(page)
    return {mark["run"]: mark for mark in page.evaluate(MARKS, within)}


def apart(found: dict[str, Mark], pixels: float = 16) -> list[str]:
    """The runs whose marks lie at least so far from all others, so that a click can only mean them; left to right."""

    def alone(run: str) -> bool:
        here, others = found[run], [mark for name, mark in found.items() if name != run]
        return all(max(abs(here["x"] - mark["x"]), abs(here["y"] - mark["y"])) >= pixels for mark in others)

    return sorted(filter(alone, found), key=lambda run: found[run]["x"])


def lit(found: dict[str, Mark]) -> set[str]:
    """The runs whose marks have the outline of selected ones."""
    return {run for run, mark in found.items() if mark["outline"] >= 3}


def click_mark(page: Any, run: str, within: str = "") -> None:
    """Click the mark of a run where it is now."""
    mark = marks(page, within)[run]
    page.mouse.click(mark["x"], mark["y"])


def wait_chosen(page: Any, runs: list[str]) -> None:
    """Wait until the address names these runs as selected, in any order."""
    page.wait_for_function(f"runs => JSON.stringify({CHOSEN}.sort()) === JSON.stringify(runs)", arg=sorted(runs))


def pick(page: Any, label: str, option: str) -> None:
    """Choose an option of the list with this label; one that a page drawn anew closed is opened again."""
    from playwright.sync_api import Error

    box = page.get_by_role("combobox", name=re.compile(rf"{re.escape(label)}$"))
    wanted = page.get_by_role("option", name=option, exact=True)
    box.click()
    with contextlib.suppress(Error):
        wanted.wait_for(timeout=5_000)
    if not wanted.count():
        box.click()
    wanted.click()


def add_technique(page: Any, title: str) -> None:
    """Add a technique on the Compress page."""
    box = page.get_by_role("combobox", name=re.compile("Add a"))
    box.click()
    box.press_sequentially(title)  # the list is long and only drawn in part
    page.get_by_role("option", name=re.compile(re.escape(title))).click()
    page.get_by_text(re.compile(rf"^\d+\. {re.escape(title)}")).last.wait_for()


def slide(page: Any, label: str, presses: int, key: str) -> None:
    """Move the first slider with this label by a key."""
    slider = page.get_by_role("slider", name=label).first
    slider.focus()
    for _ in range(presses):
        slider.press(key)
