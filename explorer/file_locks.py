"""Locks on open files, which the system frees when their holder ends, however it ends."""

from __future__ import annotations

from explorer.errors import ExplorerError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

WITHOUT_LOCKS = (
    "On Windows nothing can be launched, changed or deleted, since runs need the file locks and signals of Linux or "
    "macOS; what was recorded can be looked at, and under WSL everything works."
)


def why_not() -> str | None:
    """Why this system cannot hold locks, and what that keeps from working, in one sentence; None where it can."""
    return WITHOUT_LOCKS if fcntl is None else None


def lock(descriptor: int, shared: bool = False, wait: bool = False) -> bool:
    """Take the lock on an open file; returns whether it was got, which is certain with ``wait``.

    ``shared`` lets others share it. Changes what a holder has, too. Raises ``ExplorerError`` where there are no locks.
    """
    if fcntl is None:
        raise ExplorerError(WITHOUT_LOCKS)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock on an open file back."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
