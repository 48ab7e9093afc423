"""What a schedule of faults does to the processes of its home; Python imports it by itself from ``PYTHONPATH``.

``EXPLORER_TEST_FAULTS`` names a folder. ``clock`` in it says by how many seconds the clock was set; a file that is
called like a kind of process (``worker``, ``supervisor`` or ``dashboard``) holds the system's error with which it can
write nothing below ``EXPLORER_HOME`` any more. Whoever is refused something notes that in ``refused``.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PUTS = ("os.mkdir", "os.link", "os.symlink")
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.utime")
KINDS = ("worker", "supervisor")


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

    def broken() -> int:
        try:
            return int((faults / kind).read_text())
        except (OSError, ValueError):
            return 0

    def refuse(number: int, what: str) -> None:
        descriptor = os.open(faults / "refused", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{kind} {errno.errorcode[number]}\n".encode())
        os.close(descriptor)
        raise OSError(number, os.strerror(number), what)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle":
            refuse_index(given[0], broken())
        elif event in PUTS or event in CHANGES or (event == "open" and int(given[2] or 0) & WRITES):
            path = given[1] if event in ("os.link", "os.symlink") else given[0]
            if not isinstance(path, (str, bytes, os.PathLike)):
                return
            name = os.fsdecode(path)
            number = broken() if name.startswith(f"{home}/") else 0
            if number == errno.ENOSPC and event == "open":  # a full disk often has room for a name
                with suppress(OSError):
                    os.mknod(name)
            if number == errno.EROFS or (number and event not in CHANGES):
                refuse(number, name)

    sys.addaudithook(hook)


def refuse_index(connection: Any, number: int) -> None:
    """Let SQLite itself find that it cannot write."""
    if number:
        with suppress(Exception):  # an index that is spoilt as well
            connection.execute("PRAGMA query_only = ON" if number == errno.EROFS else "PRAGMA max_page_count = 1")


if "EXPLORER_TEST_FAULTS" in os.environ:
    set_clock(Path(os.environ["EXPLORER_TEST_FAULTS"]))
    refuse_writing(Path(os.environ["EXPLORER_TEST_FAULTS"]), Path(os.environ["EXPLORER_HOME"]))
