"""How quick the pages are and what the dashboard's process takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from explorer.bench.browser import open_chromium, serve_dashboard, shown, stood_after, switch, watched_page
from explorer.bench.row import Row, temporary_home
from explorer.report import MOST

RUNS, MANY_RUNS = 1000, 10_000
PAGES = ("Compress", "Runs", "Trade_offs", "Compare", "Export", "Models", "Demo", "Report", "Present", "")


def dashboard() -> Iterator[Row]:
    """Memory of the dashboard's process, first paint and page switches with ``RUNS`` runs in the store (Chromium)."""
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        serve_dashboard(filled_home(Path(folder), RUNS)) as (process, address),
    ):
        with sync_playwright() as tool:
            browser = open_chromium(tool)
            _visit(browser, address)  # the first visit of all loads the server's modules
            paints = [_first_paint(browser, address) for _ in range(3)]
            yield Row(f"first paint, {RUNS} runs", f"{median(paints):.2f} s", "under 2 s")
            page = watched_page(browser)
            shown(page, address)
            for name in PAGES:  # as above: the first visit of each page is not what a reader waits for all day
                _switch(page, name)
            switches = [(name, *_switch(page, name)) for _ in range(3) for name in PAGES]
            titles = [title for _, title, _ in switches]
            yield Row(f"page switch, {RUNS} runs, to the title (median)", f"{median(titles):.2f} s", "under 0.3 s")
            yield Row(f"page switch, {RUNS} runs, to the title (slowest)", f"{max(titles):.2f} s", "under 0.3 s")
            for each in PAGES:
                whole = [seconds for name, _, seconds in switches if name == each]
                words = f"{median(whole):.2f} s; {max(whole):.2f} s"
                yield Row(f"  until all of {each or 'Overview'} stands (median; slowest)", words)
            yield Row(f"dashboard process, {RUNS} runs", f"{_megabytes(process.pid):.0f} MB", "under 250 MB")
            runs = sorted(path.name for path in Path(folder, "runs").iterdir())[-MOST:]
            save_report(page, address, runs)
            what = f"  after a report of {len(runs)} variants was shown and saved"
            yield Row(what, f"{_megabytes(process.pid):.0f} MB", "under 250 MB")
            browser.close()
        maps = Path(f"/proc/{process.pid}/maps")
        if maps.exists():
            heavy = [name for name in ("libtorch", "onnxruntime") if name in maps.read_text(encoding="utf-8")]
            yield Row("torch or onnxruntime in it", ", ".join(heavy) or "none", "none")


def first_compression() -> Iterator[Row]:
    """From the click on the example in an empty home to its result: nothing is cached, no worker waits (Chromium)."""
    from playwright.sync_api import sync_playwright

    with temporary_home() as home, serve_dashboard(home) as (_, address), sync_playwright() as tool:
        browser = open_chromium(tool)
        page = browser.new_page()
        shown(page, f"{address}/Compress")
        example = page.get_by_role("button", name="Try an example")
        started = time.monotonic()
        example.click()
        while not list(home.glob("runs/*/result.json")):
            if time.monotonic() > started + 600:
                raise SystemExit("the example is not over after 10 minutes")
            time.sleep(0.1)
        seconds = time.monotonic() - started
        browser.close()
    yield Row("first compression in an empty home, click to result", f"{seconds:.1f} s", "under 30 s")


def exploring() -> Iterator[Row]:
    """What a researcher waits for all day, with ``MANY_RUNS`` runs in the store (Chromium)."""
    from playwright.sync_api import sync_playwright

    home = tempfile.TemporaryDirectory()
    with (
        home as folder,
        serve_dashboard(filled_home(Path(folder), MANY_RUNS)) as (process, address),
        sync_playwright() as tool,
    ):
        browser = open_chromium(tool)
        page = watched_page(browser)
        shown(page, f"{address}/Compress")
        _load(page, SLID)
        _slide(page, "ArrowLeft")  # the first one learns from all runs what steps take
        slides = [_slide(page, key) for _ in range(8) for key in ("ArrowRight", "ArrowLeft")]
        yield Row("slider to redrawn estimate (median)", f"{median(slides):.2f} s", "under 0.15 s")
        _chart_after(page, "Trade_offs", "Runs")
        charts = [_chart_after(page, "Trade_offs", "Runs") for _ in range(3)]
        yield Row(f"chart of {MANY_RUNS:,} runs (median, warm)", f"{median(charts):.2f} s", "under 1.5 s")
        clicks = [_click_to_details(page, place) for place in range(5)]
        yield Row("click to details (median)", f"{median(clicks):.2f} s", "under 0.2 s")
        yield Row(f"dashboard process, {MANY_RUNS:,} runs", f"{_megabytes(process.pid):.0f} MB", "under 300 MB")
        runs = sorted(path.name for path in Path(folder, "runs").iterdir())[-MOST:]
        save_report(page, address, runs)
        what = f"  after a report of {len(runs)} variants was shown and saved"
        yield Row(what, f"{_megabytes(process.pid):.0f} MB", "under 300 MB")
        browser.close()


