"""How long a call takes at least on a device, by its peaks, and how far from that real times are.

The roofline: Williams, Waterman and Patterson, Roofline: an insightful visual performance model for multicore
architectures, Communications of the ACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

from explorer.measure.devices import Device, Figure
from explorer.result import Cost

Bound = Literal["compute", "memory"]

LEAST_POINTS = 5
"""Fewer measured points than these say nothing about how well an estimate fits."""


@dataclass(frozen=True)
class Roofline:
    """The ideal time of one call; ``bound`` is what it waits for.

    ``substitutes`` are pairs of a precision without a peak and the one whose peak was taken for it.
    """

    ms: float
    bound: Bound
    substitutes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Calibration:
    """How far measured times are from ideal ones on one host.

    ``factor`` is the median of measured over ideal. The errors are fractions of the measured time, each point estimated
    with the factor of all others: their median, and what nine of ten stay within.
    """

    factor: float
    points: int
    median_error: float
    ninety_error: float


def roofline(cost: Cost, device: Device) -> Roofline:
    """The larger of operations over peak, summed over precisions, and bytes over bandwidth."""
    peaks = {name: device.peak(name) for name in cost.operations}
    compute_s = sum(amount / peaks[name][0] for name, amount in cost.operations.items())
    memory_s = (cost.weight_bytes + cost.activation_bytes) / device.bandwidth
    taken = tuple((name, used) for name, (_, used) in peaks.items() if used != name)
    return Roofline(1e3 * max(compute_s, memory_s), "compute" if compute_s >= memory_s else "memory", taken)


def estimate(cost: Cost, device: Device, factor: float = 1.0) -> float:
    """Milliseconds of one call: the ideal time, times what a calibration found real times to be of it."""
    return roofline(cost, device).ms * factor


def host_device(gflops: float, gbytes_per_s: float) -> Device:
    """A host by its measured peaks: 10^9 fp32 operations a second and 10^9 bytes a second."""
    measured = "measured on this host"
    peaks = {"fp32": Figure(gflops, note=measured)}
    return Device("host", "this host", "host", peaks, Figure(gbytes_per_s), Figure(None))


def calibrated(measured: Sequence[tuple[Cost, float]], gflops: float, gbytes_per_s: float) -> Calibration | None:
    """Compare measured p50 times (ms) of one host with its own ideal times.

    ``gflops`` and ``gbytes_per_s`` are the host's peaks as ``host_peaks`` measures them. None with fewer points than
    ``LEAST_POINTS``.
    """
    if len(measured) < LEAST_POINTS:
        return None
    host = host_device(gflops, gbytes_per_s)
    ratios = [ms / roofline(cost, host).ms for cost, ms in measured]
    errors = [_error(ratio, ratios[:i] + ratios[i + 1 :]) for i, ratio in enumerate(ratios)]
    return Calibration(median(ratios), len(ratios), median(errors), quantiles(errors, n=10, method="inclusive")[-1])


def _error(ratio: float, others: Sequence[float]) -> float:
    """Relative error of a point that is estimated with the factor of the others."""
    return abs(median(others) / ratio - 1)
