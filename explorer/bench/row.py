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
def temporary_home(**variables: str) -> Iterator[Path]:
    """An empty ``EXPLORER_HOME`` that is gone afterwards; meanwhile these environment variables are set as well."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its supervisor leaves a moment later
        wanted = {"EXPLORER_HOME": folder, "EXPLORER_IDLE_S": "1", **variables}
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
