"""Devices that nobody here owns, with the peaks that a source states: what the roofline estimates for.

``devices.json`` holds the figures, and for each its sources. A device or figure whose source could not be read is not
in it. ``python -m explorer.measure.devices`` prints ``docs/devices.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from explorer.errors import BadInput

FILE = Path(__file__).with_name("devices.json")
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
FALLBACKS = ("fp32", "bf16")
"""Whose peak stands in for a precision without one, the first that there is; each such case has a note in the table."""


@dataclass(frozen=True)
class Source:
    """Where a figure was read."""

    title: str
    url: str


@dataclass(frozen=True)
class Figure:
    """A figure with its sources; ``note`` says how it follows from them or, where there is none, why."""

    value: float | None
    sources: tuple[Source, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Device:
    """A device by its peaks: 10^9 operations a second by precision, 10^9 bytes a second, 10^9 bytes of memory."""

    key: str
    name: str
    kind: str
    gflops: dict[str, Figure]
    gbytes_per_s: Figure
    memory_gbytes: Figure

    def peak(self, precision: str) -> tuple[float, str]:
        """Operations a second in ``precision``, and the precision whose peak that is."""
        for name in (precision, *FALLBACKS):
            figure = self.gflops.get(name)
            if figure is not None and figure.value is not None:
                return figure.value * 1e9, name
        raise BadInput(f"The device '{self.key}' has no peak for {precision}; expected is one for fp32 or bf16.")

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return (self.gbytes_per_s.value or 0.0) * 1e9

    def holds(self, size: float) -> bool:
        """Whether so many bytes fit into its memory."""
        return size <= (self.memory_gbytes.value or 0.0) * 1e9


@cache
def devices() -> dict[str, Device]:
    """Every device of the table by its key, in the order of the table."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    sources = {key: Source(**fields) for key, fields in table["sources"].items()}
    return {entry["key"]: _device(entry, sources) for entry in table["devices"]}


def device(key: str) -> Device:
    """One device; raises ``BadInput`` that lists the known ones."""
    if key not in devices():
        raise BadInput(f"There is no device '{key}' to estimate for; known are {', '.join(devices())}.")
    return devices()[key]


def _device(entry: dict[str, Any], sources: dict[str, Source]) -> Device:
    def figure(fields: dict[str, Any]) -> Figure:
        return Figure(fields["value"], tuple(sources[key] for key in fields["sources"]), fields["note"])

    return Device(
        key=entry["key"],
        name=entry["name"],
        kind=entry["kind"],
        gflops={name: figure(fields) for name, fields in entry["gflops"].items()},
        gbytes_per_s=figure(entry["gbytes_per_s"]),
        memory_gbytes=figure(entry["memory_gbytes"]),
    )


INTRODUCTION = """# Devices that can be estimated for

A latency on a device that is not here can be *estimated*, never measured. An estimate is drawn hollow, is never on a
front of measured points, and says what it assumes.

## How
The roofline of Williams, Waterman and Patterson (*Roofline: an insightful visual performance model for multicore
architectures*, Communications of the ACM 52(4), 2009): a call takes at least as long as its operations at the device's
peak, and at least as long as its bytes at the device's memory bandwidth. The larger of both is the ideal time, and the
bound that gave it is named. Operations and bytes are counted from the graph in the file, at the shape in question.

No program reaches these peaks. How far measured times on *this* host are from its own ideal times is found out from all
runs of the same model that were measured in ONNX Runtime on its CPU, or of all models where there are fewer than five
such points: the median of measured over ideal is the **factor**. Estimates are the ideal time on the device times that
factor. Beside them stands how well that works here, each measured point estimated from all the others: the median
error, and the error that nine of ten points stay within. Techniques that move the work to slower kernels, such as
weights that are unpacked at each call, are what the large errors come from.

## What is assumed
- Another device is as far from its ideal as this host's CPU is from its own. For accelerators and for phones this is a
  guess; a factor of two is nothing unusual, and small models on large GPUs wait for launches instead of arithmetic.
- Every operator reads its inputs from memory and writes its results there. Caches and fused operators do better.
- Operations of different precisions are done one after the other, each at the peak of its precision.
- Where a device has no peak for a precision, the one named in the table is taken. An fp32 product is taken at the fp32
  peak, although some libraries use TF32 or bf16 for it unasked.
- The clock does not drop, nothing else runs, and copying inputs to the device costs nothing.
- The speed-up is the ratio of two estimates, in which the factor cancels out. It says where the roofline moves, not
  what a runtime makes of it.
"""


def page() -> str:
    """The text of ``docs/devices.md``: how estimates are made, what they assume, and every figure with its sources."""
    sources = list(
        dict.fromkeys(source for entry in devices().values() for _, fig in _rows(entry) for source in fig.sources)
    )
    lines = [
        INTRODUCTION,
        "## The table",
        "Peaks without sparsity, in 10^9 operations a second; two for a multiply-add.",
        "",
    ]
    lines += ["| device | fp32 | fp16 | bf16 | int8 | memory, GB/s | memory, GB |", "|---|--:|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {entry.name} | {' | '.join(_written(fig) for _, fig in _rows(entry))} |" for entry in devices().values()
    ]
    lines += ["", "## Where each figure comes from"]
    for entry in devices().values():
        lines += ["", f"### {entry.name}"]
        lines += [f"- **{title}** {_written(fig)}{_origin(fig, sources)}" for title, fig in _rows(entry)]
    lines += ["", "## Sources"]
    lines += [f"{number}. [{source.title}]({source.url})" for number, source in enumerate(sources, start=1)]
    return "\n".join(lines) + "\n"


def _rows(entry: Device) -> list[tuple[str, Figure]]:
    peaks = [(name, entry.gflops[name]) for name in PRECISIONS]
    return [*peaks, ("memory bandwidth", entry.gbytes_per_s), ("memory", entry.memory_gbytes)]


def _written(figure: Figure) -> str:
    return "–" if figure.value is None else f"{figure.value:,.4g}" if figure.value < 1000 else f"{figure.value:,.0f}"


def _origin(figure: Figure, sources: list[Source]) -> str:
    numbers = ", ".join(str(sources.index(source) + 1) for source in figure.sources)
    return (f" [{numbers}]" if numbers else "") + (f": {figure.note}" if figure.note else "")


if __name__ == "__main__":
    print(page(), end="")
