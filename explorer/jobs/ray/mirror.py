"""Writes what a node tells about a run (``wire``) into the run's folder here.

Events and log grow as they come. Every other file is put together aside; the artefact and, last, the result are moved
into place when all of them are whole and have the digests that the node named. How the run ended is written after that,
so that a run is never done without its result. Everything can be read again from the beginning at any time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError
from explorer.jobs.ray.wire import EVENTS, LOG, MARK, RESULT, parse, safe_path
from explorer.rundir import FINISHED, RunFolder, write_whole

INCOMING = ".incoming"
_KEPT_LINES = 40


class Mirror:
    """The run's folder here; ``log_at`` is how many bytes its log had before the attempt that is mirrored."""

    def __init__(self, folder: RunFolder, log_at: int = 0) -> None:
        self.folder, self.log_at = folder, log_at
        self.next = 0
        self.complete = False
        self.other_lines: list[str] = []
        """The last lines of the job's output that are no messages: what Ray and a failing start say."""
        self._known = set(_lines(folder.path / EVENTS))
        self._held: list[bytes] = []
        self._whole: dict[str, int] = {}
        shutil.rmtree(self._aside, ignore_errors=True)

    @property
    def _aside(self) -> Path:
        return self.folder.path / INCOMING

    def take(self, lines: Iterable[bytes]) -> bool:
        """Write down what is new in these lines of the output; False where lines before them are missing."""
        for line in lines:
            message = parse(line)
            if message is None:
                self._keep(line)
            elif message["explorer"] > self.next:
                return False
            elif message["explorer"] == self.next:
                self._write(message)
                self.next += 1
        return True

    def _keep(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if text and not text.startswith('{"explorer"') and text not in self.other_lines:
            self.other_lines = [*self.other_lines, text][-_KEPT_LINES:]

    def _write(self, message: dict[str, Any]) -> None:
        if "finished" in message:
            self._finish()
        elif "event" in message:
            self._event(str(message["event"]).encode())
        elif "data" in message:
            self._chunk(str(message.get("file")), message)
        else:
            self._end(str(message.get("file")), message)

    def _event(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict) or b"\n" in line or line in self._known:
            return
        if event.get("state") in FINISHED:
            self._held.append(line)
        else:
            self._append(line)

    def _append(self, line: bytes) -> None:
        with (self.folder.path / EVENTS).open("ab") as file:
            file.write(line + b"\n")
        self._known.add(line)

    def _chunk(self, name: str, message: dict[str, Any]) -> None:
        try:
            at, data = int(message["at"]), base64.b64decode(message["data"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise ExplorerError(f"A node sent a part of '{name[:80]}' that cannot be read.") from None
        if name == LOG:
            self._put(self.folder.path / LOG, self.log_at + at, data)
        else:
            place = self._aside / safe_path(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            self._put(place, at, data)

    def _put(self, path: Path, at: int, data: bytes) -> None:
        with path.open("r+b" if path.exists() else "w+b") as file:
            if file.seek(0, 2) < at:
                raise ExplorerError(f"A node left out a part of '{path.name}'.")
            file.seek(at)
            file.write(data)

    def _end(self, name: str, message: dict[str, Any]) -> None:
        path = self._aside / safe_path(name)
        if message.get("size") == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        if _digest(path) != message.get("sha256"):
            raise ExplorerError(f"The file '{name}' did not arrive as the node has it; its digest is another one.")
        if name == MARK:
            path.replace(self.folder.path / MARK)
        else:
            self._whole[name] = path.stat().st_size

    def _finish(self) -> None:
        result = self._result()
        for name in self._whole:
            if name != RESULT:
                place = self.folder.path / safe_path(name)
                place.parent.mkdir(parents=True, exist_ok=True)
                (self._aside / safe_path(name)).replace(place)
        if result is not None:
            self.folder.write_result(result)
        shutil.rmtree(self._aside, ignore_errors=True)
        for line in self._held:
            if not (self.folder.cancel_requested and b'"failed"' in line):  # a worker that was told to stop says that
                self._append(line)
        self.complete = True

    def _result(self) -> str | None:
        """The result that came, if all files that it names came too or are here; None where the run has none."""
        if RESULT not in self._whole:
            return None
        text = (self._aside / RESULT).read_text(encoding="utf-8")
        with suppress(ValueError, AttributeError, KeyError, TypeError):
            artefact = json.loads(text)["artefact"]
            named = {f"{artefact['folder']}/{name}": size for name, size in artefact["files"].items()}
            if all(self._size(name) == size for name, size in named.items()):
                return text
        raise ExplorerError("The result that a node sent names files that did not come with it.")

    def _size(self, name: str) -> int | None:
        """How many bytes a file of the run has, whether it came just now or was sent to the node from here."""
        path = self.folder.path / safe_path(name)
        return self._whole[name] if name in self._whole else path.stat().st_size if path.is_file() else None


def keep_other_lines(mirror: Mirror) -> None:
    """Add to the run's log what the job's output says besides: it tells why a job failed before its worker began."""
    if mirror.other_lines:
        path = mirror.folder.path / LOG
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        write_whole(path, before + "\n".join(mirror.other_lines) + "\n")


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError:
        return []


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
