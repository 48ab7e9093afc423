"""A task made of the user's own files: a CSV with ``text,label``, or a folder of images, one sub-folder per class."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput
from explorer.home import local_path
from explorer.tasks.base import Kind, Split, Task, cut_stratified, first_of_each, hash_files, normalise

SHARES = {"test": 0.15, "validation": 0.15, "calibration": 0.10}
SEED = 20_240_603
MINIMUM_ROWS = 40
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})

Fit = Callable[[Any], NDArray[np.uint8]]
"""Turns an opened Pillow image into pixels of the model's size: uint8 ``[H, W]`` or ``[H, W, 3]``."""


def user_task(path: str | Path, kind: Kind, labels: Sequence[str], fit: Fit | None = None) -> Task:
    """The user's data as a task: duplicates dropped, then split 60/10/15/15 by a fixed seed.

    ``labels`` are the model's, in its order; a class in the data is one of them or its number from 0.
    ``fit`` brings an image to the model's size (the default makes RGB of 224 x 224).
    Raises ``BadInput``: missing or unreadable file, missing columns, too little data, labels the model lacks.
    """
    path = local_path(path)
    _check_exists(path, kind)
    everything = _read_csv(path, labels) if kind == "text" else _read_images(path, labels, fit or _fit_rgb)
    if len(everything) < MINIMUM_ROWS:
        what = "texts" if kind == "text" else "images"
        raise BadInput(f"'{path}' holds {len(everything)} different {what}; at least {MINIMUM_ROWS} are needed.")
    if len(np.unique(everything.labels)) < 2:
        only = labels[int(everything.labels[0])]
        raise BadInput(f"'{path}' holds the class '{only}' only; at least two classes are needed.")
    sizes = {name: round(share * len(everything)) for name, share in SHARES.items()}
    return Task(path.stem, kind, tuple(labels), cut_stratified(everything, sizes, SEED), digest(path), own=True)


def check_data(path: str | Path, kind: Kind | None) -> None:
    """Look at the file's first line or the folder's first image only; raises ``BadInput`` for what they lack.

    ``kind`` is None where the model is not known yet.
    """
    path = local_path(path)
    _check_exists(path, kind)
    if path.is_file():
        with _opened(path) as reader:
            _columns(reader, path)
    elif not any(file.suffix.casefold() in IMAGE_SUFFIXES for file in path.glob("*/*")):
        raise BadInput(_no_images(path))


def digest(path: str | Path) -> str:
    """Names the data and the way they are split; raises ``BadInput`` when there are none."""
    path = local_path(path)
    _check_exists(path, None)
    files = [path] if path.is_file() else [file for _, file in _images(path)]
    return hash_files(files, salt=f"user {SEED} {SHARES}")


def _check_exists(path: Path, kind: Kind | None) -> None:
    expected = {"text": "a CSV file with the columns text and label", "image": "a folder with one sub-folder per class"}
    if not path.exists():
        wanted = expected[kind] if kind else f"{expected['text']}, or {expected['image']}"
        raise BadInput(f"There is no '{path}'; expected is {wanted}.")
    if (kind == "text" and path.is_dir()) or (kind == "image" and path.is_file()):
        found = "a folder" if path.is_dir() else "a file"
        raise BadInput(f"'{path}' is {found}, but this model takes {kind}; expected is {expected[kind]}.")


def _read_csv(path: Path, labels: Sequence[str]) -> Split:
    rows = _rows(path)
    texts = [" ".join(text.split()) for text, _ in rows]
    numbers = _label_numbers([label for _, label in rows], labels, path)
    everything = Split(texts, numbers)
    return everything.take(first_of_each(normalise(text) for text in texts))


def _rows(path: Path) -> list[tuple[str, str]]:
    with _opened(path) as reader:
        reader.fieldnames = _columns(reader, path)
        rows = [(row["text"] or "", row["label"] or "") for row in reader]
    return [(text, label.strip()) for text, label in rows if text.strip() and label.strip()]


@contextmanager
def _opened(path: Path) -> Iterator[csv.DictReader[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield csv.DictReader(file, strict=True)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"'{path}' cannot be read as a CSV file in UTF-8 ({error}).") from None


def _columns(reader: csv.DictReader[str], path: Path) -> list[str]:
    columns = [name.strip().casefold() for name in reader.fieldnames or ()]
    if {"text", "label"} - set(columns):
        found = ", ".join(reader.fieldnames or ()) or "none"
        raise BadInput(f"'{path}' must have the columns text and label in its first line; found: {found}.")
    return columns


def _label_numbers(given: Sequence[str], labels: Sequence[str], path: Path) -> NDArray[np.int64]:
    numbers = {label.casefold(): number for number, label in enumerate(labels)}
    if not any(label.isdecimal() for label in labels):
        numbers |= {str(number): number for number in range(len(labels))}
    unknown = list(dict.fromkeys(label for label in given if label.casefold() not in numbers))
    if unknown:
        raise BadInput(
            f"'{path}' has the label '{unknown[0]}'{_more(len(unknown) - 1)}, which the model does not know; "
            f"its labels are {_listing(labels)}, or their numbers from 0."
        )
    return np.array([numbers[label.casefold()] for label in given], dtype=np.int64)


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""


def _listing(labels: Sequence[str]) -> str:
    return ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")


def _images(folder: Path) -> list[tuple[str, Path]]:
    """(class, file) of every image, in the order of their names."""
    files = sorted(file for file in folder.glob("*/*") if file.suffix.casefold() in IMAGE_SUFFIXES)
    return [(file.parent.name, file) for file in files]


def _read_images(folder: Path, labels: Sequence[str], fit: Fit) -> Split:
    found = _images(folder)
    if not found:
        raise BadInput(_no_images(folder))
    numbers = _label_numbers([name for name, _ in found], labels, folder)
    images = np.stack([_open(file, fit) for _, file in found])
    everything = Split(images, numbers)
    return everything.take(first_of_each(image.tobytes() for image in images))


def _no_images(folder: Path) -> str:
    return f"'{folder}' holds no images; expected is one sub-folder per class with image files in it."


def _open(file: Path, fit: Fit) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return fit(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BadInput(f"'{file}' cannot be read as an image; mend it or take it out of the folder.") from None


def _fit_rgb(image: Any) -> NDArray[np.uint8]:
    return np.asarray(image.convert("RGB").resize((224, 224)), dtype=np.uint8)
