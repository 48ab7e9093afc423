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

from explorer.bench.browser import serve_dashboard

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


class Dashboard:
    """The real one, with a browser's session on its Runs page, which may be killed at any moment too."""

    def __init__(self, home: Path) -> None:
        self.served = serve_dashboard(home)
        self.process, self.address = self.served.__enter__()

    def drawn(self) -> list[str]:
        """Have the page drawn as for a browser; returns what was drawn, nothing where the dashboard is gone."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        kinds: list[str] = []
        address = self.address.replace("http", "ws") + "/_stcore/stream"
        with suppress(OSError, WebSocketException), connect(address, subprotocols=["streamlit"], max_size=None) as line:
            wish, said = BackMsg(), ForwardMsg()
            wish.rerun_script.page_name = "Runs"
            line.send(wish.SerializeToString())
            while said.WhichOneof("type") != "script_finished":
                said.ParseFromString(line.recv(timeout=60))
                element = said.delta.new_element
                kinds.append(element.WhichOneof("type") or "")
                assert kinds[-1] != "exception", element.exception.message
            return kinds
        return []

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            self.served.__exit__(None, None, None)


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
