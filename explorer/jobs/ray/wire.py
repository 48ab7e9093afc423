"""What a node tells about a run's folder over the output of its job: numbered JSON lines, told from anything else.

``{"explorer": n, "event": line}``, ``{"explorer": n, "file": path, "at": offset, "data": base64}``,
``{"explorer": n, "file": path, "size": bytes, "sha256": digest}`` when a file is whole, and last
``{"explorer": n, "finished": exit status}``. ``n`` counts from 0, so that a missing line is noticed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from explorer.errors import ExplorerError
from explorer.rundir import ELSEWHERE, MEMORY, TIME

EVENTS, LOG, MARK, RESULT = "events.jsonl", "log.txt", "worker.json", "result.json"
OURS = {
    EVENTS,
    "request.json",
    "studies.json",
    "place.json",
    "cancel",
    "pause",
    ELSEWHERE,
    MEMORY,
    TIME,
    "measurements",
}
"""What only this side of a run's folder may write."""

CHUNK = 48 * 1024
_LONGEST_PATH, _DEEPEST = 255, 8


def safe_path(text: object) -> PurePosixPath:
    """The path of a file inside a run's folder; raises ``ExplorerError`` for one that leads anywhere else."""
    path = PurePosixPath(text) if isinstance(text, str) and 0 < len(text) <= _LONGEST_PATH else None
    if path is None or path.is_absolute() or len(path.parts) > _DEEPEST or not path.parts:
        raise _unsafe(text)
    odd = any(part in (".", "..") or "\\" in part or not part.isprintable() for part in path.parts)
    if odd or path.parts[0] in OURS or path.as_posix() != text:
        raise _unsafe(text)
    return path


def _unsafe(text: object) -> ExplorerError:
    return ExplorerError(f"A node sent a file named {str(text)[:80]!r}; expected is a path inside the run's folder.")


def parse(line: bytes) -> dict[str, Any] | None:
    """The message in a line of a job's output, or None for a line that is not one."""
    if not line.startswith(b'{"explorer": '):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("explorer"), int) else None


class Sender:
    """Tells what is in a run's folder, each thing once; ``write`` gets the lines."""

    def __init__(self, folder: Path, write: Callable[[str], object]) -> None:
        self.folder = folder
        self._write = write
        self._count = 0
        self._event_bytes = 0
        self._log_bytes = 0
        self._marked = False

    def live(self) -> None:
        """The worker's mark, then new events and new text of the log."""
        if not self._marked and (self.folder / MARK).is_file():
            self.whole_file(MARK)
            self._marked = True
        for line in self._new(EVENTS, self._event_bytes).splitlines(keepends=True):
            if line.endswith(b"\n"):
                self._event_bytes += len(line)
                self._say(event=line.decode("utf-8", "replace").rstrip("\n"))
        text = self._new(LOG, self._log_bytes)
        for start in range(0, len(text), CHUNK):
            self._chunk(LOG, self._log_bytes, text[start : start + CHUNK])
            self._log_bytes += len(text[start : start + CHUNK])

    def files(self, but: str | None = None) -> None:
        """Everything else in the folder, ``but`` what came from the other side; the result last."""
        paths = sorted(path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        names = [path.as_posix() for path in paths if path.parts[0] not in {*OURS, LOG, MARK, but}]
        for name in sorted(names, key=lambda name: name == RESULT):
            self.whole_file(name)

    def whole_file(self, name: str) -> None:
        """A file from its beginning to its end, and its digest."""
        total, size = hashlib.sha256(), 0
        with (self.folder / name).open("rb") as file:
            while data := file.read(CHUNK):
                self._chunk(name, size, data)
                total.update(data)
                size += len(data)
        self._say(file=name, size=size, sha256=total.hexdigest())

    def finish(self, exit_status: int) -> None:
        """The last line."""
        self._say(finished=exit_status)

    def _chunk(self, name: str, at: int, data: bytes) -> None:
        self._say(file=name, at=at, data=base64.b64encode(data).decode())

    def _say(self, **fields: Any) -> None:
        self._write(json.dumps({"explorer": self._count, **fields}) + "\n")
        self._count += 1

    def _new(self, name: str, start: int) -> bytes:
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(start)
                return file.read()
        except FileNotFoundError:
            return b""
