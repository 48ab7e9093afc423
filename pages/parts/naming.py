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

_names: Latest[dict[str, str]] = Latest(2)


def namer(rows: Mapping[str, RunRow]) -> Callable[[str], str]:
    """What to call each of ``rows``, by run, in a list to choose from.

    Its label, with the seed where some run differs in nothing else; its model; whether it was measured on a GPU alone;
    and where it comes from. The names of all finished runs are made once and shared: a list of 10,000 is offered to
    every reader, and each would hold 5 MB of them.
    """
    known = data.finished()
    names = _names.of((known,), language(), lambda: _all_names(known))
    return lambda run: names.get(run) or _name(rows[run], sentence(rows[run].label))


def _all_names(known: list[RunRow]) -> dict[str, str]:
    labels = names_of(known)
    return {row.run: _name(row, labels[row.run]) for row in known}


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
