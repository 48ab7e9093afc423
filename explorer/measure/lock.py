"""One measurement at a time, no training meanwhile, and nothing computed twice: file locks in the home folder.

``measure.lock`` is held shared by what may run side by side (training and other heavy work) and exclusively by a
measurement. ``measure.gate`` keeps a measurement from starving: whoever wants in passes it first, a measurement keeps
it while it waits, so that work which starts later waits behind it. Never enter one slot inside another. The kernel
frees both locks when a process ends, however it ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from explorer.errors import Cancelled, ExplorerError
from explorer.file_locks import lock, unlock

Report = Callable[[str], None]
POLL_S = 0.1
REPORT_EVERY_S = 5.0


def _never() -> bool:
    return False


_report: ContextVar[Report] = ContextVar("report", default=lambda text: None)
"""Takes the sentences of whatever waits inside a training slot: what the slot was given for its own."""


@contextmanager
def training_slot(home: Path, report: Report, cancelled: Callable[[], bool] = _never) -> Iterator[Slot]:
    """Hold the machine together with other training; waits while something is measured or waits to be.

    ``report`` gets a sentence every few seconds of waiting, also of waiting inside for what another one computes
    (``alone``). Raises ``Cancelled`` when ``cancelled()`` turns true.
    """
    waiting = _Waiting("waiting for a measurement to finish", report, cancelled, None)
    place = _place(home)
    with _locked(place / "measure.gate", waiting, shared=True):
        slot = Slot(_acquire(place / "measure.lock", waiting, shared=True), waiting)
    before = _report.set(report)
    try:
        yield slot
    finally:
        _report.reset(before)
        slot.leave()


class Slot:
    """A place beside other training, which its holder can lend out for a while."""

    def __init__(self, descriptor: int, waiting: _Waiting) -> None:
        self.descriptor: int | None = descriptor
        self.waiting = waiting

    def rest(self, resting: Callable[[], bool]) -> None:
        """Let others have the machine for as long as ``resting()`` holds; nothing happens once the place is left.

        The way back does not lead through the gate: who waits there may wait for a run that waits for this one.
        """
        if self.descriptor is None or not resting():
            return
        unlock(self.descriptor)
        while resting():
            time.sleep(POLL_S)
        _lock(self.descriptor, self.waiting, shared=True)

    def leave(self) -> None:
        """Give the place back."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


@contextmanager
def measuring_slot(
    home: Path, report: Report, timeout: float | None = None, cancelled: Callable[[], bool] = _never
) -> Iterator[None]:
    """Hold the machine alone; waits for training and for other measurements.

    Raises ``ExplorerError`` after ``timeout`` seconds (None waits as long as it takes), ``Cancelled`` as above.
    """
    waiting = _Waiting("waiting for other runs to finish before measuring", report, cancelled, timeout)
    place = _place(home)
    with (
        _locked(place / "measure.gate", waiting),
        _locked(place / "measure.lock", waiting),
    ):
        yield


def _place(home: Path) -> Path:
    """Where the locks are: ``EXPLORER_LOCKS`` where several machines share a home and each has locks of its own."""
    return Path(os.environ.get("EXPLORER_LOCKS") or home)


@contextmanager
def alone(path: Path, text: str) -> Iterator[bool]:
    """Hold the lock on ``path`` alone; yields whether another one had it first.

    ``text`` is reported while it waits, as the training slot around it reports.
    """
    waiting = _Waiting(text, _report.get(), _never, None)
    with _locked(path, waiting):
        yield waiting.waited


@contextmanager
def _locked(path: Path, waiting: _Waiting, shared: bool = False) -> Iterator[None]:
    held = _acquire(path, waiting, shared)
    try:
        yield
    finally:
        os.close(held)


def _acquire(path: Path, waiting: _Waiting, shared: bool = False) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, waiting, shared)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, waiting: _Waiting, shared: bool) -> None:
    while not lock(descriptor, shared):
        waiting.step()


class _Waiting:
    """Sleeps between attempts, reports, and ends the waiting when cancelled or too late."""

    def __init__(self, text: str, report: Report, cancelled: Callable[[], bool], timeout: float | None) -> None:
        self.text, self.report, self.cancelled, self.timeout = text, report, cancelled, timeout
        self.started = time.monotonic()
        self.next_report = self.started
        self.waited = False

    def step(self) -> None:
        now, self.waited = time.monotonic(), True
        if self.cancelled():
            raise Cancelled("The run was cancelled while it was waiting.")
        if self.timeout is not None and now - self.started > self.timeout:
            raise ExplorerError(f"Other runs kept the machine busy for {self.timeout:.0f} s; measure again later.")
        if now >= self.next_report:
            self.report(self.text)
            self.next_report = now + REPORT_EVERY_S
        time.sleep(POLL_S)
