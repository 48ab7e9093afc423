"""The answers behind an accuracy: confusion matrices, scores by class, and the inputs whose answer changed sides.

Read from results and, for the inputs themselves, from the task's data; nothing here computes an answer.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput
from explorer.measure import metrics, perturb
from explorer.tasks.base import Inputs, Split
from explorer.variants import SPLIT

MOST_OWN_IMAGES = 1000
"""A folder of more images is not read to show a few of them: that takes minutes and gigabytes."""


@dataclass(frozen=True, order=True)
class Choice:
    """Where answers were given, and what was done to the inputs before."""

    target: str
    condition: str


@dataclass(frozen=True)
class ClassRow:
    """One class's F1, precision and recall, fractions."""

    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class FlippedInput:
    """An input whose answer changed sides; classes in words (``None``: no answer), ``gained`` when it is right now."""

    index: int
    label: str
    baseline: str | None
    variant: str | None
    gained: bool


def choices(results: Iterable[dict[str, Any]]) -> list[Choice]:
    """All places and conditions under which one of the results has its answers, undisturbed inputs first."""
    found = {_choice(entry): None for result in results for entry in _kept(result)}
    return sorted(found, key=lambda choice: choice.condition != "clean")


def entry_of(result: dict[str, Any], choice: Choice) -> dict[str, Any] | None:
    """The validation accuracy with its answers at ``choice``, or None where they were not kept."""
    return next((entry for entry in _kept(result) if _choice(entry) == choice), None)


def _kept(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in result.get("accuracy", ()) if entry["split"] == SPLIT and entry.get("per_class")]


def _choice(entry: dict[str, Any]) -> Choice:
    return Choice(entry["target"], entry.get("condition", "clean"))


def class_rows(entry: dict[str, Any]) -> dict[str, ClassRow]:
    """The variant's scores by class."""
    return {score["label"]: ClassRow(score["f1"], score["precision"], score["recall"]) for score in entry["per_class"]}


def baseline_class_rows(entry: dict[str, Any], labels: Sequence[str]) -> dict[str, ClassRow]:
    """The baseline's scores by class, from its confusion matrix; empty where that was not kept."""
    if entry.get("baseline_confusion") is None:
        return {}
    support = supports(entry)
    confusion = np.array(entry["baseline_confusion"], dtype=np.int64)
    found = metrics.class_scores(confusion, np.array([support.get(label, 0) for label in labels]))
    table = zip(labels, found.f1.tolist(), found.precision.tolist(), found.recall.tolist(), strict=True)
    occurring = {*support, *(label for label, column in zip(labels, confusion.T, strict=True) if column.any())}
    return {label: ClassRow(f1, precision, recall) for label, f1, precision, recall in table if label in occurring}


def supports(entry: dict[str, Any]) -> dict[str, int]:
    """By class the number of its inputs."""
    return {score["label"]: score["support"] for score in entry["per_class"]}


def baseline_macro_f1(entry: dict[str, Any], labels: Sequence[str]) -> float | None:
    """The baseline's macro F1 on the same inputs; None where its answers were not kept."""
    rows = baseline_class_rows(entry, labels)
    return sum(row.f1 for row in rows.values()) / len(rows) if rows else None


def flipped_inputs(entry: dict[str, Any], labels: Sequence[str]) -> list[FlippedInput]:
    """The inputs that changed sides, in words and in order; at most as many as were kept."""

    def name(number: int) -> str | None:
        return None if number < 0 else labels[number] if number < len(labels) else str(number)

    return [
        FlippedInput(
            flip["index"],
            name(flip["label"]) or "",
            name(flip["baseline"]),
            name(flip["variant"]),
            flip["variant"] == flip["label"],
        )
        for flip in entry.get("flipped", ())
    ]


def shown_inputs(split: Split, entry: dict[str, Any]) -> Inputs:
    """The flipped inputs of ``entry`` as the model got them, typing errors or noise included.

    Raises ``BadInput`` when ``split`` is not the one that was measured.
    """
    places = np.array([flip["index"] for flip in entry["flipped"]], dtype=np.int64)
    expected = [flip["label"] for flip in entry["flipped"]]
    same = len(split) == entry["samples"] and split.labels[places].tolist() == expected
    if not same:
        raise BadInput("The data are not those of this run any more; run it again to see its inputs.")
    inputs = split.take(places).inputs
    return inputs if entry.get("condition", "clean") == "clean" else perturb.perturbed(inputs)


def measured_split(result: dict[str, Any], folder: Path | None) -> Split:
    """The validation split that a result was measured on; ``folder`` is the run's, None for a recorded one.

    Reads the data and takes up to a few seconds. Raises ``ExplorerError`` where they are gone or too many.
    """
    from explorer.tasks import load_task

    data = result["recipe"].get("data")
    if data is None:
        return load_task(result["task"]).splits[SPLIT]
    if folder is None:
        raise BadInput("The data of a recorded run are not on this machine.")
    return _own_split(result, folder)


def _own_split(result: dict[str, Any], folder: Path) -> Split:
    from explorer.artefacts import recipe_of
    from explorer.models.preprocess import ImagePreprocessor, Preprocessor
    from explorer.tasks import user_task

    data = Path(str(recipe_of(folder).data))
    if result["kind"] == "text":
        return user_task(data, "text", result["labels"]).splits[SPLIT]
    count = sum(1 for _ in data.glob("*/*"))
    if count > MOST_OWN_IMAGES:
        raise BadInput(f"'{data}' holds {count:,} images; they are shown for folders of at most {MOST_OWN_IMAGES:,}.")
    preprocessor = Preprocessor.load(folder / "artefact")
    fit = preprocessor.fit if isinstance(preprocessor, ImagePreprocessor) else None
    return user_task(data, "image", result["labels"], fit).splits[SPLIT]


def thumbnail(image: NDArray[np.uint8], side: int = 96) -> str:
    """An image (uint8 ``[H, W]`` or ``[H, W, 3]``) as a PNG data URL, at most ``side`` pixels wide and high."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
