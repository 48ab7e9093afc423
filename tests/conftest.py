"""For all tests: one thread for tiny models, which take ten times as long where several threads wait for each other.

Browser tests come last and share one Chromium: while Playwright is open, its event loop holds this thread.
"""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Everything else first."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def chromium():
    """The one browser of all tests."""
    from tests.support.browser import chromium_or_skip

    with chromium_or_skip() as browser:
        yield browser
