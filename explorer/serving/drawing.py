"""From what somebody drew on a canvas to a digit as the data have them: white on black, scaled, centred."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer.errors import BadInput

CANVAS_PX = 112
"""Side of the grey picture that a canvas gives."""

DIGIT_PX, BOX_PX = 28, 20
FRAME_GREY = 128
FAINT = 24
"""Pixels darker than this are the soft edge of a stroke, not the stroke."""


def from_canvas(text: str) -> NDArray[np.uint8] | None:
    """The pixels of a canvas, uint8 ``[112, 112]``, from base64; None where nothing is drawn.

    Raises ``BadInput`` for anything else.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b"?"
    if len(content) not in (0, CANVAS_PX**2):
        raise BadInput(f"A drawing has {CANVAS_PX} x {CANVAS_PX} grey pixels; draw it again.")
    pixels: NDArray[np.uint8] = np.frombuffer(content, dtype=np.uint8)
    return pixels.reshape(CANVAS_PX, CANVAS_PX) if (pixels > FAINT).any() else None


def digit(drawing: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A drawing ``[H, W]``, white on black, as an image of MNIST: uint8 ``[28, 28]``.

    Fitted into 20 x 20 pixels in its proportions and moved so that its centre of mass is the image's, as in LeCun et
    al., Gradient-based learning applied to document recognition, 1998.
    """
    rows, columns = np.nonzero(drawing > FAINT)
    cut = Image.fromarray(drawing[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    scale = BOX_PX / max(cut.size)
    width, height = (max(1, round(side * scale)) for side in cut.size)
    ink = np.asarray(cut.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)
    top, left = (_offset(ink.sum(axis=1 - axis), DIGIT_PX) for axis in (0, 1))
    image = np.zeros((DIGIT_PX, DIGIT_PX), dtype=np.uint8)
    image[top : top + height, left : left + width] = np.round(ink * 255 / ink.max())
    return image


def framed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image with a grey line around it: a digit that is centred by its mass may reach the edge, as in the data."""
    return np.pad(image, 1, constant_values=FRAME_GREY)


def _offset(profile: NDArray[np.float64], side: int) -> int:
    """Where ``profile`` begins in ``side`` pixels when its centre of mass is to be at their half, as in the data."""
    centre = float((profile * np.arange(len(profile))).sum() / profile.sum())
    return min(max(0, round(side / 2 - centre)), side - len(profile))
