"""One row: what is known of one variant on one target at one batch size and length."""

from __future__ import annotations

import math
import struct
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from operator import itemgetter
from typing import Any

from explorer.measure.roofline import Bound, Calibration


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an estimated latency rests on, for people to judge it by.

    ``bound`` is what the call waits for on the device named ``device``; ``substitutes`` are precisions without a peak
    there and those whose peak was taken. ``calibration`` is how well estimates fit the host named ``host``, judged by
    the model named ``model``, by all models where that is empty; None where nothing was measured to compare with, so
    that the latency is an ideal one.
    """

    device: str
    bound: Bound
    substitutes: tuple[tuple[str, str], ...] = ()
    host: str = ""
    model: str = ""
    calibration: Calibration | None = None


@dataclass(frozen=True, init=False, eq=False)
class Variant:
    """One variant on one target at one batch size; fractions, bytes, milliseconds, None where not measured.

    ``available`` is False when the target was not there, ``reason`` says why. ``estimated`` marks a latency that
    was not measured. ``derived`` marks a baseline read off another run's result, which has no run of its own.
    ``lengths`` is ``real`` where inputs were as long as the task's; ``sequence`` is their mean then. Another machine,
    named in ``host``, measured what is marked ``reported`` of a run of this one, and made what is ``imported``, which
    came with its study's file.
    ``estimate`` says what an estimated latency rests on.

    There may be a hundred thousand of them: figures lie packed, and rows share what they have in common.
    """

    __slots__ = ("_figures", "_place", "_run")
    run: str
    model: str
    label: str
    studies: tuple[str, ...]
    recorded: bool
    task: str
    family: str
    families: tuple[str, ...]
    host: str
    date: str
    file_bytes: int
    zipped_bytes: int
    parameters: int
    nonzero_parameters: int
    target: str
    batch: int
    sequence: int
    kind: str = "text"
    lengths: str = "padded"
    available: bool = True
    reason: str | None = None
    estimated: bool = False
    derived: bool = False
    reported: bool = False
    imported: bool = False
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    accuracy_target: str | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    within_noise: bool | None = None
    baseline_accuracy: float | None = None
    baseline_accuracy_low: float | None = None
    baseline_accuracy_high: float | None = None
    p50_ms: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p90_low_ms: float | None = None
    p90_high_ms: float | None = None
    p95_low_ms: float | None = None
    p95_high_ms: float | None = None
    p99_low_ms: float | None = None
    p99_high_ms: float | None = None
    baseline_p50_ms: float | None = None
    baseline_p50_low_ms: float | None = None
    baseline_p50_high_ms: float | None = None
    throughput_per_s: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    noisy: bool = False
    noise_reason: str | None = None
    peak_rss_bytes: int | None = None
    cold_start_ms: float | None = None
    estimate: Estimate | None = None

    def __init__(self, **given: Any) -> None:
        values = _USUAL | given
        if len(values) != len(_FIELDS):
            raise TypeError(f"A variant has other fields: {', '.join(sorted(values.keys() ^ set(_FIELDS)))}.")
        keep = object.__setattr__
        keep(self, "_run", _one(itemgetter(*_RUN)(values)))
        keep(self, "_place", _one(itemgetter(*_PLACE)(values)))
        keep(self, "_figures", _packed([values[name] for name in _FIGURES]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Variant) and _parts(self) == _parts(other)

    def __hash__(self) -> int:
        return hash(_parts(self))

    @property
    def baseline(self) -> bool:
        """True for the uncompressed model."""
        return self.family == "baseline"

    @property
    def throughput_low_per_s(self) -> float | None:
        """The throughput if p50 were at the upper end of its interval."""
        return _scaled(self.throughput_per_s, self.p50_ms, self.p50_high_ms)

    @property
    def throughput_high_per_s(self) -> float | None:
        """The throughput if p50 were at the lower end of its interval."""
        return _scaled(self.throughput_per_s, self.p50_ms, self.p50_low_ms)


_FIELDS = tuple(field.name for field in fields(Variant))
_USUAL = {field.name: field.default for field in fields(Variant) if field.default is not MISSING}
_RUN = (
    *("run", "model", "label", "studies", "recorded", "imported", "task", "family", "families", "date", "kind"),
    *("derived", "reported", "file_bytes", "zipped_bytes", "parameters", "nonzero_parameters"),
)
"""What rows of a run have in common, unless another machine reported them."""
_FIGURES = (
    *("accuracy", "accuracy_low", "accuracy_high", "difference", "difference_low", "difference_high"),
    *("baseline_accuracy", "baseline_accuracy_low", "baseline_accuracy_high", "cold_start_ms", "peak_rss_bytes"),
    *("baseline_p50_ms", "p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms", "p95_ms", "p99_ms"),
    *("throughput_per_s", "speedup", "speedup_low", "speedup_high", "baseline_p50_low_ms", "baseline_p50_high_ms"),
    *("p90_low_ms", "p90_high_ms", "p95_low_ms", "p95_high_ms", "p99_low_ms", "p99_high_ms"),
)
"""In this order, since those at the end that were not measured take no room."""
_WHOLE = ("peak_rss_bytes",)
_PLACE = tuple(name for name in _FIELDS if name not in {*_RUN, *_FIGURES})
"""The rest: few combinations, which rows of many runs have in common."""
_NUMBER = struct.Struct("d")


@lru_cache(maxsize=4096)
def _one(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same object for equal parts."""
    return parts


def _scaled(value: float | None, numerator: float | None, denominator: float | None) -> float | None:
    """``value`` times the ratio of the two; None where one of them is not known."""
    if value is None or numerator is None or not denominator:
        return None
    return value * numerator / denominator


def _parts(row: Any) -> tuple[Any, ...]:
    return row._run, row._place, row._figures


def _of_run(place: int) -> property:
    return property(lambda row: row._run[place])


def _of_place(place: int) -> property:
    return property(lambda row: row._place[place])


def _packed(figures: list[float | None]) -> bytes:
    """The figures up to the last that is one, side by side."""
    while figures and figures[-1] is None:
        figures.pop()
    return struct.pack(f"{len(figures)}d", *(math.nan if figure is None else figure for figure in figures))


def _of_figures(place: int, whole: bool) -> property:
    """A figure read from where it lies packed; None where it is no number."""
    read, start = _NUMBER.unpack_from, place * _NUMBER.size

    def figure(row: Any) -> float | None:
        if start >= len(row._figures):
            return None
        number: float = read(row._figures, start)[0]
        return None if number != number else int(number) if whole else number

    return property(figure)


def _lay_out() -> None:
    """Let the fields that are declared above be read from the parts."""
    laid = {name: _of_run(place) for place, name in enumerate(_RUN)}
    laid |= {name: _of_place(place) for place, name in enumerate(_PLACE)}
    laid |= {name: _of_figures(place, name in _WHOLE) for place, name in enumerate(_FIGURES)}
    for name, field in laid.items():
        setattr(Variant, name, field)


_lay_out()