SLID = "model: cnn-digits\nsteps:\n  - technique: weight-bits\n    bits: 4\n"
"""Of these bits, and of fewer and of more, there are results in the recorded study."""
CHART = "document.querySelector('.js-plotly-plot')?._fullLayout?.xaxis?._length > 0"
MARKS = """() => {
  const chart = document.querySelector('.js-plotly-plot'), box = chart.getBoundingClientRect();
  const {xaxis, yaxis} = chart._fullLayout;
  return chart.data.filter(trace => trace.customdata).flatMap(trace => trace.customdata.map((run, i) => (
    {x: box.x + xaxis._offset + xaxis.d2p(trace.x[i]), y: box.y + yaxis._offset + yaxis.d2p(trace.y[i]),
     name: trace.text[i].split("<br>")[0].replace(/<.*?>/g, "")}
  )));
}"""


def _switch(page: Any, name: str) -> tuple[float, float]:
    """Seconds from the click on another page's link until its title stands, and until all of it does."""
    title = switch(page, name)
    return title, stood_after(page)


def _load(page: Any, recipe: str) -> None:
    """Bring a recipe into the form."""
    page.get_by_text("Recipe as a file").click()
    page.get_by_label("or paste it").fill(recipe)
    page.get_by_role("button", name="Load into the form").click()
    page.get_by_role("slider").first.wait_for()
    stood_after(page)


def _slide(page: Any, key: str) -> float:
    """Seconds from a key on the first slider until what is expected of the recipe, and all else, stands anew."""
    slider, expected = page.get_by_role("slider").first, page.get_by_text("Result about")
    slider.focus()
    before = expected.inner_text()
    slider.press(key)
    seconds = stood_after(page, 600)
    if expected.inner_text() == before:
        raise SystemExit(f"the estimate did not change: {before}")
    return seconds


def _chart_after(page: Any, name: str, elsewhere: str) -> float:
    """Seconds from the click on a page's link until its chart takes the mouse."""
    switch(page, elsewhere)
    page.wait_for_timeout(1500)
    started = time.monotonic()
    switch(page, name)
    page.wait_for_function(CHART)
    seconds = time.monotonic() - started
    page.wait_for_timeout(1500)
    return seconds


def _click_to_details(page: Any, place: int) -> float:
    """Seconds from a click on a mark until other details stand beside the chart."""
    heading = "[...document.querySelectorAll('h3')].map(e => e.innerText).join('|')"
    before = page.evaluate(heading)
    marks = [mark for mark in page.evaluate(MARKS) if mark["name"] not in before]
    mark = _hovered(page, marks[(place + 1) * len(marks) // 7 :], before)
    started = time.monotonic()
    page.mouse.click(mark["x"], mark["y"])
    page.wait_for_function(f"before => {heading} !== before", arg=before)
    seconds = time.monotonic() - started
    page.wait_for_timeout(1000)
    return seconds


def _hovered(page: Any, marks: Sequence[dict[str, Any]], shown_already: str) -> dict[str, Any]:
    """The first of these marks that the mouse stands on, and not on one above it that is shown already."""
    words, details = page.locator(".hoverlayer .hovertext"), tuple(filter(None, shown_already.split("|")))
    for mark in marks:
        page.mouse.move(mark["x"], mark["y"])
        page.wait_for_timeout(300)
        words.first.wait_for()
        if not words.first.text_content().startswith(details):
            return mark
    raise SystemExit("no mark of the chart has other details than those that are shown")


def filled_home(folder: Path, runs: int) -> Path:
    """A home folder with so many finished runs: the recorded results again and again under new names."""
    from explorer.rundir import RunFolder, write_whole
    from explorer.store import RECORDED, Store

    studies = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDED.glob("*.json"))]
    results = [result for study in studies for result in study["results"]]
    (folder / "runs").mkdir()
    for i in range(runs):
        result = results[i % len(results)]
        request = {"recipe": result["recipe"], "digest": f"{i:016x}", "study": "default", "fresh": False}
        run = RunFolder.create(folder / "runs", request)
        write_whole(run.path / "result.json", json.dumps({**result, "run": run.run, "digest": f"{i:016x}"}))
    Store(folder / "index.sqlite").reindex()
    return folder


def save_report(page: Any, address: str, runs: Sequence[str]) -> Path:
    """Show the report of these runs until its own chart stands, and save it; the file, for as long as ``page`` is."""
    shown(page, f"{address}/Report?compared={','.join(runs)}")
    page.frame_locator("iframe").last.locator(".chart .main-svg").first.wait_for()
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    return Path(download.value.path())


def _megabytes(process: int) -> float:
    """Resident memory of a process."""
    return float(psutil.Process(process).memory_info().rss / 1e6)


def _visit(browser: Any, address: str) -> None:
    page = browser.new_page()
    shown(page, address)
    page.wait_for_timeout(4000)
    page.close()


def _first_paint(browser: Any, address: str) -> float:
    """Seconds until the title stands, in a browser window that has nothing cached."""
    page = browser.new_page()
    started = time.monotonic()
    shown(page, address)
    seconds = time.monotonic() - started
    page.close()
    return seconds
