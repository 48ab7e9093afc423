"""How quick the pages are and what the dashboard's process takes."""

from __future__ import annotations

import itertools
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

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
        serve_dashboard(filled_home(Path(folder), MANY_RUNS, varied=True)) as (process, address),
        sync_playwright() as tool,
    ):
        browser = open_chromium(tool)
        page = watched_page(browser)
        shown(page, f"{address}/Compress")
        _load(page, SLID)
        _slide(page, "ArrowLeft")  # the first one learns from all runs what steps take
        slides = [_slide(page, key) for _ in range(8) for key in ("ArrowRight", "ArrowLeft")]
        yield Row("slider to redrawn estimate (median)", f"{median(slides):.2f} s", "under 0.15 s")
        shown(page, address + all_models(Path(folder)))  # in one session, whose links keep what was chosen
        page.wait_for_function(CHART)
        stood_after(page)
        charts = [chart_after(page, "Trade_offs", "Runs") for _ in range(4)][1:]
        drawn = marks_drawn(page)
        what = f"chart of {drawn.marks:,} marks in {drawn.places:,} places, until one answers the mouse (median, warm)"
        yield Row(what, f"{median(charts):.2f} s", "under 1.5 s")
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
PERCENT, HOVER_MS, DRAWN_MS = 3, 20, 2500
"""How far sizes and times of a varied home lie from the recorded ones; how often the mouse moves on a mark; how long a
chart takes at most until it shows what was clicked."""
MARKS = """() => {
  const chart = document.querySelector('.js-plotly-plot'), box = chart.getBoundingClientRect();
  const {xaxis, yaxis} = chart._fullLayout;
  return chart.data.filter(trace => trace.customdata).flatMap(trace => trace.customdata.map((run, i) => (
    {x: box.x + xaxis._offset + xaxis.d2p(trace.x[i]), y: box.y + yaxis._offset + yaxis.d2p(trace.y[i]),
     name: trace.text[i].split("<br>")[0].replace(/<.*?>/g, "")}
  )));
}"""
IN_WINDOW = f"({MARKS})().filter(mark => mark.y < innerHeight)"
LAST_MARK = f"{IN_WINDOW}.at(-1)"
"""The mark that is drawn last, above all others, of those in the window."""


class Drawn(NamedTuple):
    """What a chart really draws: ``places`` are pixels on which a mark has its middle."""

    marks: int
    places: int


def marks_drawn(page: Any) -> Drawn:
    """How many marks the page's first chart has, and in how many places."""
    found = page.evaluate(MARKS)
    return Drawn(len(found), len({(round(mark["x"]), round(mark["y"])) for mark in found}))


def all_models(home: Path) -> str:
    """The address of Trade-offs with every model that has runs in a home."""
    results = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(home.glob("runs/*/result.json")))
    models = sorted({result["recipe"]["model"] for result in results})
    return "/Trade_offs?" + "&".join(f"model={name}" for name in models)


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


def chart_after(page: Any, name: str, elsewhere: str) -> float:
    """Seconds from the click on a page's link until a mark of its chart answers the mouse."""
    switch(page, elsewhere)
    page.wait_for_timeout(1500)
    started = time.monotonic()
    switch(page, name)
    page.wait_for_function(CHART)
    mark, words = page.evaluate(LAST_MARK), page.locator(".hoverlayer .hovertext")
    for move in itertools.count():
        page.mouse.move(mark["x"] + move % 2, mark["y"])
        if words.count():
            break
        if time.monotonic() > started + 60:
            raise SystemExit("no mark of the chart answers the mouse after a minute")
        page.wait_for_timeout(HOVER_MS)
    seconds = time.monotonic() - started
    page.wait_for_timeout(1500)
    return seconds


