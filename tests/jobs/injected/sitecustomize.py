"""What a schedule of faults does to the processes of its home; Python imports it by itself from ``PYTHONPATH``.

``EXPLORER_TEST_FAULTS`` names a folder. ``clock`` in it says by how many seconds the clock was set; a file that is
called like a kind of process (``worker``, ``supervisor`` or ``dashboard``) holds the system's error with which it can
write nothing below ``EXPLORER_HOME`` any more, and ``write`` after it where files can still be opened and the disk is
found full by the first write, also to a log that was open before. Whoever is refused something notes it in ``refused``.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PUTS = ("os.mkdir", "os.link", "os.symlink")
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.utime")
KINDS = ("worker", "supervisor")
LOGS = (1, 2)
READS = ("r", "rb", "a+")
"""How files are opened that are read, or locked: nothing is written to these."""


def set_clock(faults: Path) -> None:
    """Let this process see the clock as the schedule set it.

    The start of the machine moves along, as Linux tells it. Files keep the times of the real clock, and so does
    ``time_ns``, which is compared with them.
    """
    from psutil import _pslinux

    now, boot_time = time.time, _pslinux.boot_time

    def offset_s() -> float:
        try:
            return float((faults / "clock").read_text())
        except (OSError, ValueError):
            return 0.0

    time.time = lambda: now() + offset_s()
    _pslinux.boot_time = lambda: boot_time() + offset_s()


def refuse_writing(faults: Path, home: Path) -> None:
    """Refuse to write below ``home`` for as long as the schedule wants it."""
    kind = next((name for name in KINDS if f"explorer.jobs.{name}" in sys.orig_argv), "dashboard")

    def broken() -> tuple[int, bool]:
        """The error, and whether it comes with the first write only."""
        try:
            number, *at_write = (faults / kind).read_text().split()
            return int(number), bool(at_write)
        except (OSError, ValueError):
            return 0, False

    def note(number: int, how: str = "") -> None:
        descriptor = os.open(faults / "refused", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{kind} {errno.errorcode[number]} {how}\n".encode())
        os.close(descriptor)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "open" or event in PUTS or event in CHANGES:
            path = given[1] if event in ("os.link", "os.symlink") else given[0]
            if not at_home(path):
                return
            name, (number, at_write) = os.fsdecode(path), broken()
            fill_logs(number if at_write else 0)
            if at_write or (event == "open" and not int(given[2] or 0) & WRITES):
                return
            if number == errno.ENOSPC and event == "open":  # a full disk often has room for a name
                with suppress(OSError):
                    os.mknod(name)
            if number == errno.EROFS or (number and event not in CHANGES):
                note(number)
                raise OSError(number, os.strerror(number), name)

    opened, connected = io.open, sqlite3.connect
    full, logs = os.open("/dev/full", os.O_RDWR), {}

    def fill_logs(number: int) -> None:
        """Let the log, which is open for as long as the process lives, be full or take lines again."""
        if number and not logs:
            mine = [log for log in LOGS if target(log).startswith(f"{home}/")]
            logs.update({log: os.dup(log) for log in mine})
            for log in mine:
                os.dup2(full, log)
                note(number, "at a write to its log")
        elif logs and not number:
            for log, kept in logs.items():
                os.dup2(kept, log)
                os.close(kept)
            logs.clear()

    def opened_full(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        """Open as usual; whatever is written then goes to a device that is full."""
        stream = opened(file, mode, *given, **named)
        number, at_write = broken() if at_home(file) and mode not in READS else (0, False)
        if at_write:
            os.dup2(full, stream.fileno(), inheritable=False)
            note(number, "at a write")
        return stream

    def at_home(file: Any) -> bool:
        return isinstance(file, (str, bytes, os.PathLike)) and os.fsdecode(file).startswith(f"{home}/")

    def connected_full(path: Any, **named: Any) -> sqlite3.Connection:
        """Connect as usual, and let SQLite itself find that it cannot write."""
        connection = connected(path, **named)
        number, _ = broken() if at_home(path) else (0, False)
        if number:
            note(number, "at its index")
            with suppress(sqlite3.Error):  # an index that is spoilt as well
                connection.execute("PRAGMA query_only = ON" if number == errno.EROFS else "PRAGMA max_page_count = 1")
        return connection

    builtins.open = io.open = opened_full
    sqlite3.connect = connected_full
    sys.addaudithook(hook)


def target(descriptor: int) -> str:
    """The file behind a descriptor."""
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""


if "EXPLORER_TEST_FAULTS" in os.environ:
    set_clock(Path(os.environ["EXPLORER_TEST_FAULTS"]))
    refuse_writing(Path(os.environ["EXPLORER_TEST_FAULTS"]), Path(os.environ["EXPLORER_HOME"]))
