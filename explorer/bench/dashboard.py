"""How quick the pages are and what the dashboard's process takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from explorer.bench.browser import open_chromium, serve_dashboard
from explorer.bench.row import Row

RUNS = 1000
PAGES = ("Compress", "Runs", "Trade_offs", "Compare", "Export")


def dashboard() -> Iterator[Row]:
    """Memory of the dashboard's process, first paint and page switches with ``RUNS`` runs in the store (Chromium)."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, serve_dashboard(_filled_home(Path(folder))) as (process, address):
        with sync_playwright() as tool:
            browser = open_chromium(tool)
            _visit(browser, address)  # the first visit of all loads the server's modules
            paints = [_first_paint(browser, address) for _ in range(3)]
            yield Row(f"first paint, {RUNS} runs", f"{median(paints):.2f} s", "under 2 s")
            page = browser.new_page()
            _shown(page, address)
            for name in PAGES:  # as above: the first visit of each page is not what a reader waits for all day
                _switch(page, name)
            switches = [_switch(page, name) for _ in range(3) for name in PAGES]
            yield Row(f"page switch, {RUNS} runs (median)", f"{median(switches):.2f} s", "under 0.3 s")
            yield Row(f"page switch, {RUNS} runs (slowest)", f"{max(switches):.2f} s", "")
            browser.close()
        used = psutil.Process(process.pid).memory_info().rss / 1e6
        yield Row(f"dashboard process, {RUNS} runs", f"{used:.0f} MB", "under 250 MB")
        maps = Path(f"/proc/{process.pid}/maps")
        if maps.exists():
            heavy = [name for name in ("libtorch", "onnxruntime") if name in maps.read_text(encoding="utf-8")]
            yield Row("torch or onnxruntime in it", ", ".join(heavy) or "none", "none")


def _filled_home(folder: Path) -> Path:
    """A home folder with ``RUNS`` finished runs: the recorded results again and again under new names."""
    from explorer.rundir import RunFolder, write_whole
    from explorer.store import RECORDED, Store

    studies = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDED.glob("*.json"))]
    results = [result for study in studies for result in study["results"]]
    (folder / "runs").mkdir()
    for i in range(RUNS):
        result = results[i % len(results)]
        request = {"recipe": result["recipe"], "digest": f"{i:016x}", "study": "default", "fresh": False}
        run = RunFolder.create(folder / "runs", request)
        write_whole(run.path / "result.json", json.dumps({**result, "run": run.run, "digest": f"{i:016x}"}))
    Store(folder / "index.sqlite").reindex()
    return folder


def _visit(browser: Any, address: str) -> None:
    page = browser.new_page()
    _shown(page, address)
    page.wait_for_timeout(4000)
    page.close()


def _first_paint(browser: Any, address: str) -> float:
    """Seconds until the title stands, in a browser window that has nothing cached."""
    page = browser.new_page()
    started = time.monotonic()
    _shown(page, address)
    seconds = time.monotonic() - started
    page.close()
    return seconds


def _shown(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("heading", level=1).first.wait_for()


def _switch(page: Any, name: str) -> float:
    link = page.locator(f'section[data-testid="stSidebar"] a[href$="{name}"]')
    before = page.get_by_role("heading", level=1).first.inner_text()
    started = time.monotonic()
    link.click()
    page.wait_for_function("before => document.querySelector('h1')?.innerText !== before", arg=before)
    return time.monotonic() - started
