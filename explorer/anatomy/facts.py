"""Models as one meets them before compressing: which there are, what they are in words, how good and fast they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from explorer.labels import with_origin
from explorer.models import ModelCard
from explorer.quantities import QUANTITIES, count, file_size, short_date
from explorer.runlike import remembered
from explorer.store import RunRow
from explorer.tasks.base import SPLITS, Kind
from explorer.technique import ModelKind
from explorer.texts import sentences, t, target_title
from explorer.variants import Variant, length_of

MOST_LABELS = 12


@dataclass(frozen=True)
class Subject:
    """One model on its data: a built-in one (``built_in``), or one that a finished run was about.

    ``task`` is what results on the same data share; ``description`` says what it is, empty where nobody said so.
    """

    model: str
    data: str | None
    title: str
    description: str
    kind: Kind
    model_kind: ModelKind | None
    task: str
    labels: tuple[str, ...]
    parameters: int
    file_bytes: int
    built_in: bool


def subjects(cards: Mapping[str, ModelCard], rows: Iterable[RunRow]) -> dict[str, Subject]:
    """The built-in models, then those of one's own finished runs on one's own data, the newest first."""
    found = {name: _built_in(card) for name, card in cards.items()}
    for row in reversed(list(rows)):
        data = row.recipe.get("data")
        if row.finished and not row.recorded and data and f"{row.model} {data}" not in found:
            found[f"{row.model} {data}"] = _own(row, data, cards)
    return found


def _built_in(card: ModelCard) -> Subject:
    words = card.title, card.description, card.kind, card.model_kind, card.task, card.labels
    return Subject(card.name, None, *words, card.parameters, card.file_bytes, built_in=True)


def _own(row: RunRow, data: str, cards: Mapping[str, ModelCard]) -> Subject:
    result = row.result or {}
    card, size = cards.get(row.model), result["baseline_size"]
    name = card.title if card else Path(row.model).name if Path(row.model).is_absolute() else row.model
    return Subject(
        model=row.model,
        data=data,
        title=t("models.own.title", model=name, data=Path(data).name),
        description=card.description if card else "",
        kind=result["kind"],
        model_kind=card.model_kind if card else None,
        task=result["task"],
        labels=tuple(result["labels"]),
        parameters=size["parameters"],
        file_bytes=size["file_bytes"],
        built_in=False,
    )


def sentence(subject: Subject) -> str:
    """What the model is: its parameters, its size and its classes."""
    labels = ", ".join(subject.labels[:MOST_LABELS]) + (" …" if len(subject.labels) > MOST_LABELS else "")
    return t(
        "models.sentence",
        kind=t(f"models.kind.{(subject.model_kind or subject.kind).replace(' ', '_')}"),
        parameters=count(subject.parameters),
        size=file_size(subject.file_bytes),
        classes=len(subject.labels),
        labels=labels,
    )


def split_sizes(task: str) -> dict[str, int]:
    """How many inputs each split of a built-in task has; loads it. Raises ``ExplorerError`` where it is not here."""
    from explorer.tasks import load_task

    return {name: len(split) for name, split in load_task(task).splits.items()}


def split_words(task: str, sizes: Mapping[str, int]) -> str:
    """The data and their splits in a sentence."""
    return t("models.splits", task=task, **{name: f"{sizes[name]:,}" for name in SPLITS})


def own_split_words(data: str) -> str:
    """How one's own data are split, which takes no reading of them."""
    from explorer.tasks.user import SHARES

    shares = {"train": 1 - sum(SHARES.values()), **SHARES}
    return t("models.splits.own", data=Path(data).name, **{name: f"{100 * shares[name]:.0f}" for name in SPLITS})


def profiled(rows: Iterable[RunRow], subject: Subject) -> RunRow | None:
    """The run whose profile tells the times of the model's layers: the newest of one's own, else a recorded one."""
    found = [row for row in rows if _is_of(row, subject) and remembered(row, "profiled", partial(_has_profile, row))]
    return max(found, key=lambda row: (not row.recorded, row.order, row.run), default=None)


def _is_of(row: RunRow, subject: Subject) -> bool:
    return row.model == subject.model and remembered(row, "task", partial(_task, row)) == subject.task


def _task(row: RunRow) -> str | None:
    return (row.result or {}).get("task")


def _has_profile(row: RunRow) -> bool:
    return bool((row.result or {}).get("profile"))


def baseline_tables(variants: Iterable[Variant], subject: Subject) -> dict[str, list[list[str]]]:
    """What was measured of the uncompressed model: by host and day, as words, a table; own hosts first.

    One row for each target and shape: the target, batch and length, accuracy and latency with their intervals.
    """
    chosen: dict[tuple[object, ...], Variant] = {}
    for row in variants:
        if row.baseline and row.available and (row.model, row.task) == (subject.model, subject.task):
            place = row.recorded, row.reported, row.host, row.target, row.batch, length_of(row)
            before = chosen.get(place)
            if before is None or (not row.derived, row.date) > (not before.derived, before.date):
                chosen[place] = row
    groups: dict[str, list[list[str]]] = {}
    for row in sorted(chosen.values(), key=lambda row: (row.recorded, row.reported, row.host)):
        groups.setdefault(_group(row), []).append(_line(row))
    return groups


def _group(row: Variant) -> str:
    """Where and when it was measured."""
    return f"{with_origin(sentences.sentence(row.host), row)} · {short_date(row.date)}"


def _line(row: Variant) -> list[str]:
    shape = "elsewhere.shape.real" if row.lengths == "real" else "elsewhere.shape"
    latency = QUANTITIES["latency"].write(row)
    return [
        target_title(row.target),
        t(shape, batch=row.batch, length=row.sequence),
        QUANTITIES["accuracy"].write(row),
        f"{latency} ({t('elsewhere.noisy')})" if row.noisy else latency,
    ]
