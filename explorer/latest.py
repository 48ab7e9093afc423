"""Remembers what was made last, for as long as it is made of the very same things."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Latest(Generic[_T]):
    """The last ``most`` values of one kind, by what they were made of. Do not change what comes back.

    Large collections are told apart by being other objects, which costs nothing where ten thousand rows would have to
    be compared; so nobody may change them either. Any thread may ask.
    """

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._kept: tuple[tuple[tuple[object, ...], Hashable, _T], ...] = ()

    def of(self, objects: tuple[object, ...], values: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make`` gives for these ``objects`` and equal ``values``, made when it is not there."""
        for kept in self._kept:
            if kept[1] == values and _same(kept[0], objects):
                return kept[2]
        made = make()
        self._kept = ((objects, values, made), *self._kept)[: self._most]
        return made


def _same(ones: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(ones) == len(others) and all(one is other for one, other in zip(ones, others, strict=True))
