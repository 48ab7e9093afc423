"""The roofline against sums done by hand, and its calibration against points with a known error."""

import pytest

from explorer.measure.devices import device
from explorer.measure.roofline import LEAST_POINTS, calibrated, estimate, host_device, roofline
from explorer.result import Cost


def work(read=0, batch=1, **operations):
    return Cost(
        batch=batch, sequence=32, operations=operations, weight_bytes=read // 2, activation_bytes=read - read // 2
    )


def test_the_larger_bound_wins_and_is_named():
    host = host_device(100, 10)  # 10^11 operations and 10^10 bytes a second: the ridge is at 10 operations a byte
    compute = roofline(work(read=10**6, fp32=2e9), host)
    assert (compute.ms, compute.bound) == (pytest.approx(20), "compute")
    memory = roofline(work(read=5 * 10**8, fp32=2e9), host)
    assert (memory.ms, memory.bound) == (pytest.approx(50), "memory")
    assert roofline(work(read=2 * 10**8, fp32=2e9), host).ms == pytest.approx(20)


def test_precisions_are_done_one_after_the_other():
    t4 = device("nvidia-t4")
    found = roofline(work(fp32=8.1e9, int8=130e9), t4)
    assert (found.ms, found.substitutes) == (pytest.approx(2.0), ())
    assert estimate(work(fp32=8.1e9, int8=130e9), t4, factor=3) == pytest.approx(6.0)


def test_integers_take_the_fp32_peak_where_there_is_no_other():
    pi = device("raspberry-pi-5")
    found = roofline(work(fp32=153.6e6, int8=153.6e6), pi)
    assert (found.ms, found.substitutes) == (pytest.approx(2.0), (("int8", "fp32"),))


def test_faster_devices_are_faster():
    keys = ("raspberry-pi-5", "iphone-14-pro", "nvidia-t4", "nvidia-a100-80gb", "nvidia-h100-sxm")
    times = [estimate(work(read=10**8, fp32=3e9), device(key)) for key in keys]
    assert times == sorted(times, reverse=True)


def test_points_that_all_miss_by_the_same_factor_are_estimated_without_error():
    points = [(work(fp32=i * 1e9), 4.0 * i * 10) for i in range(1, 8)]
    found = calibrated(points, gflops=100, gbytes_per_s=10)
    assert found.factor == pytest.approx(4)
    assert found.points == 7
    assert (found.median_error, found.ninety_error) == (pytest.approx(0), pytest.approx(0))


def test_each_point_is_estimated_from_the_others():
    ratios = [2.0, 2.0, 2.0, 2.0, 4.0]
    found = calibrated([(work(fp32=1e9), 10 * ratio) for ratio in ratios], 100, 10)
    assert found.factor == pytest.approx(2)
    # the last one alone is off: 2 where 4 was measured; the others see a median of 2
    assert found.median_error == pytest.approx(0)
    assert found.ninety_error == pytest.approx(0.5 * 0.6)  # nine of ten lie six tenths between the fourth and the fifth
    two = calibrated([(work(fp32=1e9), 10 * ratio) for ratio in (1.0, 1.0, 1.0, 3.0, 3.0, 3.0)], 100, 10)
    assert two.factor == pytest.approx(2)
    # a point of 1 sees two of its kind and three of the others: 3, off by 200 %; a point of 3 sees 1, off by two thirds
    assert two.median_error == pytest.approx((2 + 2 / 3) / 2)


def test_too_few_points_say_nothing():
    points = [(work(fp32=1e9), 20.0)] * (LEAST_POINTS - 1)
    assert calibrated(points, 100, 10) is None
    assert calibrated([*points, points[0]], 100, 10) is not None
