"""What the process does with one request: answer an input, start a race, tell how it stands, stop it."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput, Cancelled, ExplorerError
from explorer.home import home
from explorer.measure.lock import training_slot
from explorer.measure.travel import read_inputs
from explorer.serving.contestant import Contestant, Given, answer_all
from explorer.serving.lineup import Lineup
from explorer.serving.race import Call, Race

PATIENCE_S = 2.0
"""How long a request waits for a measurement to end before it says that there is one."""

UNWATCHED_S = 15.0
"""A race that nobody asks about for so long has no spectators."""

LONGEST_RACE_S = 180.0
MOST_REQUESTS = 100_000


class Server:
    """The contestants on one target and at most one race; raises ``ExplorerError`` where a model cannot be loaded."""

    def __init__(self, lineup: Lineup, target: str, threads: int) -> None:
        self.inputs = lineup.inputs
        several = len(lineup.variants) > 1
        names = [f"variant {number}" if several else "variant" for number in range(1, len(lineup.variants) + 1)]
        self.contestants = [
            Contestant(name, folder, target, threads)
            for name, folder in zip(["baseline", *names], lineup.folders, strict=True)
        ]
        self.race: Race | None = None
        self.race_name = ""
        self.slot = ExitStack()
        self.heard_s = self.race_began_s = 0.0

    @property
    def racing(self) -> bool:
        return self.race is not None and self.race.state == "running"

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request; a mistake is its one sentence."""
        self.heard_s = time.monotonic()
        try:
            match request.get("do"):
                case "answer":
                    return self._answer(request)
                case "race":
                    return self._start_race(int(request["requests"]))
                case "standing":
                    return self._standing(request.get("race"))
                case "stop":
                    self._end_race(request.get("race"))
                    return self._standing(request.get("race"))
            raise BadInput(f"There is no request '{request.get('do')}'; known are answer, race, standing and stop.")
        except ExplorerError as error:
            return {"error": str(error)}

    def advance(self) -> None:
        """A short part of the race; one that takes too long or that nobody watches ends here."""
        if self.race is None:
            return
        now = time.monotonic()
        if now - self.heard_s > UNWATCHED_S or now - self.race_began_s > LONGEST_RACE_S:
            self.race.stop()
        else:
            self.race.step()
        if not self.racing:
            self.slot.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        given = _given(request)
        if self.racing:  # which keeps measurements out already
            return {"answers": answer_all(self.contestants, given)}
        with beside_no_measurement():
            return {"answers": answer_all(self.contestants, given)}

    def _start_race(self, requests: int) -> dict[str, Any]:
        """Begin a race, or join the one that is on."""
        if not self.racing:
            if not 0 < requests <= MOST_REQUESTS:
                raise BadInput(f"A race takes 1 to {MOST_REQUESTS:,} requests; given were {requests:,}.")
            self.slot.enter_context(beside_no_measurement())
            try:
                self.race = Race(self._calls(), requests)
            except BaseException:
                self.slot.close()
                raise
            self.race_name, self.race_began_s = uuid.uuid4().hex, time.monotonic()
        return {"race": self.race_name}

    def _calls(self) -> list[list[Call]]:
        if not self.inputs.is_file():
            raise BadInput("This run kept no inputs to race with; run its recipe again.")
        inputs, maker = read_inputs(self.inputs), self.contestants[1]
        return [[partial(one.answered, feed) for feed in one.feeds(inputs, maker)] for one in self.contestants]

    def _standing(self, race: object) -> dict[str, Any]:
        known = self.race is not None and race == self.race_name
        return {"standing": self.race.standing() if self.race and known else None}

    def _end_race(self, race: object) -> None:
        if self.race is not None and race == self.race_name:
            self.race.stop()
            self.slot.close()


@contextmanager
def beside_no_measurement() -> Iterator[None]:
    """Compute while nothing is measured, and keep measurements waiting meanwhile; raises ``ExplorerError`` if one runs.

    Two at once would falsify both.
    """
    until = time.monotonic() + PATIENCE_S
    with ExitStack() as held:
        try:
            held.enter_context(training_slot(home(), lambda text: None, lambda: time.monotonic() > until))
        except Cancelled:
            raise ExplorerError(
                "A latency is being measured, which other calculations would falsify; try again when it is done."
            ) from None
        yield


def _given(request: dict[str, Any]) -> Given:
    if isinstance(request.get("text"), str):
        return str(request["text"])
    try:
        pixels: NDArray[np.uint8] = np.frombuffer(base64.b64decode(request["pixels"]), dtype=np.uint8)
        return pixels.reshape(request["shape"])
    except (KeyError, TypeError, ValueError):
        raise BadInput("Expected is a text, or the pixels of an image with their shape.") from None
