"""Speed and memory on this machine, as a table: ``python -m explorer.bench`` (``--only training`` for one part).

Nothing here is a test: a busy machine gives other figures, and the table says what each is meant to stay under.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parents[1]
RUNS = 1000
PAGES = ("Compress", "Runs", "Trade_offs", "Compare", "Export")


@dataclass(frozen=True)
class Row:
    """One figure with the goal it is compared with."""

    what: str
    value: str
    goal: str


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


def click_to_point() -> Iterator[Row]:
    """From submitting ``int8-dynamic`` to its result in the index, with the baseline cached."""
    from explorer import jobs
    from explorer.recipe import Recipe
    from explorer.store import Store

    for model, goal in (("vit-digits", 20), ("minilm-tweets", 60)):
        with _home():
            for steps in ([], [{"technique": "int8-dynamic"}]):
                started = time.monotonic()
                run = jobs.submit(Recipe.parse({"model": model, "steps": steps}))
                while Store().run(run).state in ("queued", "running"):
                    time.sleep(0.1)
                seconds, row = time.monotonic() - started, Store().run(run)
                if row.state != "done":
                    raise SystemExit(f"{model} {row.label}: {row.reason}")
            yield Row(f"int8-dynamic on {model}, launch to point", f"{seconds:.1f} s", f"under {goal} s")


def training() -> Iterator[Row]:
    """Samples per second of the project's loop and of a plain fp32 loop with the default AdamW, in turn."""
    import torch

    from explorer import training as loop
    from explorer.models import load_model

    loaded = load_model("minilm-tweets")
    split = loaded.task.splits["train"].subset(1024, seed=0)
    plan = loop.usual_plan("text", fresh=False)

    def ours() -> float:
        return loop.train(load_model("minilm-tweets").model, split, loaded.preprocessor, plan).samples_per_s

    def plain() -> float:
        model: Any = load_model("minilm-tweets").model.train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
        part = split.subset(512, seed=1)
        started = time.monotonic()
        for start in range(0, len(part), 32):
            rows = slice(start, start + 32)
            inputs = {n: torch.from_numpy(a) for n, a in loaded.preprocessor.encode(part.inputs[rows]).items()}
            loss = torch.nn.functional.cross_entropy(model(**inputs).logits, torch.from_numpy(part.labels[rows]))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
        return len(part) / (time.monotonic() - started)

    pairs = [(ours(), plain()) for _ in range(3)]
    yield Row("training MiniLM, this project", f"{median(a for a, _ in pairs):.0f} samples/s", "")
    yield Row("training MiniLM, plain fp32 loop", f"{median(b for _, b in pairs):.0f} samples/s", "")
    yield Row("ratio, pair by pair (median)", f"{median(a / b for a, b in pairs):.2f}", "2.5 with bf16 instructions")


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "dashboard": dashboard,
    "click-to-point": click_to_point,
    "training": training,
}


def open_chromium(tool: Any) -> Any:
    """Chromium under Playwright: from ``EXPLORER_CHROMIUM``, the usual places, or Playwright's own download."""
    usual = (os.environ.get("EXPLORER_CHROMIUM"), shutil.which("chromium"), shutil.which("google-chrome"))
    path = next((place for place in usual if place), None)
    switches = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        switches.append("--no-sandbox")
    return tool.chromium.launch(executable_path=path, args=switches)


@contextlib.contextmanager
def serve_dashboard(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The dashboard on a free port of this machine with ``home`` as its home folder; ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "EXPLORER_HOME": str(home)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=quiet, stderr=quiet)
    try:
        _wait_for(address + "/_stcore/health")
        yield process, address
    finally:
        process.terminate()
        process.wait(10)


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


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    before = os.environ.get("EXPLORER_HOME")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its supervisor leaves a moment later
        os.environ.update(EXPLORER_HOME=folder, EXPLORER_IDLE_S="1")
        try:
            yield Path(folder)
        finally:
            os.environ.pop("EXPLORER_HOME")
            if before is not None:
                os.environ["EXPLORER_HOME"] = before


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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="measure this part only")
    chosen = parser.parse_args().only or list(PARTS)
    for name in chosen:
        for row in PARTS[name]():
            print(f"{row.what:<48} {row.value:>18}   {row.goal}", flush=True)


if __name__ == "__main__":
    main()
