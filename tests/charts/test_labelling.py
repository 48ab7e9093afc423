"""Words beside marks cover neither each other nor a mark."""

import random
from itertools import combinations

import pytest

from explorer.charts.labelling import LAPTOP, LETTER_PX, LINE_PX, MOST_LABELS, Area, Spot, Wish, place_labels
from explorer.charts.presented import STAGE


def disjoint(one, other):
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def wish(x, y, *lines, urgent=False, led=False, radius=5.5):
    return Wish(Spot(x, y, radius), lines, urgent, led)


@pytest.mark.parametrize("seed", range(5))
def test_crowded_words_never_overlap(seed):
    dice = random.Random(seed)
    wishes = [wish(dice.uniform(0.1, 0.5), dice.uniform(0.4, 0.6), f"weight-bits {place} bits") for place in range(20)]
    places = place_labels(wishes, [w.spot for w in wishes])
    found = [place for place in places if place is not None]
    assert 1 <= len(found) <= MOST_LABELS
    assert all(disjoint(one.box, other.box) for one, other in combinations(found, 2))
    for (w, place), mark in ((pair, other.spot) for pair in zip(wishes, places, strict=True) for other in wishes):
        assert place is None or mark == w.spot or disjoint(place.box, mark.box(LAPTOP))


@pytest.mark.parametrize(("x", "y"), [(0.01, 0.5), (0.99, 0.5), (0.5, 0.99), (0.5, 0.01)])
def test_words_stay_inside(x, y):
    (place,) = place_labels([wish(x, y, "distill-student 50 %", "width 65 %")], [])
    left, bottom, right, top = place.box
    assert left >= 0 and right <= LAPTOP.width and bottom >= 0 and top <= LAPTOP.height + LINE_PX


def test_chinese_words_take_twice_the_width():
    boxes = [place_labels([Wish(Spot(0.2, 0.5, 5), (words,))], [])[0].box for words in ("letters", "基线的模型名称")]
    assert [round(box[2] - box[0], 1) for box in boxes] == [44.8, 87.5]


def test_the_box_is_where_the_anchors_put_the_words():
    (place,) = place_labels([wish(0.25, 0.5, "ten signs.")], [])
    assert (place.across, place.up) == (1, 1)
    assert place.box == pytest.approx((120 + 8.5, 130 + 8.5, 120 + 8.5 + 64, 130 + 8.5 + 16))


def test_the_same_words_are_not_said_twice_at_one_spot():
    near = [wish(0.3, 0.5, "baseline"), wish(0.36, 0.5, "baseline")]
    assert [place is None for place in place_labels(near, [])] == [False, True]
    apart = [wish(0.3, 0.5, "baseline"), wish(0.7, 0.5, "baseline")]
    assert None not in place_labels(apart, [])


def test_urgent_words_cover_marks_rather_than_be_left_out():
    crowd = [Spot(x / 60, y / 30, 5.5) for x in range(61) for y in range(31)]
    assert place_labels([wish(0.5, 0.5, "knee")], crowd) == [None]
    assert None not in place_labels([wish(0.5, 0.5, "shown", urgent=True)], crowd)


def test_a_smaller_area_has_room_for_fewer_words():
    wishes = [wish(0.3, 0.5, "prune-neurons 50 %"), wish(0.6, 0.5, "prune-neurons 60 %")]
    assert None not in place_labels(wishes, [])
    assert place_labels(wishes, [], [Area(100, 200)]) == [None, None]


def test_lines_lead_to_the_words_of_marks_that_touch_and_cross_no_others():
    wishes = [wish(0.9 + place / 100, 0.6 - place / 200, letter, led=True) for place, letter in enumerate("ABCDEF")]
    places = place_labels(wishes, [w.spot for w in wishes])
    assert None not in places and all(place.line for place in places)
    for one, other in combinations(places, 2):
        assert disjoint(one.box, other.box)
        for line, words in ((one.line, other), (other.line, one)):
            assert all(disjoint(part, box) for part in line for box in (words.box, *words.line))


def test_words_of_a_mark_by_itself_stand_beside_it():
    (place,) = place_labels([wish(0.5, 0.5, "A", led=True)], [Spot(0.9, 0.9, 5.5)])
    assert place.line == () and place.away < 10


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("area", [Area(440, 152), Area(533, 180), Area(800, 152), Area(1060, 375), Area(1340, 520)])
def test_words_that_are_presented_cover_no_mark_in_a_window_of_any_size(seed, area):
    dice = random.Random(seed)
    spots = [Spot(dice.betavariate(1, 4), dice.betavariate(4, 2), 5.5) for _ in range(15)]
    wishes = [Wish(spot, (f"weight-bits {place} bits",), led=True) for place, spot in enumerate(spots[:6])]
    found = [
        (w.spot, len(w.lines[0]), place) for w, place in zip(wishes, place_labels(wishes, spots, STAGE), strict=True)
    ]
    boxes = {spot: words_box(spot, letters, place, area) for spot, letters, place in found if place}
    assert boxes
    for spot, box in boxes.items():
        assert all(disjoint(box, other.box(area)) for other in spots if other != spot)
    assert all(disjoint(one, other) for one, other in combinations(boxes.values(), 2))


def words_box(spot, letters, place, area):
    """Where Plotly draws a line of words that is anchored beside a mark at ``spot``."""
    width = LETTER_PX * letters
    x, y = spot.x * area.width + place.across * place.away, spot.y * area.height + place.up * place.away
    left, bottom = x - {1: 0, 0: width / 2, -1: width}[place.across], y - {1: 0, 0: 8, -1: 16}[place.up]
    return left, bottom, left + width, bottom + LINE_PX
