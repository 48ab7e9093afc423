"""Energy by the operating system's own counters: RAPL for the processor, NVML for a GPU; nothing is modelled.

A counter covers the whole package or card, idle power and neighbours included, and advances about every millisecond
(RAPL) or every 20 to 100 ms (NVML), so it is read before and after many calls.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from explorer.errors import Unavailable
from explorer.measure import nvml

POWERCAP = Path("/sys/class/powercap")


class EnergyCounter:
    """Joules that a device has used; ``source`` names the counter. Raises ``Unavailable`` with the reason."""

    def __init__(self, device: str) -> None:
        self._read, self.source = _nvml() if device == "cuda" else _rapl()

    def joules(self) -> float:
        """Since some moment in the past; only differences mean something."""
        return self._read()


def _rapl() -> tuple[Callable[[], float], str]:
    """The sum of all processor packages; a counter that ran over its end goes on from zero."""
    folders = [folder for folder in sorted(POWERCAP.glob("intel-rapl:*")) if folder.name.count(":") == 1]
    if not folders:
        raise Unavailable("this system has no energy counters (no RAPL in /sys/class/powercap)")
    packages = [_Package(folder) for folder in folders]
    try:
        for package in packages:
            package.joules()
    except OSError:
        raise Unavailable("the energy counters of the processor may only be read by an administrator") from None
    return lambda: sum(package.joules() for package in packages), "RAPL"


class _Package:
    def __init__(self, folder: Path) -> None:
        self.folder, self.last, self.total = folder, -1, 0.0

    def joules(self) -> float:
        now = int((self.folder / "energy_uj").read_text())
        if 0 <= now < self.last:
            self.total += int((self.folder / "max_energy_range_uj").read_text()) / 1e6
        self.last = now
        return self.total + now / 1e6


def _nvml() -> tuple[Callable[[], float], str]:
    library, card = nvml.opened()
    try:
        library.nvmlDeviceGetTotalEnergyConsumption(card)
    except library.NVMLError as error:
        raise Unavailable(f"the GPU gives no energy counter ({error})") from None
    return lambda: library.nvmlDeviceGetTotalEnergyConsumption(card) / 1e3, "NVML"
