"""Where words stand beside marks, so that they cover neither each other nor a mark; what finds no place is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

LETTER_PX, WIDE_PX, LINE_PX = 6.4, 12.5, 16.0
GAP_PX, NEAR_PX = 3.0, 60.0
MOST_LABELS = 8
LINE_BOX_PX = 5.0
LED_PX = (24.0, 44.0, 66.0)
"""How far from the middle of their mark words stand that a line leads to."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels, upwards from the lower left corner of the plotting area."""


@dataclass(frozen=True)
class Area:
    """Sides of a plotting area in pixels, of letters as large as on the pages."""

    width: float
    height: float


LAPTOP = Area(480, 260)
"""As a column of a laptop's window shows it; a wider one only moves things apart."""


@dataclass(frozen=True)
class Spot:
    """A mark as a circle: ``x`` and ``y`` as fractions of the plotting area's sides, ``radius`` in pixels."""

    x: float
    y: float
    radius: float

    def box(self, area: Area) -> Box:
        x, y = self.x * area.width, self.y * area.height
        return x - self.radius, y - self.radius, x + self.radius, y + self.radius


@dataclass(frozen=True)
class Wish:
    """Words, as lines, that should stand beside a mark; ``urgent`` ones cover marks rather than be left out.

    Where there is no room, or where other marks touch this one, a line leads to those that may be ``led``.
    """

    spot: Spot
    lines: tuple[str, ...]
    urgent: bool = False
    led: bool = False


@dataclass(frozen=True)
class Place:
    """Where words stand: on which side of their mark (-1, 0 or 1 across and up), and the box they fill.

    ``away`` pixels in both directions lie between the middle of the mark and the words; over them leads a line, which
    fills the boxes ``line``, unless the words stand beside the mark.
    """

    across: int
    up: int
    away: float
    box: Box
    line: tuple[Box, ...] = ()

    @property
    def side(self) -> tuple[int, int, float]:
        """What tells it from the other places beside its mark."""
        return self.across, self.up, self.away


def width_px(words: str) -> float:
    """About how many pixels words of 12 pixels take at most; Chinese letters are wide."""
    return sum(LETTER_PX if letter < "\u2e80" else WIDE_PX for letter in words)


def place_labels(wishes: Sequence[Wish], marks: Sequence[Spot], area: Area = LAPTOP) -> list[Place | None]:
    """One place for each wish, the first wishes first; None where there is no room for it, or where it would only
    repeat the same words of a mark nearby.
    """
    places: list[Place | None] = []
    for wish in wishes:
        given = [(other, place) for other, place in zip(wishes, places, strict=False) if place is not None]
        said = any(other.lines == wish.lines and _near(other.spot, wish.spot, area) for other, _ in given)
        full = len(given) >= MOST_LABELS or said
        taken = [box for _, place in given for box in (place.box, *place.line)]
        places.append(None if full else _place(wish, taken, marks, area))
    return places


def _place(wish: Wish, taken: Sequence[Box], marks: Sequence[Spot], area: Area) -> Place | None:
    """The first side on which the words cover nothing; urgent ones take the side where they cover fewest marks."""
    boxes = [mark.box(area) for mark in marks if mark != wish.spot]
    touched = wish.led and _covers(wish.spot.box(area), boxes)
    sides = [*([] if touched else _sides(wish, area)), *(_led(wish, area) if wish.led else [])]
    inside = [place for place in sides if _inside(place.box, area)]
    free = [place for place in inside if not any(_covers(box, taken) for box in (place.box, *place.line))]
    clear = [place for place in free if not _covers(place.box, boxes)]
    if clear or not (wish.urgent and free):
        return next(iter(clear), None)
    return min(free, key=lambda place: sum(_overlap(place.box, box) for box in boxes))


def _sides(wish: Wish, area: Area) -> list[Place]:
    """Beside the mark on the side that has more room first, above before below, then straight above and below it."""
    # beside the mark at half its height, else diagonally at its corner
    away = wish.spot.radius + GAP_PX
    return [Place(across, up, away, _box(wish, across, up, away, area)) for across, up in _directions(wish)]


def _led(wish: Wish, area: Area) -> list[Place]:
    """Farther away on the same sides, near ones first."""
    return [
        Place(across, up, away, _box(wish, across, up, away, area), _line(wish, across, up, away, area))
        for away, (across, up) in product(LED_PX, _directions(wish))
    ]


def _line(wish: Wish, across: int, up: int, away: float, area: Area) -> tuple[Box, ...]:
    """Small boxes on a line to words; not where it begins, since those of marks that touch cross there."""
    x, y = wish.spot.x * area.width, wish.spot.y * area.height
    steps = np.arange(LED_PX[0] / 2, away, LINE_BOX_PX)
    half = LINE_BOX_PX / 2
    middles = [(x + across * float(step), y + up * float(step)) for step in steps]
    return tuple((left - half, bottom - half, left + half, bottom + half) for left, bottom in middles)


def _directions(wish: Wish) -> list[tuple[int, int]]:
    outwards = 1 if wish.spot.x <= 0.5 else -1
    beside = [(across, up) for up, across in product((1, -1, 0), (outwards, -outwards))]
    return [*beside, (0, 1), (0, -1)]


def _box(wish: Wish, across: int, up: int, away: float, area: Area) -> Box:
    x, y = wish.spot.x * area.width, wish.spot.y * area.height
    width = max(map(width_px, wish.lines), default=0.0)
    height = LINE_PX * len(wish.lines)
    left = x + across * away - (width if across < 0 else width / 2 if across == 0 else 0)
    bottom = y + up * away - (height if up < 0 else height / 2 if up == 0 else 0)
    return left, bottom, left + width, bottom + height


def _inside(box: Box, area: Area) -> bool:
    """Within the plotting area; a line may stick out above it, where there is air below the title."""
    left, bottom, right, top = box
    return left >= 0 and right <= area.width and bottom >= 0 and top <= area.height + LINE_PX


def _covers(box: Box, others: Sequence[Box]) -> bool:
    return any(_overlap(box, other) for other in others)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _near(one: Spot, other: Spot, area: Area) -> bool:
    return abs(one.x - other.x) * area.width < NEAR_PX and abs(one.y - other.y) * area.height < NEAR_PX
