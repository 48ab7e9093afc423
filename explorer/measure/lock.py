"""One measurement at a time, and no training meanwhile: file locks in the explorer's home folder.

``measure.lock`` is held shared by what may run side by side (training and other heavy work) and exclusively by a
measurement. ``measure.gate`` keeps a measurement from starving: whoever wants in passes it first, a measurement keeps
it while it waits, so that work which starts later waits behind it. Never enter one slot inside another. The kernel
frees both locks when a process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.errors import Cancelled, ExplorerError

Report = Callable[[str], None]
POLL_S = 0.1
REPORT_EVERY_S = 5.0


def _never() -> bool:
    return False


@contextmanager
def training_slot(home: Path, report: Report, cancelled: Callable[[], bool] = _never) -> Iterator[None]:
    """Hold the machine together with other training; waits while something is measured or waits to be.

    ``report`` gets a sentence every few seconds of waiting. Raises ``Cancelled`` when ``cancelled()`` turns true.
    """
    waiting = _Waiting("waiting for a measurement to finish", report, cancelled, None)
    with _locked(home / "measure.gate", fcntl.LOCK_SH, waiting):
        held = _acquire(home / "measure.lock", fcntl.LOCK_SH, waiting)
    try:
        yield
    finally:
        os.close(held)


@contextmanager
def measuring_slot(
    home: Path, report: Report, timeout: float | None = None, cancelled: Callable[[], bool] = _never
) -> Iterator[None]:
    """Hold the machine alone; waits for training and for other measurements.

    Raises ``ExplorerError`` after ``timeout`` seconds (None waits as long as it takes), ``Cancelled`` as above.
    """
    waiting = _Waiting("waiting for other runs to finish before measuring", report, cancelled, timeout)
    with (
        _locked(home / "measure.gate", fcntl.LOCK_EX, waiting),
        _locked(home / "measure.lock", fcntl.LOCK_EX, waiting),
    ):
        yield


@contextmanager
def _locked(path: Path, mode: int, waiting: _Waiting) -> Iterator[None]:
    held = _acquire(path, mode, waiting)
    try:
        yield
    finally:
        os.close(held)


def _acquire(path: Path, mode: int, waiting: _Waiting) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                waiting.step()
    except BaseException:
        os.close(descriptor)
        raise


class _Waiting:
    """Sleeps between attempts, reports, and ends the waiting when cancelled or too late."""

    def __init__(self, text: str, report: Report, cancelled: Callable[[], bool], timeout: float | None) -> None:
        self.text, self.report, self.cancelled, self.timeout = text, report, cancelled, timeout
        self.started = time.monotonic()
        self.next_report = self.started

    def step(self) -> None:
        now = time.monotonic()
        if self.cancelled():
            raise Cancelled("The run was cancelled while it was waiting.")
        if self.timeout is not None and now - self.started > self.timeout:
            raise ExplorerError(f"Other runs kept the machine busy for {self.timeout:.0f} s; measure again later.")
        if now >= self.next_report:
            self.report(self.text)
            self.next_report = now + REPORT_EVERY_S
        time.sleep(POLL_S)
