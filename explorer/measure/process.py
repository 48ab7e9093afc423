"""A fresh process for one measurement: a specification goes in and an answer comes out as JSON files.

A fresh process has no leftovers of training in memory, thread pools or allocators, and one that crashes takes nothing
with it. Its module ends with ``serve(function)``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import explorer
from explorer.errors import ExplorerError, Unavailable

PACKAGE_ROOT = Path(explorer.__file__).resolve().parent.parent


def run_fresh(module: str, specification: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Run ``python -m module`` on the specification and return its answer.

    Raises ``Unavailable`` with the reason when the process reports that, ``ExplorerError`` with the last line that it
    printed when it crashes or takes longer than ``timeout_s``.
    """
    with tempfile.TemporaryDirectory(prefix="explorer-measure-") as folder:
        given, answer = Path(folder, "specification.json"), Path(folder, "answer.json")
        started = {"started_monotonic_s": time.monotonic()}
        given.write_text(json.dumps({**specification, **started}), encoding="utf-8")
        command = [sys.executable, "-m", module, str(given), str(answer)]
        try:
            finished = subprocess.run(
                command,
                cwd=folder,  # its own: the current one may have been deleted, and then MKL finds nothing
                env=_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ExplorerError(f"The measuring process did not finish within {timeout_s:.0f} s.") from None
        if finished.returncode != 0 or not answer.exists():
            raise ExplorerError(f"The measuring process failed: {_last_line(finished)}")
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "unavailable" in found:
        raise Unavailable(found["unavailable"])
    return found


def serve(function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Body of a measuring process: answer the specification in ``argv[1]`` with a file at ``argv[2]``."""
    given, answer = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        found = function(json.loads(given.read_text(encoding="utf-8")))
    except Unavailable as reason:
        found = {"unavailable": str(reason)}
    partial = answer.with_suffix(".partial")
    partial.write_text(json.dumps(found), encoding="utf-8")
    partial.replace(answer)


def _environment() -> dict[str, str]:
    """The surroundings of a measurement: threads wait as the runtime has it, not as our training is told to."""
    paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    counted = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as nvidia-smi counts, which names the GPU in the result
    return {**counted, **kept, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _last_line(finished: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    if finished.returncode < 0:
        return f"it was ended by signal {-finished.returncode}."
    return lines[-1] if lines else f"it ended with status {finished.returncode} and without a message."
