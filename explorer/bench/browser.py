"""The dashboard in a real browser: for the benchmark, the browser tests and pictures."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

PROJECT = Path(__file__).resolve().parents[2]
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
COMPLAINT = re.compile(r"^(\S+ \S+ (WARNING|ERROR|CRITICAL) |Traceback \(most recent call last\))", re.MULTILINE)
"""How a line begins that tells of an exception, an error or a warning."""


def open_chromium(tool: Any) -> Any:
    """Chromium under Playwright: from ``EXPLORER_CHROMIUM``, the usual places, or Playwright's own download."""
    usual = (os.environ.get("EXPLORER_CHROMIUM"), shutil.which("chromium"), shutil.which("google-chrome"))
    path = next((place for place in usual if place), None)
    switches = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        switches.append("--no-sandbox")
    return tool.chromium.launch(executable_path=path, args=switches)


@contextlib.contextmanager
def serve_dashboard(home: Path, port: int | None = None) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The dashboard on a port of this machine with ``home`` as its home folder; ended afterwards.

    Without ``port`` it is a free one. Raises ``RuntimeError`` at the end with what the server complained of, where it
    logged an exception, an error or a warning.
    """
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "EXPLORER_HOME": str(home)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(_command(port), cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        try:
            _wait_for(address + "/_stcore/health")
            yield process, address
            _complain(log)
        finally:
            process.terminate()
            process.wait(10)


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(port: int) -> list[str]:
    options = {"server.headless": "true", "server.port": port, "logger.messageFormat": FORMAT}
    told = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", "app.py", *told]


def _complain(log: BinaryIO) -> None:
    """Pass on what a server complained of; it goes on after that, and a page may not show it."""
    log.seek(0)
    written = log.read().decode(errors="replace")
    if COMPLAINT.search(written):
        raise RuntimeError(f"the dashboard's server logged an error or a warning:\n{written[-4000:]}")


def shown(page: Any, address: str) -> None:
    """Go to an address; returns once the page's title stands."""
    page.goto(address)
    page.get_by_role("heading", level=1).first.wait_for()


def switch(page: Any, name: str) -> float:
    """Seconds from the click on another page's link until its title stands; the Overview's name is empty."""
    its = f'[href$="{name}"], [href*="{name}?"]' if name else '[href=""], [href^="?"]'
    link = page.locator(f'section[data-testid="stSidebar"] a:is({its})')
    before = page.get_by_role("heading", level=1).first.inner_text()
    started = time.monotonic()
    link.click()
    page.wait_for_function("before => document.querySelector('h1')?.innerText !== before", arg=before)
    return time.monotonic() - started


def watched_page(browser: Any) -> Any:
    """A window of 1280 x 900 that notes when a hand last did something and when what stands there last changed."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(_NOTE_CHANGES)
    return page


def stood_after(page: Any, quiet_ms: int = 1500) -> float:
    """Seconds from the last click or key in a ``watched_page`` until nothing was drawn any more for ``quiet_ms``."""
    page.wait_for_timeout(quiet_ms)
    while page.evaluate("performance.now() - lastChange") < quiet_ms:
        page.wait_for_timeout(100)
    return float(page.evaluate("lastChange - lastHand")) / 1000


_NOTE_CHANGES = """
window.lastHand = window.lastChange = performance.now();
for (const hand of ["pointerdown", "keydown"])
  document.addEventListener(hand, () => { window.lastHand = performance.now(); }, true);
new MutationObserver(() => { window.lastChange = performance.now(); })
  .observe(document, {childList: true, characterData: true, subtree: true});
"""
"""What is drawn is an element or a text: attributes also change when the mouse passes."""


def _wait_for(address: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
