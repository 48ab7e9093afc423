"""What runs are called in lists to choose from and where some stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from explorer import labels
from explorer.latest import Latest
from explorer.measure.targets import targets
from explorer.seeds import names_of
from explorer.store import RunRow
from explorer.texts import language, t
from explorer.texts.sentences import sentence
from pages.parts import data

_names: Latest[dict[str, str]] = Latest(1)


def namer(rows: Mapping[str, RunRow]) -> Callable[[str], str]:
    """What to call each of ``rows``, by run, in a list to choose from.

    Its label, with the seed where some run differs in nothing else; its model; whether it was measured on a GPU alone;
    and where it comes from.
    """
    known = data.finished()
    names = _names.of((known,), language(), lambda: names_of(known))
    return lambda run: _name(rows[run], names.get(run) or sentence(rows[run].label))


def _name(row: RunRow, label: str) -> str:
    known, named = targets(), row.recipe.get("targets") or ()
    devices = {known[name].device for name in named if name in known}
    words = [label, row.model]
    words += [t("where.gpu")] if devices and "cpu" not in devices else []
    return " · ".join(filter(None, [*words, labels.origin(row)]))


def short_names(rows: list[RunRow]) -> dict[str, str]:
    """By run its label, with the seed or the model where those tell them apart, and its origin."""
    several, names = len({row.model for row in rows}) > 1, names_of(rows)
    return {row.run: labels.shown_name(row, several, label=names[row.run]) for row in rows}