def _click_to_details(page: Any, place: int) -> float:
    """Seconds from a click on a mark until other details stand beside the chart; then waits until it is drawn anew."""
    heading = "[...document.querySelectorAll('h3')].map(e => e.innerText).join('|')"
    before = page.evaluate(heading)
    marks = [mark for mark in page.evaluate(IN_WINDOW) if mark["name"] not in before]
    mark = _hovered(page, marks[(place + 1) * len(marks) // 7 :], before)
    started = time.monotonic()
    page.mouse.click(mark["x"], mark["y"])
    page.wait_for_function(f"before => {heading} !== before", arg=before)
    seconds = time.monotonic() - started
    page.wait_for_timeout(DRAWN_MS)
    return seconds


def _hovered(page: Any, marks: Sequence[dict[str, Any]], shown_already: str) -> dict[str, Any]:
    """The first of these marks that the mouse stands on, and not on one above it that is shown already.

    A mark under a legend or a word does not answer, nor does one that the mouse reached while the chart was drawn.
    """
    words, details = page.locator(".hoverlayer .hovertext"), tuple(filter(None, shown_already.split("|")))
    for mark in marks:
        for move in range(2):
            page.mouse.move(mark["x"] + 1 - move, mark["y"])
            page.wait_for_timeout(300)
        if words.count() and not words.first.text_content().startswith(details):
            return mark
    raise SystemExit("no mark of the chart has other details than those that are shown")


def filled_home(folder: Path, runs: int, varied: bool = False) -> Path:
    """A home folder with so many finished runs: the recorded results again and again under new names.

    ``varied`` takes those that were timed input by input with ONNX Runtime on a CPU, the baselines once, and lets the
    others differ a little, so that a chart has a mark of its own for each.
    """
    from explorer.rundir import RunFolder, write_whole
    from explorer.store import RECORDED, Store

    studies = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDED.glob("*.json"))]
    results = [result for study in studies for result in study["results"]]
    chance, timed = random.Random(0), list(filter(_on_cpu, results))
    compressed = [result for result in timed if result["recipe"]["steps"]]
    anew = (_varied(result, chance) for result in itertools.cycle(compressed))
    each = itertools.chain(timed, anew) if varied else itertools.cycle(results)
    (folder / "runs").mkdir(parents=True)
    for i, result in enumerate(itertools.islice(each, runs)):
        request = {"recipe": result["recipe"], "digest": f"{i:016x}", "study": "default", "fresh": False}
        run = RunFolder.create(folder / "runs", request)
        write_whole(run.path / "result.json", json.dumps({**result, "run": run.run, "digest": f"{i:016x}"}))
    Store(folder / "index.sqlite").reindex()
    return folder


def _on_cpu(result: dict[str, Any]) -> bool:
    """Whether it was timed with ONNX Runtime on a CPU, input by input."""
    return any(one["target"] == "cpu-onnxruntime" and one["batch"] == 1 for one in result["latency"])


def _varied(result: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The result as of another run: accuracies within their intervals, file and times up to ``PERCENT`` from theirs."""
    size = {name: round(result["size"][name] * _near_one(chance)) for name in ("file_bytes", "zipped_bytes")}
    accuracy = [_varied_accuracy(entry, chance) for entry in result["accuracy"]]
    latency = [_varied_latency(entry, _near_one(chance)) for entry in result["latency"]]
    return {**result, "size": result["size"] | size, "accuracy": accuracy, "latency": latency}


def _near_one(chance: random.Random) -> float:
    return chance.uniform(1 - PERCENT / 100, 1 + PERCENT / 100)


def _varied_accuracy(entry: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    if entry.get("value") is None:
        return entry
    samples = entry["samples"]
    by = round(chance.uniform(entry["ci_low"], entry["ci_high"]) * samples) / samples - entry["value"]
    names = "value", "ci_low", "ci_high", "difference", "difference_low", "difference_high"
    return entry | {name: min(1.0, entry[name] + by) for name in names}


def _varied_latency(entry: dict[str, Any], times: float) -> dict[str, Any]:
    own = [name for name, value in entry.items() if value is not None and not name.startswith("baseline")]
    slower = {name: entry[name] * times for name in own if name.endswith("_ms")}
    faster = {name: entry[name] / times for name in own if name.startswith(("speedup", "throughput"))}
    return entry | slower | faster


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
