"""Processes and locks: who is alive, who holds a lock, and how to end a worker with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from explorer.file_locks import lock, unlock


@contextmanager
def hold(path: Path, wait_s: float | None = None) -> Iterator[bool]:
    """Hold the exclusive lock on ``path`` inside the block; yields whether it was got within ``wait_s``.

    None waits as long as it takes. The system drops the lock of a process that dies. Raises ``ExplorerError`` where the
    system has no locks.
    """
    with path.open("a+") as file:
        got = _lock(file.fileno(), wait_s)
        try:
            yield got
        finally:
            if got:
                unlock(file.fileno())


def _lock(descriptor: int, wait_s: float | None) -> bool:
    if wait_s is None:
        return lock(descriptor, wait=True)
    deadline = time.monotonic() + wait_s
    while not lock(descriptor):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def boot_id() -> str:
    """A word that changes with every start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        pass
    try:
        command = ["sysctl", "-n", "kern.bootsessionuuid"]  # macOS
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def mark(pid: int | None = None) -> dict[str, Any]:
    """What identifies a process, by default this one, for as long as the machine is up.

    ``since_boot`` is its start in seconds after the machine's: unlike ``started`` it is not moved by a clock change.
    """
    process = psutil.Process(pid)
    started = process.create_time()
    return {
        "pid": process.pid,
        "started": started,
        "since_boot": round(started - psutil.boot_time(), 3),
        "boot_id": boot_id(),
    }


def same_boot(mark: dict[str, Any]) -> bool:
    """Whether the machine has been up since the marked process started."""
    return bool(mark.get("boot_id") == boot_id())


def alive(mark: dict[str, Any] | None) -> bool:
    """Whether the marked process still runs: same machine start, same process id, same start; a zombie does not."""
    process = _find(mark)
    try:
        return process is not None and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def family(mark: dict[str, Any] | None) -> list[psutil.Process]:
    """The marked worker, all its descendants, and whatever else is in the process group that it leads or led."""
    worker = _find(mark)
    if not mark or not same_boot(mark) or (worker is None and psutil.pid_exists(int(mark["pid"]))):
        return []  # the id belongs to a stranger now
    found: dict[int, psutil.Process] = {}
    try:
        if worker is not None:
            found[worker.pid] = worker
            found.update((child.pid, child) for child in worker.children(recursive=True))
        members = [pid for pid in psutil.pids() if _group(pid) == int(mark["pid"])]
        found.update((pid, psutil.Process(pid)) for pid in members if pid not in found)
    except psutil.Error:
        pass  # one of them ended while we looked
    return list(found.values())


def _find(mark: dict[str, Any] | None) -> psutil.Process | None:
    try:
        if mark and same_boot(mark):
            process = psutil.Process(int(mark["pid"]))
            since_boot = process.create_time() - psutil.boot_time()
            return process if abs(since_boot - float(mark["since_boot"])) < 2 else None
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        pass
    return None


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that still exist; psutil never hits a stranger that got a used process id."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None
