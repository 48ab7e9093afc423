"""The quantities a variant has: which way is better, how they are scaled for an axis and written for people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from explorer.texts import t
from explorer.variants import Variant


@dataclass(frozen=True)
class Quantity:
    """One quantity that can stand on an axis or in a table.

    ``key`` is its name in the texts, ``field`` the attribute of ``Variant`` (``low`` and ``high`` its interval),
    ``scale`` turns the attribute into the unit shown. ``on_target`` says that it was measured on a target and
    differs from host to host; ``relative`` that it is measured against the model's own baseline.
    """

    key: str
    field: str
    higher_is_better: bool
    scale: float = 1.0
    low: str | None = None
    high: str | None = None
    on_target: bool = False
    relative: bool = False

    @property
    def title(self) -> str:
        return t(f"quantity.{self.key}")

    @property
    def unit(self) -> str:
        return t(f"unit.{self.key}")

    def of(self, variant: Variant) -> float | None:
        """The value in the unit shown, or None when it was not measured."""
        return self._scaled(variant, self.field)

    def interval(self, variant: Variant) -> tuple[float, float] | None:
        """The 95 % interval in the unit shown, where there is one."""
        low = self._scaled(variant, self.low) if self.low else None
        high = self._scaled(variant, self.high) if self.high else None
        return (low, high) if low is not None and high is not None else None

    def write(self, variant: Variant) -> str:
        """The value with its unit and, where known, its interval."""
        value, interval = self.of(variant), self.interval(variant)
        if value is None:
            return t("number.none")
        text = self.number(value)
        return f"{text} [{self.bare(interval[0])}, {self.bare(interval[1])}]" if interval else text

    def number(self, value: float) -> str:
        """``value`` (in the unit shown) with its unit, such as ``23.4 MB`` or ``2.45×``."""
        unit = self.unit
        return f"{self.bare(value)}{'' if unit in ('×', '') else ' '}{unit}"

    def bare(self, value: float) -> str:
        """``value`` without its unit; percent keep one decimal, everything else three significant digits."""
        if self.key == "difference":
            return signed(value)
        return f"{value:.1f}" if self.key == "accuracy" else significant(value)

    def _scaled(self, variant: Variant, field: str | None) -> float | None:
        value = getattr(variant, field) if field else None
        return None if value is None else float(value) * self.scale


QUANTITIES = {
    quantity.key: quantity
    for quantity in (
        Quantity("accuracy", "accuracy", True, 100, "accuracy_low", "accuracy_high"),
        Quantity("difference", "difference", True, 100, "difference_low", "difference_high", relative=True),
        Quantity("file_size", "file_bytes", False, 1e-6),
        Quantity("zipped_size", "zipped_bytes", False, 1e-6),
        Quantity("parameters", "parameters", False, 1e-6),
        Quantity("latency", "p50_ms", False, 1, "p50_low_ms", "p50_high_ms", on_target=True),
        Quantity("latency_p90", "p90_ms", False, 1, "p90_low_ms", "p90_high_ms", on_target=True),
        Quantity("latency_p95", "p95_ms", False, 1, "p95_low_ms", "p95_high_ms", on_target=True),
        Quantity("latency_p99", "p99_ms", False, 1, "p99_low_ms", "p99_high_ms", on_target=True),
        Quantity("speedup", "speedup", True, 1, "speedup_low", "speedup_high", on_target=True, relative=True),
        Quantity(
            "throughput", "throughput_per_s", True, 1, "throughput_low_per_s", "throughput_high_per_s", on_target=True
        ),
        Quantity("memory", "peak_rss_bytes", False, 1e-6, on_target=True),
        Quantity("cold_start", "cold_start_ms", False, 1, on_target=True),
    )
}
ON_TARGET = tuple(key for key, quantity in QUANTITIES.items() if quantity.on_target)
COSTS, GAINS = ("file_size", "zipped_size", "parameters", *ON_TARGET), ("accuracy", "difference")
X_AXES = (*COSTS, *GAINS)
Y_AXES = (*GAINS, *COSTS)
SIZES = ("none", *COSTS, *GAINS)


@dataclass(frozen=True)
class Band:
    """Values of a quantity from ``low`` on and below ``high``, in the unit shown."""

    quantity: Quantity
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Band | None:
        """What ``str`` wrote, such as ``file_size:2.5..40``; None for anything else."""
        key, _, ends = text.partition(":")
        low, dots, high = ends.partition("..")
        try:
            band = cls(QUANTITIES[key], float(low or "-inf"), float(high or "inf"))
        except (KeyError, ValueError):
            return None
        return band if dots and band.low < band.high else None

    def __str__(self) -> str:
        ends = (f"{end:.6g}" if math.isfinite(end) else "" for end in (self.low, self.high))
        return f"{self.quantity.key}:{'..'.join(ends)}"

    @property
    def title(self) -> str:
        """For people: ``File size below 2.5 MB``."""
        how = "below" if self.low == -math.inf else "above" if self.high == math.inf else "between"
        low, high = self.quantity.number(self.low), self.quantity.number(self.high)
        return t(f"band.{how}", quantity=self.quantity.title, low=low, high=high)

    def holds(self, variant: Variant) -> bool:
        """Whether the variant's value lies in it; one that was not measured lies in none."""
        value = self.quantity.of(variant)
        return value is not None and self.low <= value < self.high


def significant(value: float, digits: int = 3) -> str:
    """``value`` with three significant digits and separated thousands: ``1,230``, ``23.4``, ``0.0512``."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    # 9.996 becomes 10.0 by rounding and would keep one digit too many
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(decimals, 0)}f}"


def cut(value: float, digits: int = 3, up: bool = False) -> str:
    """Like ``significant``, but never rounded up, or with ``up`` never down: 3.897 is ``3.89``, or ``3.90``."""
    if value <= 0 or not math.isfinite(value):
        return significant(value, digits)
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    whole = math.ceil if up else math.floor
    return significant(whole(round(value / step, 6)) * step, digits)  # 3.9 / 0.01 is a little less than 390


def signed(value: float, decimals: int = 1) -> str:
    """``value`` with its sign, a true minus, and never a minus zero."""
    text = f"{abs(value):.{decimals}f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


def file_size(count: float) -> str:
    """Bytes in the unit that suits: ``512 bytes``, ``3.42 kB``, ``23.4 MB``."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{significant(count / limit)} {unit}"
    return t("number.bytes", count=int(count))


def count(number: float) -> str:
    """How many, for people: ``512``, ``175 k``, ``22.7 M``."""
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if number >= limit:
            return f"{significant(number / (1e6 if unit == 'M' else 1e3))} {unit}"
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``8 s``, ``2 min 5 s``, ``1 h 4 min``."""
    whole = round(seconds)
    if whole < 1:
        return t("duration.instant")
    if whole < 60:
        return t("duration.seconds", s=whole)
    if whole < 3600:
        return t("duration.minutes", m=whole // 60, s=whole % 60)
    return t("duration.hours", h=whole // 3600, m=whole % 3600 // 60)


def short_date(moment: str | None) -> str:
    """The day of an ISO time."""
    return (moment or "")[:10]
