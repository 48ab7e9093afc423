"""The process that answers: ``python -m explorer.serving TARGET THREADS IDLE_SECONDS INPUTS BASELINE VARIANT ...``.

A line of JSON comes in, a line of JSON goes out. It ends when its input is closed, or when nobody asked for a while.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import IO, Any

from explorer.errors import ExplorerError
from explorer.serving.lineup import Lineup
from explorer.serving.server import Server


def main(arguments: list[str]) -> None:
    """Answer until the input ends."""
    target, threads, idle_s, *places = arguments
    inputs, baseline, *variants = map(Path, places)
    lineup = Lineup(baseline, tuple(variants), inputs)
    out, lines = _own_output(), _lines(sys.stdin)
    server: Server | None = None
    while True:
        racing = server is not None and server.racing
        try:
            line = lines.get_nowait() if racing else lines.get(timeout=float(idle_s))
        except queue.Empty:
            if server is None or not racing:
                return
            server.advance()
            continue
        if line is None:
            return
        try:
            server = server or Server(lineup, target, int(threads))
            reply = server.handle(json.loads(line))
        except ExplorerError as error:
            reply = {"error": str(error)}
        _say(out, reply)


def _own_output() -> IO[str]:
    """What the client reads; whatever a library prints goes where errors go."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _lines(source: IO[str]) -> queue.Queue[str | None]:
    """The lines of ``source`` as they come, then None; read beside the work so that a race hears them."""
    found: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in source:
            found.put(line)
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    return found


def _say(out: IO[str], reply: dict[str, Any]) -> None:
    try:
        out.write(json.dumps(reply) + "\n")
        out.flush()
    except BrokenPipeError:  # nobody listens any more; the end of the input comes next
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
