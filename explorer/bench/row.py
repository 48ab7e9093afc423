"""One line of the table."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One figure with the goal it is compared with."""

    what: str
    value: str
    goal: str = ""


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """An empty ``EXPLORER_HOME`` that is gone afterwards."""
    before = os.environ.get("EXPLORER_HOME")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its supervisor leaves a moment later
        os.environ.update(EXPLORER_HOME=folder, EXPLORER_IDLE_S="1")
        try:
            yield Path(folder)
        finally:
            os.environ.pop("EXPLORER_HOME")
            if before is not None:
                os.environ["EXPLORER_HOME"] = before
