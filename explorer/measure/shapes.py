"""The shapes at which latency is measured: how many inputs at a time, and how long they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Shape = tuple[int, int]
"""(batch, tokens of a text or pixels of an image's side); ``REAL`` tokens stand for texts as long as the task's."""

REAL = 0
REAL_BATCHES = 32
BATCHES = (1, 8)
TOKENS = 128


def shapes_of(
    folder: str | Path, batches: Sequence[int] = BATCHES, lengths: Sequence[int | str] = (TOKENS,)
) -> list[Shape]:
    """The grid of batches and lengths that fits the artefact, each shape once.

    ``lengths`` are tokens, or the word ``real``; more than the model takes becomes as many as it takes. An image model
    has one size of its own, so lengths do not apply to it.
    """
    from explorer.models.preprocess import ImagePreprocessor, Preprocessor, TextPreprocessor

    preprocessor = Preprocessor.load(Path(folder))
    if isinstance(preprocessor, ImagePreprocessor):
        return [(batch, preprocessor.height) for batch in batches]
    assert isinstance(preprocessor, TextPreprocessor)
    most = preprocessor.max_length
    tokens = [REAL if length == "real" else min(int(length), most) for length in lengths]
    return [(batch, length) for length in dict.fromkeys(tokens) for batch in batches]


def pick_batches(inputs: Sequence[Any], batch: int, seed: int) -> list[list[Any]]:
    """``REAL_BATCHES`` batches of inputs drawn at random, the same for every contestant."""
    if not len(inputs):
        raise ValueError("expected inputs to draw real lengths from, got none")
    rows = np.random.default_rng(seed).integers(0, len(inputs), (REAL_BATCHES, batch))
    return [[inputs[row] for row in rows_of_batch] for rows_of_batch in rows]
