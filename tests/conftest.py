"""For all tests: one thread for tiny models, which take ten times as long where several threads wait for each other.

Browser tests come last and share one Chromium: while Playwright is open, its event loop holds this thread.
"""

import os
import sys
from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner

from explorer.anatomy import facts

os.environ.setdefault("OMP_NUM_THREADS", "1")
# each run of an ``AppTest`` else reads what all installed packages say of themselves, and each of Models all data
facts.split_sizes = cache(facts.split_sizes)
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def pytest_collection_modifyitems(items):
    """Everything else first."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_terminal_summary(terminalreporter):
    """What tests counted (``record_property("counted", words)``) is said at the end, whatever process they ran in."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for words in (value for name, value in report.user_properties if name == "counted" and report.when == "call"):
            terminalreporter.write_line(words)


@pytest.fixture(autouse=True)
def same_main():
    """Streamlit's ``AppTest`` leaves its script behind as ``__main__``, which every spawned process would run first."""
    own = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = own


@pytest.fixture(scope="session")
def chromium():
    """The one browser of all tests."""
    from tests.support.browser import chromium_or_skip

    with chromium_or_skip() as browser:
        yield browser
