"""axe finds no serious or critical obstacle on any page, in either theme."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from explorer.pictures import THEMES, addresses, open_page, stretch
from tests.support.browser import dashboard_page
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STREAMLIT: dict[tuple[str, str], str] = {}
"""What Streamlit itself draws so, by axe's rule and a selector of the element: the reason why it stays."""

CHOSEN = "?selected=sample-0002&compared=sample-0002,sample-0003,sample-0005"

OBSTACLES = """async known => {
    const {violations, incomplete} = await axe.run(document, {elementRef: true});
    const broken = incomplete.filter(rule => rule.error).map(rule => `${rule.id} was given up: ${rule.error.message}`);
    const ours = (rule, node) => !known.some(([id, selector]) => id === rule && node.element?.matches(selector));
    const grave = violations.filter(found => ["serious", "critical"].includes(found.impact));
    return broken.concat(grave.flatMap(
        found => found.nodes.filter(node => ours(found.id, node)).map(
            node => `${found.id} (${found.impact}): ${node.html.slice(0, 300)} ${node.failureSummary}`)));
}"""

UNFOLD = "document.querySelectorAll('details:not([open]) > summary').forEach(summary => summary.click())"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    home = tmp_path_factory.mktemp("axe") / "home"
    write_runs(home / "runs", sample_runs(16))
    with dashboard_page(home, timeout_ms=30_000) as page:
        yield page


def open_everything(page) -> None:
    """Open what is folded and show all of it: axe gives a rule up where something is scrolled far away."""
    page.evaluate(UNFOLD)
    stretch(page)


def obstacles(page) -> list[str]:
    page.evaluate(Axe().axe_script)
    return page.evaluate(OBSTACLES, [list(known) for known in STREAMLIT])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", addresses())
def test_a_page_has_no_serious_obstacle(page, name, theme):
    open_page(page, addresses()[name] + CHOSEN, theme)
    open_everything(page)
    assert obstacles(page) == []


def test_an_obstacle_is_found(page):
    open_page(page, "/", "light")
    page.evaluate("""document.querySelector("h1").insertAdjacentHTML("afterend", "<button></button>")""")
    (found,) = obstacles(page)
    assert found.startswith("button-name (critical): <button></button>")
