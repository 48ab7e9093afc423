"""No page logs an error in the browser's console or shows an exception."""

from __future__ import annotations

import re

import pytest

from explorer.pictures import addresses, open_page
from tests.support.browser import dashboard_page
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Streamlit looks for its server below a page's own address before it looks at the root; both answers mean nothing.
LOOKED_FOR = re.compile(r"/\w+/_stcore/(health|host-config)$")
CHOSEN = "?selected=sample-0002&compared=sample-0002,sample-0003,sample-0005"


@pytest.fixture(scope="module", params=["empty", "filled"])
def page(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("console") / "home"
    if request.param == "filled":
        write_runs(home / "runs", sample_runs(16))
    with dashboard_page(home, timeout_ms=30_000) as page:
        yield page


@pytest.fixture
def errors(page):
    """What the page says of errors while a test runs."""
    said: list[str] = []

    def console(message):
        if message.type == "error" and not LOOKED_FOR.search(message.location["url"]):
            said.append(f"{message.text} {message.location['url']}")

    def crashed(error):
        said.append(str(error))

    page.on("console", console)
    page.on("pageerror", crashed)
    yield said
    page.remove_listener("console", console)
    page.remove_listener("pageerror", crashed)


@pytest.mark.parametrize("query", ["", CHOSEN])
@pytest.mark.parametrize("name", addresses())
def test_a_page_is_silent(page, errors, name, query):
    open_page(page, addresses()[name] + query, "light")
    assert page.get_by_test_id("stException").count() == 0
    assert errors == []


def test_an_error_is_heard(page, errors):
    open_page(page, "/", "light")
    page.evaluate("console.error('something is wrong')")
    page.evaluate("setTimeout(() => { throw new Error('something broke') })")
    page.wait_for_timeout(200)
    assert [error.split(" http")[0].strip() for error in errors] == ["something is wrong", "something broke"]
