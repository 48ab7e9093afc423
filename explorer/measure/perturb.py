"""Disturbed inputs, always the same: typing errors in texts, noise on the pixels of images.

What happens to an input depends on the seed and the input alone, not on its place or its company.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from explorer.tasks.base import Inputs, Kind

CONDITIONS: dict[Kind, str] = {"text": "typos", "image": "noise"}
"""What an ``Accuracy`` on disturbed inputs says about them."""

SEED = 0
"""The one used for every figure, so that they can be compared."""

LETTERS_PER_ERROR = 15
NOISE_STD = 0.18 * 255
"""Standard deviation on pixels from 0 to 255."""

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_OFFSETS = (0.0, 0.25, 0.75)
_T = TypeVar("_T")


def perturbed(inputs: Inputs, seed: int = SEED) -> Inputs:
    """Copies of the texts with typing errors, or of the images (uint8 ``[N, H, W(, 3)]``) with noise.

    Every text that has letters gets at least one error, and one for about every 15 letters: two neighbours swapped, or
    a letter dropped, doubled, or replaced by one beside it on a QWERTY keyboard. These are the errors of Pruthi et al.
    (arXiv:1905.11268), with a doubled letter for their added one; the replaced letter is the ``Key`` noise of Belinkov
    and Bisk (arXiv:1711.02173). The noise is Gaussian with standard deviation 0.18 x 255, clipped to 0..255: severity
    3 of 5 of Hendrycks and Dietterich's Gaussian noise (arXiv:1903.12261).
    """
    if isinstance(inputs, np.ndarray):
        return with_noise(inputs, seed)
    return [with_typos(text, seed) for text in inputs]


def with_noise(images: NDArray[np.uint8], seed: int, std: float = NOISE_STD) -> NDArray[np.uint8]:
    """Gaussian noise on each pixel and channel, rounded and clipped to 0..255."""
    noisy = np.empty_like(images)
    for place, image in enumerate(images):
        draw = np.random.default_rng([seed, zlib.crc32(image.tobytes())])
        noisy[place] = np.clip(np.rint(image + draw.normal(0, std, image.shape)), 0, 255)
    return noisy


def with_typos(text: str, seed: int) -> str:
    """The text with typing errors; one without letters comes back as it is."""
    # seeded by a text, Python's generator is the same on every machine and in every version
    dice = random.Random(f"{seed} {text}")
    letters = [place for place, sign in enumerate(text) if sign.isalpha()]
    changed = text
    while letters and changed == text:  # two errors can cancel in a run of one letter
        changed = _with_errors(text, letters, dice)
    return changed


def _with_errors(text: str, letters: list[int], dice: random.Random) -> str:
    """One error in each stretch of about 15 letters, from the last to the first, so that places keep their meaning."""
    signs = list(text)
    errors = max(1, round(len(letters) / LETTERS_PER_ERROR))
    for stretch in reversed(range(errors)):
        start, end = (len(letters) * edge // errors for edge in (stretch, stretch + 1))
        # never the last letter of a stretch where there are others: a swap there would reach into the next one
        _mistype(signs, letters[start + _below(max(1, end - start - 1), dice)], len(letters) == 1, dice)
    return "".join(signs)


def _mistype(signs: list[str], place: int, only_letter: bool, dice: random.Random) -> None:
    """Make one error at ``place``, of a kind that is possible there and changes the text."""
    letter = signs[place]
    beside = signs[place + 1] if place + 1 < len(signs) else ""
    near = NEIGHBOURS.get(letter.lower(), "")
    kinds = ["double"] + ["drop"] * (not only_letter) + ["replace"] * bool(near)
    kinds += ["swap"] * (beside.isalpha() and beside != letter)
    kind = _one_of(kinds, dice)
    if kind == "swap":
        signs[place], signs[place + 1] = beside, letter
    elif kind == "replace":
        other = _one_of(near, dice)
        signs[place] = other.upper() if letter.isupper() else other
    else:
        signs[place] = "" if kind == "drop" else letter * 2


def _one_of(options: Sequence[_T], dice: random.Random) -> _T:
    return options[_below(len(options), dice)]


def _below(count: int, dice: random.Random) -> int:
    # random() is the one method whose series Python promises never to change
    return int(dice.random() * count)


def _neighbours() -> dict[str, str]:
    """Each key's letters that touch it: keys are one wide, and each row of keys stands a little to the right."""
    places = {
        letter: (column + offset, row)
        for row, (letters, offset) in enumerate(zip(ROWS, _OFFSETS, strict=True))
        for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other for other, (x2, y2) in places.items() if other != letter and abs(x - x2) <= 1 and abs(y - y2) <= 1
        )
        for letter, (x, y) in places.items()
    }


NEIGHBOURS = _neighbours()
"""By lower-case letter the letters beside it on a QWERTY keyboard."""
