import numpy as np
import pytest
from scipy.stats import binomtest

from explorer.measure.statistics import (
    mcnemar_p,
    median_interval,
    median_ratio,
    paired_difference,
    percentile_intervals,
    wilson,
)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (812, 1000), (1999, 2000)])
def test_wilson_agrees_with_scipy(k, n):
    expected = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(k, n):
    with pytest.raises(ValueError, match=f"got {k} of {n}"):
        wilson(k, n)


@pytest.mark.parametrize(("lost", "gained"), [(1, 0), (5, 15), (15, 5), (40, 41), (0, 12), (900, 1000), (3000, 3100)])
def test_mcnemar_agrees_with_scipy(lost, gained):
    assert mcnemar_p(lost, gained) == pytest.approx(binomtest(lost, lost + gained).pvalue, rel=1e-9)


@pytest.mark.parametrize("flips", [0, 1, 50])
def test_mcnemar_of_equal_flips_is_one(flips):
    assert mcnemar_p(flips, flips) == 1


def test_paired_difference_agrees_with_the_published_example():
    """Newcombe 1998, 36 + 12 + 2 + 0 of 50: 0.0569 to 0.3404 by method 10."""
    assert paired_difference(36, 12, 2, 0) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


def test_paired_difference_is_antisymmetric():
    difference, low, high = paired_difference(700, 30, 50, 220)
    assert paired_difference(700, 50, 30, 220) == pytest.approx((-difference, -high, -low))


def test_paired_difference_without_flips_is_zero_but_not_certain():
    difference, low, high = paired_difference(160, 0, 0, 40)
    assert difference == 0
    assert -0.05 < low < 0 < high < 0.05


def test_paired_difference_covers_the_truth_19_times_of_20():
    """1,000 draws of 500 inputs; the binomial error of the coverage itself is 0.7 points."""
    shares = np.array([0.75, 0.03, 0.06, 0.16])
    tables = np.random.default_rng(0).multinomial(500, shares, size=1000)
    intervals = np.array([paired_difference(*map(int, table)) for table in tables])
    covered = (intervals[:, 1] <= -0.03) & (intervals[:, 2] >= -0.03)
    assert 0.93 <= covered.mean() <= 0.98


def test_median_ratio_of_proportional_series_is_exact():
    slow = np.random.default_rng(0).lognormal(0, 0.3, 200)
    ratio, low, high = median_ratio(slow, slow / 2.5)
    assert (ratio, low, high) == pytest.approx((2.5, 2.5, 2.5))


def test_median_ratio_covers_the_truth_with_disturbances_that_last():
    """Noise of neighbouring rounds is correlated (0.7), as on a machine whose load comes and goes."""
    draw, covered = np.random.default_rng(0), 0
    for _ in range(200):
        series = []
        for centre in (20.0, 10.0):
            noise = draw.standard_normal(150)
            for i in range(1, 150):
                noise[i] = 0.7 * noise[i - 1] + np.sqrt(1 - 0.49) * noise[i]
            series.append(centre * np.exp(0.05 * noise))
        _, low, high = median_ratio(*series)
        covered += low <= 2.0 <= high
    assert covered / 200 >= 0.85


def test_bootstrap_is_repeatable_and_ordered():
    values = np.random.default_rng(1).lognormal(0, 0.2, 333)
    assert median_interval(values, seed=3) == median_interval(values, seed=3)
    low, high = median_interval(values, seed=3)
    assert low < np.median(values) < high


def test_the_interval_of_a_percentile_covers_the_true_one():
    draw, covered = np.random.default_rng(2), 0
    true = float(np.quantile(draw.lognormal(0, 0.3, 1_000_000), 0.9))
    for seed in range(200):
        (low, high), _ = percentile_intervals(draw.lognormal(0, 0.3, 400), [90, 99], seed)
        covered += low <= true <= high
    assert 0.88 <= covered / 200 < 1


def test_intervals_of_percentiles_lie_around_them_and_the_medians_is_the_medians():
    values = np.random.default_rng(3).lognormal(0, 0.2, 500)
    intervals = percentile_intervals(values, [50, 95, 99], seed=1)
    assert all(low < np.percentile(values, p) <= high for p, (low, high) in zip((50, 95, 99), intervals, strict=True))
    assert intervals[0] == median_interval(values, seed=1)
    assert intervals[2][1] <= values.max()


def test_median_ratio_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="got 2 and 3"):
        median_ratio(np.ones(2), np.ones(3))
