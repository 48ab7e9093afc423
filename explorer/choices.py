"""What rows offer to choose among, looked up once: there may be a hundred thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explorer.latest import Latest
from explorer.variants import Variant, length_of


@dataclass(frozen=True)
class Choices:
    """Everything that occurs among rows, each once: ``targets`` with a measurement, ``lengths`` of measured texts."""

    models: tuple[str, ...]
    families: frozenset[str]
    targets: frozenset[str]
    batches: tuple[int, ...]
    lengths: tuple[str, ...]
    studies: tuple[str, ...]


_latest: Latest[Choices] = Latest()


def choices(rows: Sequence[Variant]) -> Choices:
    """What there is among ``rows``, which nobody may change; models and studies in their order, the rest sorted."""
    return _latest.of((rows,), None, lambda: _choices(rows))


def _choices(rows: Sequence[Variant]) -> Choices:
    lengths = {length_of(row) for row in rows if row.kind == "text" and row.available and row.p50_ms is not None}
    return Choices(
        models=tuple(dict.fromkeys(row.model for row in rows)),
        families=frozenset(name for row in rows for name in (row.family, *row.families)),
        targets=frozenset(row.target for row in rows if row.available),
        batches=tuple(sorted({row.batch for row in rows})),
        lengths=tuple(sorted(lengths, key=lambda one: (not one.isdigit(), int(one) if one.isdigit() else 0))),
        studies=tuple(dict.fromkeys(study for row in rows for study in row.studies)),
    )
