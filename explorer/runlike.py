"""What charts, tables and estimates read of a run, and what they remember of it.

There may be ten thousand runs: a result is unpacked when somebody asks for it and soon forgotten; the little that is
wanted of all of them is computed once per run, and goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any, Protocol, TypeVar, cast

_T = TypeVar("_T")


class RunLike(Protocol):
    """One run; ``explorer.store.RunRow`` is one. ``memo`` is for ``remembered`` alone."""

    @property
    def run(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def studies(self) -> tuple[str, ...]: ...
    @property
    def recorded(self) -> bool: ...
    @property
    def imported(self) -> bool: ...
    @property
    def families(self) -> tuple[str, ...]: ...
    @property
    def recipe(self) -> dict[str, Any]: ...
    @property
    def state(self) -> str: ...
    @property
    def finished(self) -> bool: ...
    @property
    def result(self) -> dict[str, Any] | None: ...
    @property
    def memo(self) -> dict[str, Any]: ...


def remembered(run: RunLike, name: str, make: Callable[[], _T]) -> _T:
    """What ``make`` gives for this run under this name, made when it is first asked for: do not change it."""
    memo = run.memo
    if name not in memo:
        made: Any = make()
        memo[name] = intern(made) if isinstance(made, str) else made  # runs of a sweep have most words in common
    return cast(_T, memo[name])
