"""Many requests on all models in short turns: none has the machine for long, and the faster ones get ahead."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Call = Callable[[], int]
"""One input: answers it and returns the class (-1: no answer)."""

State = Literal["running", "done", "stopped"]

TURN_SECONDS = 0.05
WARM_UP = 5


@dataclass
class Lane:
    """One contestant: its ``calls``, one per input, and what it has answered so far in how many seconds."""

    calls: Sequence[Call]
    requests: int = 0
    seconds: float = 0.0
    classes: list[int] = field(default_factory=list)


class Race:
    """``requests`` on each contestant, one input at a time, going through the inputs again and again.

    ``calls`` are those of the baseline, then of each variant, all on the same inputs in the same order.
    """

    def __init__(
        self, calls: Sequence[Sequence[Call]], requests: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.lanes = [Lane(inputs) for inputs in calls]
        self.requests, self.clock = requests, clock
        self.state: State = "running"
        self.dice = random.Random(requests)
        for inputs in calls:
            for call in inputs[:WARM_UP]:
                call()

    def step(self) -> None:
        """One turn for each that is not through yet, in an order of chance: who follows whom shifts times."""
        for lane in self.dice.sample(self.lanes, len(self.lanes)):
            self._turn(lane)
        if self.state == "running" and all(lane.requests >= self.requests for lane in self.lanes):
            self.state = "done"

    def stop(self) -> None:
        """End it here, unless it is over."""
        if self.state == "running":
            self.state = "stopped"

    def standing(self) -> dict[str, Any]:
        """How it stands, as JSON-ready data, the baseline first.

        ``agreements`` are by variant: how many inputs it and the baseline have seen, and on how many they agree.
        """
        baseline, *variants = self.lanes
        pairs = [list(zip(baseline.classes, one.classes, strict=False)) for one in variants]
        return {
            "state": self.state,
            "requests": self.requests,
            "tallies": [{"requests": lane.requests, "seconds": lane.seconds} for lane in self.lanes],
            "agreements": [
                {"inputs": len(seen), "same": sum(one == other >= 0 for one, other in seen)} for seen in pairs
            ],
        }

    def _turn(self, lane: Lane) -> None:
        start = now = self.clock()
        while lane.requests < self.requests and now - start < TURN_SECONDS:
            answered = lane.calls[lane.requests % len(lane.calls)]()
            lane.requests += 1
            if len(lane.classes) < len(lane.calls):
                lane.classes.append(answered)
            now = self.clock()
        lane.seconds += now - start
