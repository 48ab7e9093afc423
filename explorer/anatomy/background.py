"""An answer that needs a process of its own: started once, looked for by whoever waits, kept as JSON in the cache.

The process is ``python -m MODULE ARGUMENTS…`` and ends with ``serve``. What it prints is what it is doing now.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from explorer.access import check_may_change
from explorer.errors import ExplorerError
from explorer.home import cache_folder, home
from explorer.jobs.lifecycle import environment
from explorer.jobs.processes import alive, family, hold, mark, send


@dataclass(frozen=True)
class Work:
    """How it stands: the ``answer`` once it is done, ``text`` while it runs (what it is doing) and when it failed."""

    state: Literal["none", "running", "done", "failed"]
    answer: dict[str, Any] | None = None
    text: str = ""
    seconds: float = 0.0


def look(kind: str, name: str) -> Work:
    """How the work of this name stands; ``name`` is a file's name."""
    process = _read(_file(kind, name, "process"))
    running = alive(process)  # first: what ends after this has its answer written
    found = _read(_file(kind, name, "json"))
    if found and "answer" in found:
        return Work("done", found["answer"])
    if found:
        return Work("failed", text=str(found.get("error")))
    if process and running:
        seconds = max(0.0, time.time() - float(process["started"]))
        return Work("running", text=_last_line(_file(kind, name, "doing")), seconds=seconds)
    if process:
        reason = _last_line(_file(kind, name, "log")) or "it ended without a word"
        return Work("failed", text=f"The process ended without an answer: {reason.rstrip('.')}.")
    return Work("none")


def start(kind: str, name: str, module: str, arguments: Sequence[str]) -> None:
    """Start the work anew unless it is at work already; raises ``BadInput`` for a guest."""
    check_may_change()
    with hold(_file(kind, name, "lock")):
        if alive(_read(_file(kind, name, "process"))):
            return
        _file(kind, name, "json").unlink(missing_ok=True)
        process = _start(kind, name, [sys.executable, "-m", module, *arguments])
        _write(_file(kind, name, "process"), mark(process.pid))


def _start(kind: str, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with _file(kind, name, "doing").open("wb") as doing, _file(kind, name, "log").open("wb") as log:
        return subprocess.Popen(
            command,
            # as for a run: threads that wait by spinning lose most of their time to a browser on the same cores
            env={"OMP_WAIT_POLICY": "PASSIVE", **environment(home())},
            stdin=subprocess.DEVNULL,
            stdout=doing,
            stderr=log,
            start_new_session=True,
        )


def stop(kind: str, name: str) -> None:
    """End the work, as if it had never been started; raises ``BadInput`` for a guest."""
    check_may_change()
    path = _file(kind, name, "process")
    send(family(_read(path)), signal.SIGKILL)
    path.unlink(missing_ok=True)


def serve(kind: str, name: str, compute: Callable[[], dict[str, Any]]) -> None:
    """The body of the process: keep what ``compute`` returns, or the sentence of its mistake."""
    try:
        found: dict[str, Any] = {"answer": compute()}
    except ExplorerError as error:
        found = {"error": str(error)}
    _write(_file(kind, name, "json"), found)


def _file(kind: str, name: str, ending: str) -> Path:
    return cache_folder(kind) / f"{name}.{ending}"


def _write(path: Path, fields: dict[str, Any]) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(json.dumps(fields), encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
