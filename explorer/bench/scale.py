"""A hundred thousand finished runs: what the index and the pages take, and the supervisor beside a long queue."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from explorer.bench.browser import open_chromium, serve_dashboard, shown, switch, watched_page
from explorer.bench.row import Row, temporary_home
from explorer.rundir import RunFolder
from explorer.store import RECORDED, Store, slim

if TYPE_CHECKING:
    from explorer.recipe import Recipe
    from explorer.result import Result

RUNS, NEWEST, STUDIES = 100_000, 10_000, 100
QUEUED, SESSIONS, WATCHED_S = 500, 4, 30.0
GOAL = "under 0.3 s"
PAGES = ("Compress", "Runs", "Trade_offs", "Compare", "Export", "Models", "Demo", "Report", "Present", "")
STANDS_S = 6.0
"""So long at most a page is waited for until all of it stands."""
DUE_S = 5.0
"""After so long whoever looks compares the run folders again, however many there are."""
TRIVIAL = {"EXPLORER_PIPELINE": f"{__name__}:trivial", "EXPLORER_ENGINE": "local", "EXPLORER_JOBS": "1"}


def scale() -> Iterator[Row]:
    """Index, pages and supervisor with ``RUNS`` finished runs in a home of its own, which takes a while to fill."""
    # the supervisor stays while nothing may start, so that it can be measured
    with temporary_home(EXPLORER_SPARE_S="0", EXPLORER_IDLE_S="600", **TRIVIAL) as home:
        fill(home, RUNS)
        yield from index_rows(Store())
        yield from busy_rows(home)


def fill(home: Path, count: int) -> None:
    """Finished runs, one a minute until now: the recorded results as the index keeps them, again and again."""
    results, begin = _results(), datetime.now(UTC) - timedelta(minutes=count)
    (home / "runs").mkdir()
    for number in range(count):
        made, result = begin + timedelta(minutes=number), results[number % len(results)]
        names = {"run": f"{made:%Y%m%d-%H%M%S}-{number:06x}", "digest": f"{number:016x}"}
        study = f"study {number * STUDIES // count}"
        request = {**names, "recipe": result["recipe"], "study": study, "created_at": made.isoformat()}
        folder = home / "runs" / names["run"]
        folder.mkdir()
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        (folder / "result.json").write_text(json.dumps({**result, **names}), encoding="utf-8")


def index_rows(store: Store) -> Iterator[Row]:
    """How long the index takes for what pages ask of it."""
    yield Row(f"index of {RUNS:,} runs rebuilt", f"{_seconds(store.reindex):.1f} s")
    size = store.path.stat().st_size
    yield Row("  its file", f"{size / 1e6:,.0f} MB, {size / RUNS / 1000:.1f} KB a run")
    yield Row(f"newest {NEWEST:,} runs, read for the first time", f"{_seconds(lambda: store.newest(NEWEST)):.2f} s")
    again = [_after_a_change(store) for _ in range(5)]
    yield Row("  when one of them has changed (median)", f"{1000 * median(again):.0f} ms", "under 300 ms")
    names = [_seconds(store.studies) for _ in range(5)]
    yield Row(f"names of {STUDIES} studies (median)", f"{1000 * median(names):.1f} ms", "under 300 ms")
    looks = [_seconds(store.version) for _ in range(25)]
    yield Row("has anything changed, when nothing has (median)", f"{1000 * median(looks):.1f} ms", "under 300 ms")
    yield Row("  when a folder is new", f"{1000 * _after_a_folder(store):.0f} ms", "under 300 ms")


def busy_rows(home: Path, sessions: int = SESSIONS) -> Iterator[Row]:
    """Pages and supervisor beside ``QUEUED`` runs, while so many sessions of a browser follow the Runs page."""
    from explorer import jobs

    queue(home, QUEUED)
    jobs.pause_queue()
    jobs.ensure_supervisor()
    try:
        with _sessions(home, sessions) if sessions else contextlib.nullcontext() as dashboard:
            if dashboard is not None:
                yield from page_rows(*dashboard)
            yield from supervisor_rows(home, sessions)
    finally:
        jobs.pause_queue()
        _end_supervisor(home)


def page_rows(browser: Any, process: int, address: str) -> Iterator[Row]:
    """How quick each page is for one more reader, and what the dashboard's process takes."""
    page = watched_page(browser)
    shown(page, address)
    for name in PAGES * 2:  # the first visits are not what a reader waits for all day
        _quiet_switch(page, name)
    switches = [(_quiet_switch(page, name), name) for _ in range(3) for name in PAGES]
    middle = median(seconds for seconds, _ in switches)
    yield Row(f"page switch, {RUNS:,} runs, {QUEUED} queued, {SESSIONS} sessions (median)", f"{middle:.2f} s", GOAL)
    for each in PAGES:
        own = [seconds for seconds, to in switches if to == each]
        yield Row(f"  to {each or 'Overview'} (median; slowest)", f"{median(own):.2f} s; {max(own):.2f} s", GOAL)
    page.close()
    used = psutil.Process(process).memory_info().rss / 1e6
    yield Row(f"dashboard process, {RUNS:,} runs", f"{used:.0f} MB", "under 300 MB")


