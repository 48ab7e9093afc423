"""Models as one meets them before compressing: which there are, what they are in words, how good and fast they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from explorer.anatomy.own import Own
from explorer.errors import ExplorerError
from explorer.labels import with_origin
from explorer.models import ModelCard, hub
from explorer.quantities import QUANTITIES, count, file_size, short_date
from explorer.runlike import remembered
from explorer.store import RunRow
from explorer.tasks.base import SPLITS, Kind
from explorer.technique import ModelKind
from explorer.texts import sentences, t, target_title
from explorer.variants import Variant, length_of

MOST_LABELS = 12
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Subject:
    """One model on its data: a built-in one, or one of somebody's own, which a check or a run was about.

    ``task`` is what results on the same data share, empty where nothing has read the data yet; ``description`` says
    what the model is, empty where nobody said so. ``forgettable`` where it is known by its check alone.
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
    forgettable: bool = False

    @property
    def key(self) -> str:
        """Tells it from the others."""
        return key_of(self.model, self.data)


def key_of(model: str, data: str | None) -> str:
    """What tells a model on its data from the others."""
    return f"{model} {data}" if data else model


def subjects(cards: Mapping[str, ModelCard], rows: Iterable[RunRow], checked: Iterable[Own]) -> dict[str, Subject]:
    """The built-in models by key, then those on one's own data: what was checked, then what runs name, newest first."""
    found = {name: _built_in(card) for name, card in cards.items()}
    checks = {key_of(one.model, one.data): one for one in checked}
    runs = _latest_runs(rows)
    for key in dict.fromkeys([*checks, *runs]):
        subject = _own(checks.get(key), runs.get(key), cards)
        if subject is not None:
            found[key] = subject
    return found


def _latest_runs(rows: Iterable[RunRow]) -> dict[str, RunRow]:
    """By model and own data the newest of one's own runs; one that is finished goes before one that is not."""
    found: dict[str, RunRow] = {}
    for row in reversed(list(rows)):
        data = None if row.recorded else remembered(row, "data", partial(_data, row))
        before = found.get(key_of(row.model, data))
        if data and (before is None or row.finished > before.finished):
            found[key_of(row.model, data)] = row
    return found


def _data(row: RunRow) -> str | None:
    return row.recipe.get("data")


def _own(check: Own | None, row: RunRow | None, cards: Mapping[str, ModelCard]) -> Subject | None:
    """What the later of a check and a finished run says; without either what the model's files say."""
    if check and (row is None or not row.finished or (row.finished_at or "") < check.checked_at):
        return _checked(check, cards, forgettable=row is None)
    if row is None:
        return None
    return _measured(row, cards) if row.finished else _named(row.model, str(_data(row)), cards)


def _built_in(card: ModelCard) -> Subject:
    words = card.title, card.description, card.kind, card.model_kind, card.task, card.labels
    return Subject(card.name, None, *words, card.parameters, card.file_bytes)


def _checked(check: Own, cards: Mapping[str, ModelCard], forgettable: bool) -> Subject:
    words = _title(check.model, str(check.data), cards), check.description, check.kind, check.model_kind, check.task
    size = check.parameters, FLOAT_BYTES * check.parameters
    return Subject(check.model, check.data, *words, check.labels, *size, forgettable)


def _measured(row: RunRow, cards: Mapping[str, ModelCard]) -> Subject:
    result, data, card = row.result or {}, str(_data(row)), cards.get(row.model)
    size = result["baseline_size"]
    return Subject(
        model=row.model,
        data=data,
        title=_title(row.model, data, cards),
        description=card.description if card else "",
        kind=result["kind"],
        model_kind=card.model_kind if card else None,
        task=result["task"],
        labels=tuple(result["labels"]),
        parameters=size["parameters"],
        file_bytes=size["file_bytes"],
    )


def _named(model: str, data: str, cards: Mapping[str, ModelCard]) -> Subject | None:
    """A model that a run names and has not loaded yet; None where its files are not here, or say that it is none."""
    try:
        card = cards.get(model) or (hub.card(model, data) if hub.here(model) else None)
    except (ExplorerError, OSError):
        return None
    if card is None:
        return None
    words = _title(model, data, cards), card.description, card.kind, card.model_kind, "", card.labels
    return Subject(model, data, *words, card.parameters, card.file_bytes)


def _title(model: str, data: str, cards: Mapping[str, ModelCard]) -> str:
    card = cards.get(model)
    name = card.title if card else Path(model).name if Path(model).is_absolute() else model
    return t("models.own.title", model=name, data=Path(data).name)


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


def unmeasured(variants: Iterable[Variant], subject: Subject, targets: Iterable[str]) -> list[str]:
    """Which of these targets no own run on this machine has measured the uncompressed model on."""
    here = [row for row in variants if not (row.recorded or row.reported or row.imported)]
    known = {row.target for row in here if _is_baseline(row, subject)}
    return [target for target in targets if target not in known]


def _is_baseline(row: Variant, subject: Subject) -> bool:
    return row.baseline and row.available and (row.model, row.task) == (subject.model, subject.task)


def baseline_tables(variants: Iterable[Variant], subject: Subject) -> dict[str, list[list[str]]]:
    """What was measured of the uncompressed model: by host and day, as words, a table; own hosts first.

    One row for each target and shape: the target, batch and length, accuracy and latency with their intervals.
    """
    chosen: dict[tuple[object, ...], Variant] = {}
    for row in variants:
        if _is_baseline(row, subject):
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
