import numpy as np
import pytest

from explorer.pareto import dominates, front, hypervolume, knee

LESS_MORE = (False, True)


def brute_force(points, maximise):
    valid = ~np.isnan(points).any(axis=1)
    beaten = [any(dominates(other, point, maximise) for other in points) for point in points]
    return valid & ~np.array(beaten)


@pytest.mark.parametrize(
    "maximise", [(False, True), (True, True), (False, False, True), (True,), (True, False, True, True)]
)
@pytest.mark.parametrize("seed", range(4))
def test_front_agrees_with_the_definition(maximise, seed):
    generator = np.random.default_rng(seed)
    points = generator.integers(0, 7, size=(60, len(maximise))).astype(float)
    points[generator.random(points.shape) < 0.03] = np.nan
    assert front(points, maximise).tolist() == brute_force(points, maximise).tolist()


def test_equal_points_stand_on_the_front_together():
    points = [(1.0, 0.9), (1.0, 0.9), (2.0, 0.9), (1.0, 0.8)]
    assert front(points, LESS_MORE).tolist() == [True, True, False, False]


def test_a_point_with_nan_neither_stands_on_a_front_nor_beats_anyone():
    nan = float("nan")
    assert front([(nan, 1.0), (5.0, 0.1), (1.0, nan)], LESS_MORE).tolist() == [False, True, False]
    assert not dominates((nan, 1.0), (5.0, 0.1), LESS_MORE)


def test_no_points_have_no_front():
    assert front([], LESS_MORE).tolist() == []


def test_dominance_needs_one_strict_advantage():
    assert dominates((1, 0.9), (2, 0.9), LESS_MORE)
    assert not dominates((1, 0.9), (1, 0.9), LESS_MORE)
    assert not dominates((1, 0.8), (2, 0.9), LESS_MORE)


def test_ten_thousand_points_on_one_front_all_stay():
    x = np.arange(10_000.0)
    assert front(np.column_stack([x, x]), LESS_MORE).all()


def test_the_knee_is_the_bend():
    points = [(0.0, 0.0), (1.0, 0.9), (5.0, 0.95), (10.0, 1.0), (9.0, 0.1)]
    assert knee(points, LESS_MORE) == 1


def test_a_straight_front_has_no_knee():
    assert knee([(0, 0), (1, 1), (2, 2)], LESS_MORE) is None
    assert knee([(0, 0), (1, 1)], LESS_MORE) is None


def test_hypervolume_counts_each_area_once():
    assert hypervolume([(1, 0.5), (3, 0.9), (3.5, 0.4)], (4, 0), LESS_MORE) == pytest.approx(3 * 0.5 + 1 * 0.4)


def test_hypervolume_ignores_what_is_beyond_the_reference():
    assert hypervolume([(5, 0.5)], (4, 0), LESS_MORE) == 0
    assert hypervolume([(1, 0.5), (5, 0.9)], (4, 0), LESS_MORE) == pytest.approx(1.5)


def test_hypervolume_agrees_with_counting_cells():
    generator = np.random.default_rng(0)
    points = generator.integers(0, 20, size=(40, 2)).astype(float)
    cells = sum(any(point[0] <= x and point[1] >= y for point in points) for x in range(20) for y in range(1, 21))
    assert hypervolume(points, (20, 0), LESS_MORE) == pytest.approx(cells)


def test_knee_and_hypervolume_are_for_two_quantities():
    with pytest.raises(ValueError, match="two quantities"):
        knee([(1, 2, 3)], (True, True, True))
    with pytest.raises(ValueError, match="two quantities"):
        hypervolume([(1, 2, 3)], (0, 0, 0), (True, True, True))
