"""Inputs to try a model with: images kept for its measurements or beside its artefact, texts of somebody's own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput, ExplorerError
from explorer.measure.travel import read_inputs
from explorer.models.preprocess import Arrays, ImagePreprocessor, Preprocessor
from explorer.serving.lineup import Lineup
from explorer.tasks import user_task

MOST, MOST_TEXTS = 10, 4
EXAMPLE_FILE = "example.npy"


@dataclass(frozen=True)
class Example:
    """An image, uint8 ``[H, W]`` or ``[H, W, 3]``, and what it shows where that is known."""

    pixels: NDArray[np.uint8]
    label: str | None = None


def example_images(lineup: Lineup, labels: Sequence[str], most: int = MOST) -> list[Example]:
    """At most ``most`` validation images, one of each class first; without them the one beside the artefact, if any."""
    preprocessor = Preprocessor.load(lineup.variants[0])
    if not isinstance(preprocessor, ImagePreprocessor):
        raise BadInput("This model reads texts, not images.")
    if not lineup.inputs.is_file():
        return _beside(lineup.variants[0] / EXAMPLE_FILE)
    inputs = read_inputs(lineup.inputs)
    images = pixels(inputs.tensors, preprocessor)
    return [Example(images[row], labels[inputs.labels[row]]) for row in _varied(inputs.labels, most)]


def example_texts(data: str, labels: Sequence[str], most: int = MOST_TEXTS) -> list[str]:
    """At most ``most`` validation texts of somebody's own data, one of each class first; none where they are gone."""
    try:
        split = user_task(data, "text", labels).splits["validation"]
    except ExplorerError:
        return []
    return [str(split.inputs[row]) for row in _varied(split.labels, most)]


def pixels(tensors: Arrays, preprocessor: ImagePreprocessor) -> NDArray[np.uint8]:
    """Preprocessed images as they were before: uint8 ``[N, H, W]`` or ``[N, H, W, 3]``."""
    mean, std = np.array(preprocessor.mean), np.array(preprocessor.std)
    values = (tensors["pixel_values"].transpose(0, 2, 3, 1) * std + mean) / preprocessor.rescale
    images: NDArray[np.uint8] = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return images[..., 0] if preprocessor.channels == 1 else images


def enlarged(image: NDArray[np.uint8], side: int = 280) -> NDArray[np.uint8]:
    """A small image so large that a browser shows its pixels as squares."""
    factor = max(1, side // image.shape[0])
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _varied(labels: NDArray[np.int64], most: int) -> list[int]:
    """Positions of one input of each class, then of others, the classes in order."""
    first: dict[int, int] = {}
    for row, label in enumerate(labels.tolist()):
        first.setdefault(label, row)
    chosen = [first[label] for label in sorted(first)]
    return (chosen + [row for row in range(len(labels)) if row not in chosen])[:most]


def _beside(path: Path) -> list[Example]:
    try:
        image = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return []
    return [Example(image)] if image.dtype == np.uint8 and image.ndim in (2, 3) else []
