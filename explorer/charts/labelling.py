"""Where words stand beside marks, so that they cover neither each other nor a mark; what finds no place is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

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
    """Where words stand: on which side of their mark (-1, 0 or 1 across and up), and what they fill in each area.

    ``away`` pixels in both directions lie between the middle of the mark and the words; over them leads a line, unless
    the words stand beside the mark. ``filled`` has for each area the box of the words, then those of the line.
    """

    across: int
    up: int
    away: float
    filled: tuple[tuple[Box, ...], ...]

    @property
    def words(self) -> list[Box]:
        """The box of the words in each area."""
        return [boxes[0] for boxes in self.filled]

    @property
    def box(self) -> Box:
        """Of the words in the first area."""
        return self.filled[0][0]

    @property
    def line(self) -> tuple[Box, ...]:
        """Of the line in the first area; empty without one."""
        return self.filled[0][1:]

    @property
    def side(self) -> tuple[int, int, float]:
        """What tells it from the other places beside its mark."""
        return self.across, self.up, self.away


def width_px(words: str) -> float:
    """About how many pixels words of 12 pixels take at most; Chinese letters are wide."""
    return sum(LETTER_PX if letter < "\u2e80" else WIDE_PX for letter in words)


def place_labels(
    wishes: Sequence[Wish], marks: Sequence[Spot], areas: Sequence[Area] = (LAPTOP,)
) -> list[Place | None]:
    """One place for each wish that is good in all ``areas``, the first wishes first; None where there is no room for
    it, or where it would only repeat the same words of a mark nearby (in the first area).
    """
    places: list[Place | None] = []
    boxes = _boxes(marks, areas)
    for wish in wishes:
        given = [(other, place) for other, place in zip(wishes, places, strict=False) if place is not None]
        said = any(other.lines == wish.lines and _near(other.spot, wish.spot, areas[0]) for other, _ in given)
        full = len(given) >= MOST_LABELS or said
        others = None if full else boxes[:, [mark != wish.spot for mark in marks]]
        places.append(None if others is None else _place(wish, [place for _, place in given], others, areas))
    return places


def covering(placed: Sequence[tuple[Wish, Place]], marks: Sequence[Spot], area: Area) -> list[int]:
    """Which words, by their number, would cover a mark or earlier ones in another area, or leave it."""
    found, given, boxes = [], list[Box](), _boxes(marks, [area])
    for number, (wish, place) in enumerate(placed):
        own = _filled(wish, *place.side, area, bool(place.line))
        others = boxes[:, [mark != wish.spot for mark in marks]]
        if _inside(own[0], area) and not _covered([own[0]], others) and not _cross(own, given):
            given += own
        else:
            found.append(number)
    return found


def _boxes(marks: Sequence[Spot], areas: Sequence[Area]) -> NDArray[np.float64]:
    """Of all marks in all areas, ``[areas, marks, 4]``."""
    found = np.array([(mark.x, mark.y, mark.radius) for mark in marks], float).reshape(-1, 3)
    sides = np.array([(area.width, area.height) for area in areas])
    middles, radius = found[:, :2] * sides[:, None], found[:, 2:]
    return np.concatenate([middles - radius, middles + radius], axis=2)


def _place(wish: Wish, given: Sequence[Place], others: NDArray[np.float64], areas: Sequence[Area]) -> Place | None:
    """The first side on which the words cover nothing; urgent ones take the side where they cover fewest marks."""
    taken = [[box for place in given for box in place.filled[number]] for number in range(len(areas))]
    touched = wish.led and _covered([wish.spot.box(area) for area in areas], others) > 0
    sides = [] if touched else _places(wish, wish.spot.radius + GAP_PX, areas)
    if wish.led:
        sides += [place for away in LED_PX for place in _places(wish, away, areas, led=True)]
    inside = [place for place in sides if all(map(_inside, place.words, areas))]
    free = [place for place in inside if not any(map(_cross, place.filled, taken))]
    clear = next((place for place in free if not _covered(place.words, others)), None)
    if clear or not (wish.urgent and free):
        return clear
    return min(free, key=lambda place: _covered(place.words, others))


def _places(wish: Wish, away: float, areas: Sequence[Area], led: bool = False) -> list[Place]:
    """On the side that has more room first, above before below, then straight above and below the mark."""
    # beside the mark at half its height, else diagonally at its corner
    return [
        Place(across, up, away, tuple(_filled(wish, across, up, away, area, led) for area in areas))
        for across, up in _directions(wish)
    ]


def _filled(wish: Wish, across: int, up: int, away: float, area: Area, led: bool) -> tuple[Box, ...]:
    words = _box(wish, across, up, away, area)
    return (words, *_line(wish, across, up, away, area)) if led else (words,)


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


def _covered(words: Sequence[Box], marks: NDArray[np.float64]) -> int:
    """How many of the marks ``[areas, marks, 4]`` words with a box in each area cover, in all areas together."""
    one = np.array(words)[:, None]
    across = (one[..., 0] < marks[..., 2]) & (marks[..., 0] < one[..., 2])
    up = (one[..., 1] < marks[..., 3]) & (marks[..., 1] < one[..., 3])
    return int((across & up).sum())


def _cross(boxes: Sequence[Box], others: Sequence[Box]) -> bool:
    return any(_overlap(box, other) for box in boxes for other in others)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _near(one: Spot, other: Spot, area: Area) -> bool:
    return abs(one.x - other.x) * area.width < NEAR_PX and abs(one.y - other.y) * area.height < NEAR_PX
