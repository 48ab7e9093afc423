"""The shapes at which latency is measured: how many inputs at a time, and how long or large they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

    from explorer.models.preprocess import ImagePreprocessor

Shape = tuple[int, int]
"""(batch, tokens of a text or pixels of an image's side); ``REAL`` tokens stand for texts as long as the task's."""

REAL = 0
REAL_BATCHES = 32
BATCHES = (1, 8)
TOKENS = 128
OWN = "own"
MODEL_FILE = "model.onnx"


def shapes_of(
    folder: str | Path,
    batches: Sequence[int] = BATCHES,
    lengths: Sequence[int | str] = (TOKENS,),
    sizes: Sequence[int | str] = (OWN,),
) -> list[Shape]:
    """The grid that fits the artefact, each shape once: of batches and lengths for text, and sizes for images.

    ``lengths`` are tokens, or the word ``real``; more than the model takes becomes as many as it takes. ``sizes`` are
    pixels of an image's side; the model's own size, ``own``, always comes first, because fronts compare at it and
    profiles are made at it.
    """
    from explorer.models.preprocess import ImagePreprocessor, Preprocessor, TextPreprocessor

    preprocessor = Preprocessor.load(Path(folder))
    if isinstance(preprocessor, ImagePreprocessor):
        sides = [preprocessor.height, *(int(size) for size in sizes if size != OWN)]
        return [(batch, side) for side in dict.fromkeys(sides) for batch in batches]
    assert isinstance(preprocessor, TextPreprocessor)
    most = preprocessor.max_length
    tokens = [REAL if length == "real" else min(int(length), most) for length in lengths]
    return [(batch, length) for length in dict.fromkeys(tokens) for batch in batches]


def refused_shapes(folder: str | Path, shapes: Iterable[Shape]) -> dict[Shape, str]:
    """Those shapes that the artefact's file does not take, each with the reason in one sentence.

    Only images can be refused: a file takes texts of any length up to the one that shapes are cut to.
    """
    from explorer.models.preprocess import ImagePreprocessor, Preprocessor

    preprocessor = Preprocessor.load(Path(folder))
    if not isinstance(preprocessor, ImagePreprocessor):
        return {}
    others = [shape for shape in shapes if shape[1] != preprocessor.height]
    reason = _one_size_only(Path(folder), preprocessor) if others else None
    return {} if reason is None else dict.fromkeys(others, reason)


def _one_size_only(folder: Path, preprocessor: ImagePreprocessor) -> str | None:
    import onnx

    graph = onnx.load(folder / MODEL_FILE, load_external_data=False).graph
    if not has_fixed_size(graph):
        return None
    positions = any("position_embeddings" in tensor.name for tensor in graph.initializer)
    why = ", since its position embeddings fit no other size" if positions else ""
    return f"This model file takes images of {preprocessor.height} x {preprocessor.width} pixels only{why}."


def has_fixed_size(graph: onnx.GraphProto) -> bool:
    """Whether height and width of the graph's images [N, channels, height, width] are numbers."""
    return any(dimension.HasField("dim_value") for dimension in graph.input[0].type.tensor_type.shape.dim[2:])


def pick_batches(inputs: Sequence[Any], batch: int, seed: int) -> list[list[Any]]:
    """``REAL_BATCHES`` batches of inputs drawn at random, the same for every contestant."""
    if not len(inputs):
        raise ValueError("expected inputs to draw real lengths from, got none")
    rows = np.random.default_rng(seed).integers(0, len(inputs), (REAL_BATCHES, batch))
    return [[inputs[row] for row in rows_of_batch] for rows_of_batch in rows]
