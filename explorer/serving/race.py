"""Many requests on both models in short turns: neither has the machine for long, and the faster one gets ahead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Calls = Mapping[str, Sequence[Callable[[], int]]]
"""By contestant: one call per input, the same inputs in the same order, which returns the class (-1: no answer)."""

State = Literal["running", "done", "stopped"]

TURN_SECONDS = 0.05
WARM_UP = 5


@dataclass
class Tally:
    """Requests answered so far and the seconds that they took."""

    requests: int = 0
    seconds: float = 0.0


class Race:
    """``requests`` on each contestant, one input at a time, going through the inputs again and again."""

    def __init__(self, calls: Calls, requests: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.calls, self.requests, self.clock = calls, requests, clock
        self.state: State = "running"
        self.tallies = {name: Tally() for name in calls}
        self.classes: dict[str, list[int]] = {name: [] for name in calls}
        self.order = list(calls)
        for inputs in calls.values():
            for call in inputs[:WARM_UP]:
                call()

    def step(self) -> None:
        """One turn for each that is not through yet; who begins changes every time."""
        self.order.reverse()
        for name in self.order:
            self._turn(name)
        if self.state == "running" and all(tally.requests >= self.requests for tally in self.tallies.values()):
            self.state = "done"

    def stop(self) -> None:
        """End it here, unless it is over."""
        if self.state == "running":
            self.state = "stopped"

    def standing(self) -> dict[str, Any]:
        """How it stands, as JSON-ready data; ``same`` of ``inputs`` got the same answer from all contestants."""
        pairs = list(zip(*self.classes.values(), strict=False))
        return {
            "state": self.state,
            "requests": self.requests,
            "tallies": {name: {"requests": t.requests, "seconds": t.seconds} for name, t in self.tallies.items()},
            "inputs": len(pairs),
            "same": sum(len(set(classes)) == 1 and min(classes) >= 0 for classes in pairs),
        }

    def _turn(self, name: str) -> None:
        tally, inputs, classes = self.tallies[name], self.calls[name], self.classes[name]
        start = now = self.clock()
        while tally.requests < self.requests and now - start < TURN_SECONDS:
            answered = inputs[tally.requests % len(inputs)]()
            tally.requests += 1
            if len(classes) < len(inputs):
                classes.append(answered)
            now = self.clock()
        tally.seconds += now - start
