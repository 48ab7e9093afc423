import numpy as np
import pytest
from onnxruntime.quantization.calibrate import HistogramCollector

from explorer.techniques.quantization.calibrating import Histogram
from explorer.techniques.quantization.ranges import (
    FRACTIONS,
    activation_ranges,
    coarser,
    mse_range,
    squared_error,
)


def collected(values: np.ndarray, bins: int = 2048) -> Histogram:
    collector = HistogramCollector("percentile", False, bins, 128, 99.9, "same")
    collector.collect_value({"x": values})
    counts, edges, low, high, _ = collector.histogram_dict["x"]
    return Histogram(counts, edges, low, high)


def outliers() -> np.ndarray:
    random = np.random.default_rng(0)
    values = random.standard_normal(20_000).astype(np.float32)
    values[:3] = (60, -45, 52)
    return values


def test_min_max_covers_everything_and_the_others_cut_outliers_off() -> None:
    values = outliers()
    one = {"x": collected(values)}
    low, high = activation_ranges(one, "min-max", 99.9, False)["x"]
    assert (low, high) == (values.min(), values.max())
    low, high = activation_ranges(one, "percentile", 99.9, False)["x"]
    assert -6 < low < -2 and 2 < high < 6
    low, high = activation_ranges(one, "entropy", 99.9, False)["x"]
    assert -40 < low < -2 and 2 < high < 40  # 255 of its 1,024 bins are the least that it takes


def test_a_percentile_is_that_of_numpy_to_within_a_bin() -> None:
    values = np.random.default_rng(0).gamma(2, size=50_000).astype(np.float32)
    one = collected(values)
    low, high = activation_ranges({"x": one}, "percentile", 99.0, False)["x"]
    width = one.edges[1] - one.edges[0]
    assert abs(high - np.percentile(values, 99.5)) <= 2 * width
    assert abs(low - np.percentile(values, 0.5)) <= 2 * width


@pytest.mark.parametrize("symmetric", [False, True])
def test_no_other_pair_of_ends_has_a_smaller_squared_error(symmetric: bool) -> None:
    values = np.random.default_rng(0).standard_t(3, 5_000).astype(np.float32)
    one = collected(values, 256)
    centres = (one.edges[:-1] + one.edges[1:]) / 2
    low, high = mse_range(one, symmetric, levels=15)
    least = squared_error(centres, one.counts, low, high, 15)
    widest = max(-one.low, one.high) if symmetric else None
    for i in range(1, FRACTIONS + 1, 3):
        for j in [i] if symmetric else range(1, FRACTIONS + 1, 3):
            ends = (-widest * i / FRACTIONS, widest * j / FRACTIONS) if symmetric else (
                one.low * i / FRACTIONS, one.high * j / FRACTIONS
            )  # fmt: skip
            assert least <= squared_error(centres, one.counts, *ends, 15) * (1 + 1e-6)
    assert high < 0.9 * one.high
    assert not symmetric or low == -high


def test_the_squared_error_is_that_of_rounding_the_values() -> None:
    values = np.array([-1.0, 0.0, 0.26, 3.0])
    # four values 0.5 apart from -0.5 to 1: errors 0.5, 0, 0.24 and 2
    assert squared_error(values, np.ones(4), -0.5, 1.0, 3) == pytest.approx(0.25 + 0.24**2 + 4)


def test_values_on_one_side_keep_zero_as_the_other_end() -> None:
    values = np.random.default_rng(0).random(1_000).astype(np.float32)
    low, high = mse_range(collected(values))
    assert low == 0 and 0.9 < high <= 1
    assert mse_range(collected(np.zeros(5, np.float32))) == (0, 0)


def test_a_coarser_histogram_counts_the_same_between_the_same_ends() -> None:
    one = collected(outliers(), 2048 + 6)
    rough = coarser(one, 1024)
    assert rough.counts.sum() == one.counts.sum() and len(rough.counts) % 2 == 0
    assert rough.counts[len(rough.counts) // 2 :].sum() == one.counts[len(one.counts) // 2 :].sum()
    assert rough.edges[-1] >= one.edges[-1] - 1e-4 and rough.edges[len(rough.counts) // 2] == 0
