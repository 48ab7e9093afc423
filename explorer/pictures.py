"""Pictures of every page in both themes, wide and narrow: ``python -m explorer.pictures FOLDER``.

They show what lies in ``EXPLORER_HOME`` (or ``--home``): the last finished run is selected, and the last ones of its
model stand side by side. Playwright and Chromium are needed, as for the browser tests.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from explorer.bench.browser import PROJECT, open_chromium, serve_dashboard
from explorer.errors import BadInput, ExplorerError
from explorer.home import home, local_path
from explorer.store import Store

Theme = Literal["light", "dark"]

THEMES: tuple[Theme, ...] = ("light", "dark")
WIDTHS = (1280, 400)
HEIGHT = 900
TALLEST = 10_000
"""Pixels: what a page has below that is cut off."""
COMPARED = 3

QUIET_MS, PATIENCE_MS = 400, 30_000
"""How long nothing may move before a page counts as drawn, and how long to wait for that."""

STILL = """([quiet, patience]) => new Promise((resolve, reject) => {
    let timer;
    const drawn = () => {
        const app = document.querySelector('[data-testid="stApp"]');
        const waiting = document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]');
        return app?.dataset.testScriptState === "notRunning" && document.querySelector("h1") && !waiting;
    };
    const moving = () => document.getAnimations().some(
        one => one.playState === "running" && Number.isFinite(one.effect?.getComputedTiming().endTime));
    const end = (tell, word) => { clearTimeout(timer); clearTimeout(last); watcher.disconnect(); tell(word); };
    const look = () => drawn() && !moving() ? end(resolve) : wait();
    const wait = () => { clearTimeout(timer); timer = setTimeout(look, quiet); };
    const watcher = new MutationObserver(wait);
    watcher.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    const last = setTimeout(() => end(reject, new Error("The page did not come to rest.")), patience);
    wait();
})"""
"""Streamlit has run the page to its end and drawn what it said, and for a moment nothing has changed or moved."""


@dataclass(frozen=True)
class Picture:
    """One page in one theme at one width in pixels."""

    page: str
    theme: Theme
    width: int

    @property
    def file(self) -> str:
        """Its file's name, such as ``compare-dark-400.png``."""
        return f"{self.page}-{self.theme}-{self.width}.png"


def addresses() -> dict[str, str]:
    """The address of every page by its name in small letters; ``app.py`` is the overview."""
    words = [path.stem.partition("_")[2] for path in sorted((PROJECT / "pages").glob("[0-9]*_*.py"))]
    return {"overview": "/", **{word.lower(): f"/{word}" for word in words}}


def open_page(page: Any, address: str, theme: Theme, width: int = WIDTHS[0]) -> None:
    """Go to ``address`` in this theme and at this width, and wait until everything stands."""
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto(address)
    settle(page)


def settle(page: Any) -> None:
    """Wait until a page has drawn everything; it may begin once more when it learns its address or its theme."""
    page.evaluate(STILL, [QUIET_MS, PATIENCE_MS])


def stretch(page: Any, tallest: int = TALLEST) -> None:
    """Make the window as tall as the page, so that nothing of it is scrolled away, but no taller than ``tallest``."""
    tall = page.evaluate("""document.querySelector('[data-testid="stMain"]').scrollHeight""")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": min(max(tall, HEIGHT), tallest)})
    settle(page)


def take(page: Any, picture: Picture, folder: Path, query: str = "", tallest: int = TALLEST) -> Path:
    """Write one picture of a page, scrolled parts too, down to ``tallest`` pixels; returns its file."""
    open_page(page, addresses()[picture.page] + query, picture.theme, picture.width)
    stretch(page, tallest)
    path = folder / picture.file
    page.screenshot(path=path)
    return path


def pictures(folder: Path, pages: Sequence[str] = (), tallest: int = TALLEST) -> Iterator[Path]:
    """Write the pictures of these pages, or of all, into ``folder``; their files one by one.

    Raises ``BadInput`` where Playwright or Chromium is missing.
    """
    wanted = [Picture(page, theme, width) for page in pages or addresses() for theme in THEMES for width in WIDTHS]
    with _browser() as browser, serve_dashboard(home()) as (_, address):
        page = browser.new_page(base_url=address)
        query = chosen_runs(Store())
        folder.mkdir(parents=True, exist_ok=True)
        for picture in wanted:
            yield take(page, picture, folder, query, tallest)


def chosen_runs(store: Store) -> str:
    """The part of an address that selects the last finished run and compares the last ones of its model."""
    done = store.runs(states=("done",), with_results=False)
    if not done:
        return ""
    alike = [row.run for row in done if row.model == done[-1].model][-COMPARED:]
    return "?" + urlencode({"selected": done[-1].run, "compared": ",".join(alike)})


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise BadInput("Pictures need Playwright, which is not installed; requirements.txt has it.") from None
    with sync_playwright() as tool:
        try:
            browser = open_chromium(tool)
        except Error:
            raise BadInput("Chromium did not start; install it, or set EXPLORER_CHROMIUM to its program.") from None
        yield browser
        browser.close()


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.pictures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=local_path, help="where to put them")
    parser.add_argument("--home", metavar="DIR", type=local_path, help="instead of EXPLORER_HOME")
    parser.add_argument("--only", choices=list(addresses()), action="append", help="this page only; may be repeated")
    parser.add_argument("--tallest", type=int, default=TALLEST, metavar="PIXELS", help="cut off what lies below that")
    parser.add_argument("--language", help="the language of the pages, such as zh; else EXPLORER_LANGUAGE")
    given = parser.parse_args(arguments)
    for name, value in (("EXPLORER_HOME", given.home), ("EXPLORER_LANGUAGE", given.language)):
        if value is not None:
            os.environ[name] = str(value)  # the dashboard is a process of its own and takes both from here
    try:
        for path in pictures(given.folder, given.only or (), given.tallest):
            print(path, flush=True)
    except ExplorerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
