"""What stands for the index while the disk refuses it: the same tables in memory, read from the run folders."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from explorer.home import no_room, room
from explorer.store import index

_T = TypeVar("_T")


class StandIn:
    """The tables of one home in the memory of this process; ``cause`` is what SQLite said of the real ones."""

    def __init__(self, folders: Path, cause: str) -> None:
        self.folders, self.cause = folders, cause
        self.lock = threading.Lock()
        self.connection: sqlite3.Connection | None = None

    def use(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with the tables as the folders are now; one thread at a time."""
        with self.lock:
            if self.connection is None:
                self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            if not index.is_built(self.connection):
                index.build(self.connection, self.folders)
            index.catch_up(self.connection, self.folders)
            return action(self.connection)

    def reason(self) -> str:
        """Why it is in use, in one sentence."""
        if no_room(self.folders.parent):
            return (
                f"The disk is full, {room(self.folders.parent)} are free, and the runs are read from their folders "
                "without an index; 'python -m explorer clean --trash --cache' makes room."
            )
        return f"The index of runs cannot be used ({self.cause}), and the runs are read from their folders meanwhile."
