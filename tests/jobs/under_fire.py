"""The processes of a home under fire: dashboards that take orders, and how all of them are found and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

PIPELINE = "tests.jobs.pipelines:uncertain"
INJECTED = Path(__file__).parent / "injected"


class Tab:
    """A dashboard in a process of its own (``tests.jobs.tab``), which may be killed at any moment."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.jobs.tab"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def tell(self, **order: Any) -> None:
        """Give an order; ``answer`` has what became of it."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What became of the last order; nothing where the dashboard was killed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def whole(path: Path, text: str) -> None:
    """Write a file that others read at any moment."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)


def processes_of(home: Path) -> list[psutil.Process]:
    """The dashboards, supervisor, workers and spare workers of a home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("EXPLORER_HOME") == str(home):
                found.append(process)
    return found


def end_processes_of(home: Path) -> None:
    """Kill all that run, also what one of them started in its last moment."""
    while found := processes_of(home):
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=5)


def surroundings(home: Path, injected: Path) -> dict[str, str]:
    """The environment in which everything of a schedule is started."""
    paths = [str(INJECTED), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "EXPLORER_HOME": str(home),
        "EXPLORER_PIPELINE": PIPELINE,
        "EXPLORER_TEST_FAULTS": str(injected),
        "PYTHONPATH": os.pathsep.join(paths),
    }