def supervisor_rows(home: Path, sessions: int) -> Iterator[Row]:
    """What the supervisor takes of a core and of the memory, while nothing may start and while runs go on."""
    from explorer import jobs

    what = f"supervisor, {QUEUED} runs queued, {sessions} browser sessions"
    yield Row(f"{what}, at rest", f"{100 * _share(home):.1f} % of a core", "under 5 %")
    jobs.resume_queue()
    share = _share(home)
    done = QUEUED - len(Store().in_state("queued", "running"))
    yield Row(f"  while {done} runs of a second were done", f"{100 * share:.1f} % of a core", "under 5 %")
    resident, fair = _memory(_supervisor(home))
    yield Row("  its memory, resident", f"{resident / 1e6:.1f} MB", "under 20 MB")
    if fair:
        yield Row("  without what it shares with other processes", f"{fair / 1e6:.1f} MB")


def queue(home: Path, count: int) -> None:
    """Runs that are not begun yet."""
    recipe = {"model": "cnn-digits", "steps": [], "targets": ["cpu-onnxruntime"]}
    for seed in range(count):
        request = {"recipe": {**recipe, "seed": seed}, "digest": f"queued-{seed}", "study": "queued", "fresh": False}
        RunFolder.create(home / "runs", request)


def trivial(
    recipe: Recipe, folder: Path, report: Callable[..., None], *, run: str, digest: str, fresh: bool = False
) -> Result:
    """A run that waits for a second and says so; its result is a recorded one under its own name."""
    from explorer.result import Result

    for part in range(4):
        report(stage="train", text="Waiting", fraction=part / 4)
        time.sleep(0.25)
    return Result.model_validate({**_results()[0], "run": run, "digest": digest, "recipe": recipe.plain()})


def _results() -> list[dict[str, Any]]:
    studies = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDED.glob("*.json"))]
    return [slim(result) for study in studies for result in study["results"]]


def _seconds(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def _after_a_change(store: Store) -> float:
    """Seconds to read the newest runs when one of them belongs to one more study."""
    folder = RunFolder(store.folders / store.newest(NEWEST)[-1].run)
    folder.add_study(f"study of {time.time_ns()}")
    store.refresh(folder.run)
    return _seconds(lambda: store.newest(NEWEST))


def _after_a_folder(store: Store) -> float:
    """Seconds of the look that finds a new folder, which nobody told the index about."""
    queue(store.path.parent, 1)
    time.sleep(DUE_S)
    seconds = _seconds(store.version)
    (run,) = store.in_state("queued")
    shutil.rmtree(store.folders / run)
    store.refresh(run)
    return seconds


def _quiet_switch(page: Any, name: str) -> float:
    """Seconds of a switch; returns once all of the page stands, which Runs never does for long."""
    seconds, latest = switch(page, name), time.monotonic() + STANDS_S
    page.wait_for_timeout(2000)
    while time.monotonic() < latest and page.evaluate("performance.now() - lastChange") < 500:
        page.wait_for_timeout(100)
    return seconds


@contextlib.contextmanager
def _sessions(home: Path, count: int) -> Iterator[tuple[Any, int, str]]:
    """So many windows of a browser on the Runs page, which asks again every second while anything is queued.

    Yields the browser, the dashboard's process id and its address.
    """
    from playwright.sync_api import sync_playwright

    with serve_dashboard(home) as (process, address), sync_playwright() as tool:
        browser = open_chromium(tool)
        for _ in range(count):
            shown(browser.new_page(), f"{address}/Runs")
        time.sleep(DUE_S)
        yield browser, process.pid, address
        browser.close()


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Resident bytes, and of them this process's share where the system tells it, else 0."""
    taken = process.memory_full_info()
    return taken.rss, getattr(taken, "pss", 0)


def _share(home: Path) -> float:
    """What the supervisor takes of one core, as a fraction."""
    process, started = _supervisor(home), time.monotonic()
    before = _processor_s(process)
    time.sleep(WATCHED_S)
    return (_processor_s(process) - before) / (time.monotonic() - started)


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _supervisor(home: Path) -> psutil.Process:
    """The supervisor of this home, once it has the lock."""
    while not (written := (home / "supervisor.lock").read_text(encoding="utf-8")):
        time.sleep(0.1)
    return psutil.Process(int(written))


def _end_supervisor(home: Path) -> None:
    process = _supervisor(home)
    process.terminate()
    process.wait()
    time.sleep(3)  # its worker ends by itself
