"""Latencies on a device that nobody has here, estimated from counted work: drawn hollow, on no measured front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any

from explorer.measure.devices import Device, device
from explorer.measure.roofline import LEAST_POINTS, Calibration, calibrated, roofline
from explorer.result import Cost
from explorer.runlike import RunLike
from explorer.variant import Estimate, Variant
from explorer.variants import FALLBACK_TARGET, accuracy_fields, common_fields, host_text


def estimated_target(device_key: str) -> str:
    """The target's name under which a device's estimates stand."""
    return f"estimated-{device_key}"


def estimated_rows(runs: Iterable[RunLike], device_key: str) -> list[Variant]:
    """One row per run and counted shape with the latency that the roofline gives for a device nobody has here.

    The speed-up is against the estimate of the model's own uncompressed run, None where there is none. Raises
    ``BadInput`` for a device that is not in the table.
    """
    place = device(device_key)
    counted = [(run, run.result, costs) for run in runs if run.result and (costs := _costs(run.result))]
    estimator = _Estimator(place, counted)
    return [estimator.row(run, result, cost) for run, result, costs in counted for cost in costs.values()]


Shape = tuple[int, int]
Counted = tuple[RunLike, dict[str, Any], dict[Shape, Cost]]
"""A run, its result, and its work by shape (batch, sequence)."""


class _Estimator:
    """Estimates for one device, calibrated by what was measured among the runs."""

    def __init__(self, place: Device, counted: list[Counted]) -> None:
        self.place = place
        self.calibrations = {model: _calibration_of(model, counted) for model in {run.model for run, _, _ in counted}}
        self.baselines = {
            (run.model, result["task"], *shape): roofline(cost, place).ms
            for run, result, costs in counted
            if not run.families
            for shape, cost in costs.items()
        }

    def row(self, run: RunLike, result: dict[str, Any], cost: Cost) -> Variant:
        """The estimate of one run at one shape; unavailable where its file does not fit into the device."""
        fits = self.place.holds(result["size"]["file_bytes"])
        return Variant(
            **{**common_fields(run, result), "host": self.place.name},
            **accuracy_fields(result, FALLBACK_TARGET),
            target=estimated_target(self.place.key),
            batch=cost.batch,
            sequence=cost.sequence,
            estimated=True,
            available=fits,
            reason=None if fits else f"the file does not fit into the memory of {self.place.name}",
            **(self._times(run, result, cost) if fits else {}),
        )

    def _times(self, run: RunLike, result: dict[str, Any], cost: Cost) -> dict[str, Any]:
        """The factor of the calibration cancels out in the speed-up."""
        ideal = roofline(cost, self.place)
        host, judged, calibration = self.calibrations[run.model]
        factor = calibration.factor if calibration else 1.0
        baseline_ms = self.baselines.get((run.model, result["task"], cost.batch, cost.sequence))
        return {
            "p50_ms": ideal.ms * factor,
            "baseline_p50_ms": baseline_ms * factor if baseline_ms else None,
            "throughput_per_s": 1000 * cost.batch / (ideal.ms * factor),
            "speedup": baseline_ms / ideal.ms if baseline_ms else None,
            "estimate": Estimate(self.place.name, ideal.bound, ideal.substitutes, host, judged, calibration),
        }


def _costs(result: dict[str, Any]) -> dict[Shape, Cost]:
    return {(entry["batch"], entry["sequence"]): Cost.model_validate(entry) for entry in result.get("cost") or ()}


def _calibration_of(model: str, counted: list[Counted]) -> tuple[str, str, Calibration | None]:
    """Host, model and how well estimates fit there: by the model's own points, by all where it has too few.

    Small models wait for launches and are much further from their ideal times than large ones.
    """
    host, calibration = _calibration(entry for entry in counted if entry[0].model == model)
    if calibration is not None:
        return host, model, calibration
    host, calibration = _calibration(counted)
    return host, "", calibration


def _calibration(counted: Iterable[Counted]) -> tuple[str, Calibration | None]:
    """The host with the most points of the reader's own, else of the recorded ones, and how well estimates fit it."""
    points: dict[tuple[bool, str], list[tuple[Cost, float]]] = defaultdict(list)
    peaks: dict[tuple[bool, str], list[tuple[float, float]]] = defaultdict(list)
    for run, result, costs in counted:
        group, profile = (run.recorded, host_text(result["host"])), result.get("profile") or {}
        if profile.get("peak_gflops") and profile.get("peak_gbytes_per_s"):
            peaks[group].append((profile["peak_gflops"], profile["peak_gbytes_per_s"]))
        points[group] += _measured_points(result, costs)
    known = [group for group in points if peaks[group] and len(points[group]) >= LEAST_POINTS]
    if not known:
        return "", None
    best = min(known, key=lambda group: (group[0], -len(points[group])))
    gflops, gbytes_per_s = (median(values) for values in zip(*peaks[best], strict=True))
    return best[1], calibrated(points[best], gflops, gbytes_per_s)


def _measured_points(result: dict[str, Any], costs: dict[Shape, Cost]) -> list[tuple[Cost, float]]:
    """Work and measured time on the CPU in ONNX Runtime, where the machine was quiet."""
    return [
        (costs[shape], entry["p50_ms"])
        for entry in result["latency"]
        if entry["target"] == FALLBACK_TARGET
        and entry.get("p50_ms")
        and not entry.get("noisy")
        and (shape := (entry["batch"], entry["sequence"])) in costs
    ]
