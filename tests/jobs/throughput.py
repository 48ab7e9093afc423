"""How many runs a minute the supervisor gets through, by workers at a time: ``python -m tests.jobs.throughput``.

Real supervisor and worker processes execute runs without torch. One kind of run waits for a second, which shows what
starting, following and settling cost; the other computes for about a second, which shows what the processors allow.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from explorer import jobs
from explorer.jobs import request
from explorer.recipe import Recipe
from explorer.rundir import FINISHED
from explorer.store import Store
from tests.jobs.pipelines import quick

ROUNDS = 4_000_000
"""Digests that take about a second on one core of the machine in docs/scaling.md."""


def waits(recipe, folder, report, **names):
    """A run that takes a second and no processor."""
    time.sleep(1)
    return quick(recipe, folder, report, **names)


def computes(recipe, folder, report, **names):
    """A run that takes one processor for about a second."""
    digest = b""
    for _ in range(ROUNDS):
        digest = hashlib.sha256(digest).digest()
    return quick(recipe, folder, report, **names)


def measure(kind: str, workers: int, runs: int) -> float:
    """Seconds from the first launch to the last run's end, in a home of its own; raises where a run is not done."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"EXPLORER_HOME": folder, "EXPLORER_PIPELINE": f"tests.jobs.throughput:{kind}"}
        os.environ |= {"EXPLORER_JOBS": str(workers), "EXPLORER_ENGINE": "local", "EXPLORER_SPARE_S": "0"}
        request.digest_of = lambda recipe: f"digest-{recipe.seed}"  # the model's files play no part
        started = time.monotonic()
        for seed in range(runs):
            jobs.submit(Recipe(model="cnn-digits", seed=seed, targets=("cpu-onnxruntime",)))
        while Store().active():
            time.sleep(0.05)
        seconds = time.monotonic() - started
        states = [row.state for row in Store().runs() if not row.recorded and row.state in FINISHED]
        _end_supervisor(Path(folder))
        if states != ["done"] * runs:
            raise SystemExit(f"Of {runs} runs {states.count('done')} are done; expected are all.")
        return seconds


def _end_supervisor(home: Path) -> None:
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((home / "supervisor.lock").read_text()))
        process.terminate()
    jobs._supervisors.pop(home, (None, 0))[0].wait()


def main() -> None:
    """Print a table for 1, 2 and 4 workers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    print(f"{given.runs} runs, {os.cpu_count()} cores")
    print("| runs that | workers | seconds | runs a minute | beside the work, s a run and worker |")
    print("|---|---|---|---|---|")
    for kind in ("waits", "computes"):
        for workers in given.workers:
            seconds = measure(kind, workers, given.runs)
            beside = f"{seconds * workers / given.runs - 1:.2f}" if kind == "waits" else ""
            print(f"| {kind} | {workers} | {seconds:.1f} | {60 * given.runs / seconds:.0f} | {beside} |", flush=True)


if __name__ == "__main__":
    main()
