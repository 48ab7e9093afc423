"""How findings write their figures, and how they look things up in a result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Facts = dict[str, Any]
"""A result as JSON data, or a part of it; results of earlier versions lack what was added since."""


def ms(value: float) -> str:
    return f"{value:.3g} ms"


def megabytes(count: float) -> str:
    return f"{count / 1e6:.3g} MB"


def points(share: float) -> str:
    written = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if written[1:] == "0.0" else written


def listed(items: Iterable[str]) -> str:
    """``a, b and c``."""
    *first, last = list(items)
    return f"{', '.join(first)} and {last}" if first else last


def at(entry: Facts, result: Facts) -> str:
    """The shape of a latency in words; its length, or an image's size, only where there are several."""
    several = len({_length(other, result) for other in result["latency"] if other["kind"] != "unavailable"}) > 1
    return f"at batch {entry['batch']}" + (f" with {_length(entry, result)}" if several else "")


def _length(entry: Facts, result: Facts) -> str:
    if result.get("kind") == "image":
        return f"{entry['sequence']} pixels a side"
    return "real lengths" if entry.get("lengths") == "real" else f"{entry['sequence']} tokens"


def measured(result: Facts) -> list[Facts]:
    """Latencies that were measured and are not noisy."""
    return [entry for entry in result["latency"] if entry["kind"] == "measured" and not entry["noisy"]]


def by_target(result: Facts) -> Iterator[list[Facts]]:
    """Measured entries that are not noisy, target by target."""
    usable = measured(result)
    for target in dict.fromkeys(entry["target"] for entry in usable):
        yield [entry for entry in usable if entry["target"] == target]


def steps(result: Facts) -> list[Facts]:
    found: list[Facts] = result["recipe"].get("steps") or []
    return found


def step(result: Facts, *techniques: str) -> Facts | None:
    """The first step with one of these techniques."""
    return next((step for step in steps(result) if step["technique"] in techniques), None)


def operator_ms(profile: Facts, side: str) -> dict[str, float]:
    """Milliseconds a call by operator type for ``variant`` or ``baseline``."""
    return {row["name"]: row[f"{side}_ms"] for row in profile["by_operator"] if row[f"{side}_ms"] is not None}


def slowest(times: dict[str, float], count: int = 3) -> str:
    """``Cast 0.12 ms and Mul 0.03 ms``."""
    return listed(f"{name} {ms(times[name])}" for name in most(times, count))


def most(values: dict[str, float], count: int) -> Sequence[str]:
    return sorted(values, key=lambda name: -values[name])[:count]
