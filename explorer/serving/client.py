"""The dashboard's side: start the process that answers, ask it, close it. It is started anew where it has ended."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from explorer.errors import ExplorerError
from explorer.home import home
from explorer.jobs.lifecycle import environment
from explorer.measure.host import default_threads
from explorer.serving.lineup import Lineup
from explorer.variants import FALLBACK_TARGET

IDLE_S = 600.0
TIMEOUT_S = 180.0
"""Of one request: models that are compiled when they are loaded take tens of seconds each."""

GRACE_S = 2.0


@dataclass(frozen=True)
class Answer:
    """Probabilities of all classes (empty: no answer), and the milliseconds of one call, the median of ``calls``."""

    probabilities: tuple[float, ...]
    ms: float
    calls: int

    @property
    def best(self) -> int | None:
        """The most probable class."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__, default=None)


@dataclass(frozen=True)
class Tally:
    """Requests that a contestant has answered and the seconds that they took."""

    requests: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Agreement:
    """``same`` of the ``inputs`` that both have seen got the same answer from a variant and from the baseline."""

    inputs: int
    same: int


@dataclass(frozen=True)
class Standing:
    """How a race stands: the baseline's tally and each variant's, and how each variant agrees with the baseline."""

    state: Literal["running", "done", "stopped"]
    requests: int
    tallies: tuple[Tally, ...]
    agreements: tuple[Agreement, ...]

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def baseline(self) -> Tally:
        return self.tallies[0]

    @property
    def variants(self) -> tuple[Tally, ...]:
        return self.tallies[1:]

    @property
    def arrived(self) -> list[int]:
        """Those that have answered all requests, by their number (the baseline's is 0), the fastest first."""
        through = [number for number, tally in enumerate(self.tallies) if tally.requests == self.requests]
        return sorted(through, key=lambda number: self.tallies[number].seconds)

    @property
    def left_s(self) -> float | None:
        """Seconds until the slowest is through, at the rates so far; None before all have answered.

        They take turns, so that it is what all of them have left.
        """
        if not all(tally.per_s for tally in self.tallies):
            return None
        return sum((self.requests - tally.requests) / tally.per_s for tally in self.tallies)

    def share(self, tally: Tally) -> float:
        """How much of its requests one of the contestants has answered, 0 to 1."""
        return tally.requests / self.requests


class Demonstration:
    """A baseline and its variants on a target behind one process; may be used from several threads, which take turns.

    All are in the same process with the same threads, and take turns there, which is fair to all.
    """

    def __init__(
        self, lineup: Lineup, target: str = FALLBACK_TARGET, threads: int | None = None, idle_s: float = IDLE_S
    ) -> None:
        self.lineup, self.target = lineup, target
        self.threads, self.idle_s = threads or default_threads(), idle_s
        self._turn = threading.Lock()
        self._process: _Process | None = None

    def answer(self, given: str | NDArray[np.uint8]) -> list[Answer]:
        """What the baseline and each variant say to a text, or to an image ``[H, W]`` or ``[H, W, 3]``."""
        found = self._ask({"do": "answer", **_packed(given)})["answers"]
        return [Answer(tuple(one["probabilities"]), one["ms"], one["calls"]) for one in found]

    def race(self, requests: int) -> str:
        """Start a race, or join the one that is on; its name."""
        return str(self._ask({"do": "race", "requests": requests})["race"])

    def standing(self, race: str) -> Standing | None:
        """How a race stands; None where it is not known any more."""
        return _standing(self._ask({"do": "standing", "race": race}))

    def stop(self, race: str) -> Standing | None:
        """End a race where it is."""
        return _standing(self._ask({"do": "stop", "race": race}))

    def close(self) -> None:
        """End the process; whoever asks later starts it anew."""
        with self._turn:
            self._end()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply; raises ``ExplorerError`` with the sentence of a mistake or of a crash."""
        with self._turn:
            reply = self._exchange(request) or self._exchange(request)  # the first may have met one that went idle
            if reply is None:
                raise ExplorerError("The process that answers ended before it did; try again.")
        if "error" in reply:
            raise ExplorerError(str(reply["error"]))
        return reply

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """One request and its reply; None where the process had ended by itself."""
        if self._process is None or self._process.ended:
            self._end()
            self._process = _Process(self.lineup, self.target, self.threads, self.idle_s)
        try:
            return self._process.exchange(request)
        except (ExplorerError, OSError) as error:
            reason = self._process.reason(error)
            self._end()
            if reason is None:
                return None
            raise ExplorerError(reason) from None

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class _Process:
    """``python -m explorer.serving`` and its pipes."""

    def __init__(self, lineup: Lineup, target: str, threads: int, idle_s: float) -> None:
        places = [str(path) for path in (lineup.inputs, *lineup.folders)]
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "explorer.serving", target, str(threads), str(idle_s), *places],
            # threads that wait by spinning lose most of their time to a browser on the same cores
            env={"OMP_WAIT_POLICY": "PASSIVE", **environment(home())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            start_new_session=True,
        )
        self.unread = b""

    @property
    def ended(self) -> bool:
        return self.popen.poll() is not None

    def exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises ``OSError`` where the process is gone, ``ExplorerError`` where it takes too long."""
        assert self.popen.stdin is not None
        _write(self.popen.stdin.fileno(), json.dumps(request).encode() + b"\n")
        reply: dict[str, Any] = json.loads(self._line(time.monotonic() + TIMEOUT_S))
        return reply

    def reason(self, error: Exception) -> str | None:
        """Why it is gone, in a sentence; None where it ended by itself because nobody asked."""
        if isinstance(error, ExplorerError):
            return str(error)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(GRACE_S)
        status = self.popen.returncode
        if status == 0:
            return None
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors.read().decode(errors="replace").splitlines() if line.strip()]
        ending = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        last = lines[-1].rstrip(".") if lines and not ending.startswith("signal") else ending
        return f"The process that answers ended unexpectedly ({last}); try again, and it starts anew."

    def close(self) -> None:
        """Close its input, which ends it, and kill it where that is not enough."""
        assert self.popen.stdin is not None and self.popen.stdout is not None
        with suppress(OSError):
            self.popen.stdin.close()
        try:
            self.popen.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()
        self.errors.close()

    def _line(self, until: float) -> bytes:
        assert self.popen.stdout is not None
        place = self.popen.stdout.fileno()
        while b"\n" not in self.unread:
            if not select.select([place], [], [], max(0.0, until - time.monotonic()))[0]:
                raise ExplorerError(f"The models did not answer within {TIMEOUT_S:.0f} s; try again.")
            read = os.read(place, 1 << 16)
            if not read:
                raise BrokenPipeError
            self.unread += read
        line, self.unread = self.unread.split(b"\n", 1)
        return line


def _write(place: int, content: bytes) -> None:
    while content:
        content = content[os.write(place, content) :]


def _packed(given: str | NDArray[np.uint8]) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": given}
    return {"pixels": base64.b64encode(np.ascontiguousarray(given).tobytes()).decode(), "shape": list(given.shape)}


def _standing(reply: dict[str, Any]) -> Standing | None:
    found = reply["standing"]
    if found is None:
        return None
    tallies = tuple(Tally(one["requests"], one["seconds"]) for one in found["tallies"])
    agreements = tuple(Agreement(one["inputs"], one["same"]) for one in found["agreements"])
    return Standing(found["state"], found["requests"], tallies, agreements)
