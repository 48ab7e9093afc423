"""Cold start and memory: fresh processes that load an artefact, answer once and read their own peak."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from explorer.errors import Unavailable
from explorer.measure.host import default_threads
from explorer.measure.process import run_fresh
from explorer.measure.shapes import Shape
from explorer.result import Start

TIMEOUT_S = 300.0
MOST_STARTS = 3
MOST_SECONDS = 4.0


@dataclass(frozen=True)
class Starts:
    """What starting an artefact costs beside starting its baseline.

    Peak resident bytes of the process that loads and runs it are what a server would need: interpreter and runtime are
    part of them, and of the time to the first answer too.
    """

    cold_start: Start
    peak_rss_bytes: int
    baseline_peak_rss_bytes: int


def measure_starts(
    variant_folder: str | Path, baseline_folder: str | Path, target: str, shape: Shape, threads: int | None = None
) -> Starts | None:
    """Start both in turn, each in a process of its own: once, or up to three times where that takes seconds only.

    ``shape`` is (batch, sequence). None where the target is unavailable.
    """
    folders = {"variant": variant_folder, "baseline": baseline_folder}
    first_ms: dict[str, list[float]] = {name: [] for name in folders}
    peaks: dict[str, list[int]] = {name: [] for name in folders}
    begun = time.monotonic()
    for _ in range(MOST_STARTS):
        for name, folder in folders.items():
            try:
                found = _start(folder, target, shape, threads or default_threads())
            except Unavailable:
                return None
            first_ms[name].append(float(found["first_answer_ms"]))
            peaks[name].append(int(found["peak_rss_bytes"]))
        if time.monotonic() - begun > MOST_SECONDS:
            break
    start = Start(
        p50_ms=median(first_ms["variant"]), baseline_p50_ms=median(first_ms["baseline"]), starts=len(peaks["variant"])
    )
    return Starts(start, max(peaks["variant"]), max(peaks["baseline"]))


def _start(folder: str | Path, target: str, shape: Shape, threads: int) -> dict[str, float]:
    specification = {
        "folder": str(Path(folder).resolve()),
        "target": target,
        "shape": list(shape),
        "threads": threads,
    }
    return run_fresh("explorer.measure.start_process", specification, TIMEOUT_S)
