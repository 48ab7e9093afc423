"""One start of an artefact: ``python -m explorer.measure.start_process SPECIFICATION ANSWER``.

Reads the time from the start of this process to the first answer, then the peak of its memory.
"""

import resource
import sys
import time
from pathlib import Path
from typing import Any

from explorer.measure.process import serve
from explorer.measure.runners import open_runner
from explorer.models.preprocess import Preprocessor

RUNS = 3


def measure(specification: dict[str, Any]) -> dict[str, Any]:
    """Load the artefact and answer once; run it a few times more and read the peak."""
    folder = Path(specification["folder"])
    batch, sequence = specification["shape"]
    runner = open_runner(folder, specification["target"], specification["threads"])
    call = runner.bind(Preprocessor.load(folder).dummy_at((batch, sequence)))
    call()
    # the monotonic clock is the system's, the same in the process that started this one
    first_answer_ms = 1000 * (time.monotonic() - specification["started_monotonic_s"])
    for _ in range(RUNS):
        call()
    return {"first_answer_ms": first_answer_ms, "peak_rss_bytes": _peak_bytes()}


def _peak_bytes() -> int:
    """Linux's ``ru_maxrss`` starts with the parent's memory at the time of the fork; ``VmHWM`` does not."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    serve(measure)
