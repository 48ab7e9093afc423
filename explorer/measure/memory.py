"""Peak memory of an artefact: a fresh process loads it, runs it a few times and reads its own peak."""

from pathlib import Path

from explorer.errors import Unavailable
from explorer.measure.host import default_threads
from explorer.measure.process import run_fresh
from explorer.result import Memory

TIMEOUT_S = 300.0


def peak_memory(folder: str | Path, target: str, shape: tuple[int, int], threads: int | None = None) -> Memory:
    """Peak resident bytes while running batches of ``shape`` (batch, sequence); None where the target is unavailable.

    The figure is what a server would need: interpreter and runtime are part of it.
    """
    specification = {
        "folder": str(Path(folder).resolve()),
        "target": target,
        "shape": list(shape),
        "threads": threads or default_threads(),
    }
    try:
        found = run_fresh("explorer.measure.memory_process", specification, TIMEOUT_S)
    except Unavailable:
        return Memory(peak_rss_bytes=None)
    return Memory(peak_rss_bytes=int(found["peak_rss_bytes"]))
