"""A page of the dashboard in Chromium; skips where there is none, unless ``EXPLORER_REQUIRE_BROWSER`` is set."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer.bench import open_chromium, serve_dashboard


@contextlib.contextmanager
def dashboard_page(home: Path, timeout_ms: int) -> Iterator[Any]:
    """An empty page whose addresses are those of a dashboard with ``home`` as its home folder."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as tool:
        try:
            browser = open_chromium(tool)
        except Error as error:
            if os.environ.get("EXPLORER_REQUIRE_BROWSER"):
                pytest.fail(f"Chromium is needed here and did not start: {error}")
            pytest.skip("Chromium was not found; install it or set EXPLORER_CHROMIUM")
        with serve_dashboard(home) as (_, address):
            page = browser.new_page(viewport={"width": 1280, "height": 1000}, base_url=address)
            page.set_default_timeout(timeout_ms)
            yield page
        browser.close()
