"""How far work in this process is, on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.context import Report as Tell


class Progress:
    """Progress events as lines on stderr: each text once, with a new figure at most every second."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        text = f"[{event.get('stage')}] {event.get('text')}"
        now = time.monotonic()
        if text == self.text and now - self.at < 1:
            return
        self.text, self.at = text, now
        fraction, left, speed = event.get("fraction"), event.get("seconds_left"), event.get("samples_per_s")
        figures = [
            f"{fraction:.0%}" if fraction is not None else "",
            f"{speed:.0f} samples/s" if speed else "",
            f"{left:.0f} s left" if left else "",
        ]
        print("  ".join([text, *filter(None, figures)]), file=sys.stderr, flush=True)


def tell() -> Tell:
    """Progress on stderr for work that is done in this process."""
    progress = Progress()

    def tell(**said: Any) -> None:
        progress(said)

    return tell
