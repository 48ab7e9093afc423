"""Where words stand beside marks, so that they cover neither each other nor a mark; what finds no place is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

LETTER_PX, LINE_PX = 6.4, 16.0
GAP_PX, NEAR_PX = 3.0, 60.0
MOST_LABELS = 6

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
    """Words, as lines, that should stand beside a mark; ``urgent`` ones cover marks rather than be left out."""

    spot: Spot
    lines: tuple[str, ...]
    urgent: bool = False


@dataclass(frozen=True)
class Place:
    """Where words stand: on which side of their mark (-1, 0 or 1 across and up), and the box they fill."""

    across: int
    up: int
    box: Box


def place_labels(wishes: Sequence[Wish], marks: Sequence[Spot], area: Area = LAPTOP) -> list[Place | None]:
    """One place for each wish, the first wishes first; None where there is no room for it, or where it would only
    repeat the same words of a mark nearby.
    """
    places: list[Place | None] = []
    for wish in wishes:
        given = [(other, place) for other, place in zip(wishes, places, strict=False) if place is not None]
        said = any(other.lines == wish.lines and _near(other.spot, wish.spot, area) for other, _ in given)
        full = len(given) >= MOST_LABELS or said
        places.append(None if full else _place(wish, [place.box for _, place in given], marks, area))
    return places


def _place(wish: Wish, labels: Sequence[Box], marks: Sequence[Spot], area: Area) -> Place | None:
    """The first side on which the words cover nothing; urgent ones take the side where they cover fewest marks."""
    free = [place for place in _sides(wish, area) if _inside(place.box, area) and not _covers(place.box, labels)]
    boxes = [mark.box(area) for mark in marks if mark != wish.spot]
    clear = [place for place in free if not _covers(place.box, boxes)]
    if clear or not (wish.urgent and free):
        return next(iter(clear), None)
    return min(free, key=lambda place: sum(_overlap(place.box, box) for box in boxes))


def _sides(wish: Wish, area: Area) -> list[Place]:
    """Beside the mark on the side that has more room first, above before below, then straight above and below it."""
    outwards = 1 if wish.spot.x <= 0.5 else -1
    sides = [(across, up) for up, across in product((1, -1, 0), (outwards, -outwards))]
    return [Place(across, up, _box(wish, across, up, area)) for across, up in [*sides, (0, 1), (0, -1)]]


def _box(wish: Wish, across: int, up: int, area: Area) -> Box:
    x, y = wish.spot.x * area.width, wish.spot.y * area.height
    width = LETTER_PX * max(map(len, wish.lines), default=0)
    height = LINE_PX * len(wish.lines)
    # beside the mark at half its height, else diagonally at its corner
    aside = wish.spot.radius + GAP_PX
    left = x + across * aside - (width if across < 0 else width / 2 if across == 0 else 0)
    bottom = y + up * aside - (height if up < 0 else height / 2 if up == 0 else 0)
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
