"""One model that answers in the process: its session, its preprocessing, and how long a call took."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import ExplorerError, Unavailable
from explorer.measure.runners import open_runner
from explorer.measure.targets import targets
from explorer.measure.travel import Travelling
from explorer.models.preprocess import Arrays, Preprocessor, TextPreprocessor

MOST_CALLS, LEAST_CALLS = 15, 3
MOST_SECONDS = 0.6
NO_ANSWER = -1

Given = str | NDArray[np.uint8]
"""A text, or an image ``[H, W]`` or ``[H, W, 3]``."""


class Contestant:
    """A model with its own preprocessing, loaded for one target; raises ``ExplorerError`` where it cannot load."""

    def __init__(self, name: str, folder: Path, target: str, threads: int) -> None:
        self.name, self.target, self.preprocessor = name, target, Preprocessor.load(folder)
        try:
            self.runner = open_runner(folder, target, threads)
        except Unavailable as error:
            raise self._refused(error) from None
        except Exception as error:  # every runtime has errors of its own for every part of a file
            words = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
            raise ExplorerError(
                f"The {name}'s file cannot be loaded on {_title(target)} ({words}); "
                "choose another runtime, or run the recipe again to make it anew."
            ) from None

    def logits(self, feed: Arrays) -> NDArray[np.float32]:
        """Of one input: float32 ``[classes]``."""
        try:
            row: NDArray[np.float32] = self.runner(feed)[0]
        except Unavailable as error:  # some runtimes find out at the first call only
            raise self._refused(error) from None
        return row

    def _refused(self, error: Unavailable) -> ExplorerError:
        reason = str(error).rstrip(".")
        return ExplorerError(f"The {self.name} cannot run on {_title(self.target)}: {reason}; choose another runtime.")

    def answered(self, feed: Arrays) -> int:
        """The class of one input; -1 where the answer is not a number."""
        row = self.logits(feed)
        return int(row.argmax()) if np.isfinite(row).all() else NO_ANSWER

    def timed_ms(self, feed: Arrays) -> float:
        """Milliseconds of one call."""
        start = time.perf_counter()
        self.logits(feed)
        return 1000 * (time.perf_counter() - start)

    def feeds(self, inputs: Travelling, maker: Contestant) -> list[Arrays]:
        """Each of the inputs, preprocessed for ``maker``, as this model takes it."""
        rows = [inputs.alone(row) for row in range(len(inputs))]
        missing = set(self.preprocessor.input_names) - set(inputs.tensors)
        if missing:
            raise ExplorerError(f"The inputs kept with this run lack '{min(missing)}', which the {self.name} needs.")
        table = _renumbering(maker.preprocessor, self.preprocessor)
        return rows if table is None else [{**row, "input_ids": table[row["input_ids"]]} for row in rows]


def answer_all(contestants: list[Contestant], given: Given) -> list[dict[str, Any]]:
    """What each contestant says to one input, and the milliseconds of its call: the median of some, taken in turn.

    Who follows whom is left to chance in every round.
    """
    batch = [given] if isinstance(given, str) else given[None]
    feeds = [one.preprocessor.encode(batch) for one in contestants]
    said = [probabilities(one.logits(feed)) for one, feed in zip(contestants, feeds, strict=True)]  # warms up as well
    times: list[list[float]] = [[] for _ in contestants]
    places, end = list(range(len(contestants))), time.perf_counter() + MOST_SECONDS
    for count in range(MOST_CALLS):
        if count >= LEAST_CALLS and time.perf_counter() > end:
            break
        random.shuffle(places)
        for place in places:
            times[place].append(contestants[place].timed_ms(feeds[place]))
    return [
        {"probabilities": shares, "ms": statistics.median(taken), "calls": len(taken)}
        for shares, taken in zip(said, times, strict=True)
    ]


def probabilities(logits: NDArray[np.float32]) -> list[float]:
    """Softmax of ``[classes]``; empty where a logit is not a number."""
    if not np.isfinite(logits).all():
        return []
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return [float(share) for share in weights / weights.sum()]


def _title(target: str) -> str:
    return targets()[target].title


def _renumbering(given: Preprocessor, wanted: Preprocessor) -> NDArray[np.int64] | None:
    """By token of one tokenizer its number in the other; None where they number alike.

    A trimmed vocabulary numbers the tokens that it kept anew.
    """
    if not isinstance(given, TextPreprocessor) or not isinstance(wanted, TextPreprocessor):
        return None
    numbers, known = given.tokenizer.get_vocab(), wanted.tokenizer.get_vocab()
    if all(known.get(token) == number for token, number in numbers.items()):
        return None
    strange = next((token for token in numbers if token not in known), None)
    if strange is not None:
        raise ExplorerError("The models read texts by different tokenizers; their inputs cannot be raced.")
    table = np.zeros(max(numbers.values()) + 1, dtype=np.int64)
    table[list(numbers.values())] = [known[token] for token in numbers]
    return table
