"""How busy other processes keep the processor, who they are, and how much of that a measurement can bear."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from explorer.measure.host import usable_cpus

BEARABLE_CORES = 0.15
LOOK_S = 0.3
BROWSERS = ("brave", "chrome", "chromium", "firefox", "google chrome", "msedge", "opera", "safari", "webkit")


@dataclass(frozen=True)
class Load:
    """Cores that others kept busy on average: strangers, and by name our own dashboard and browsers.

    The dashboard and the browser that shows it stay as long as somebody looks, so nobody waits for them.
    """

    foreign_cores: float = 0.0
    dashboard_cores: float = 0.0
    browser_cores: float = 0.0

    @property
    def cores(self) -> float:
        return self.foreign_cores + self.dashboard_cores + self.browser_cores

    def words(self) -> str:
        """Who kept how many cores busy, the busiest first."""
        parts = {
            "other processes": self.foreign_cores,
            "this dashboard": self.dashboard_cores,
            "the browser": self.browser_cores,
        }
        busy = sorted(((cores, who) for who, cores in parts.items() if cores >= 0.05), reverse=True)
        return " and ".join(f"{who} kept {cores:.2f} cores busy" for cores, who in busy)


class LoadMeter:
    """Counts from its making on: processor time of all other processes on the processors that we may use."""

    def __init__(self) -> None:
        self._wall, self._seconds, self._named = time.perf_counter(), _others_seconds(), _named_seconds()

    def load(self) -> Load:
        """The load since the start; time that a hypervisor took away counts as a stranger's.

        No system tells which process ran on which processor, so the load on ours is shared out as that on all is.
        """
        wall = time.perf_counter() - self._wall
        ours, everywhere = (now - before for now, before in zip(_others_seconds(), self._seconds, strict=True))
        grown = {"dashboard": 0.0, "browser": 0.0}
        for process, (kind, seconds) in _named_seconds().items():
            grown[kind] += max(0.0, seconds - self._named.get(process, (kind, 0.0))[1])
        whole = max(everywhere, sum(grown.values()), 1e-9)
        cores = max(0.0, ours) / wall
        named = {kind: cores * seconds / whole for kind, seconds in grown.items()}
        return Load(cores - sum(named.values()), named["dashboard"], named["browser"])


def wait_for_quiet(threads: int, patience_s: float) -> Load:
    """Wait until strangers leave ``threads`` threads alone, for at most ``patience_s``; returns the load then."""
    end = time.perf_counter() + patience_s
    while True:
        meter = LoadMeter()
        time.sleep(LOOK_S)
        load = meter.load()
        if load.foreign_cores <= bearable_cores(threads) or time.perf_counter() > end:
            return load


def bearable_cores(threads: int) -> float:
    """Foreign load that does not falsify ``threads`` threads: 15 % of a core, or half of the cores that stay free."""
    return max(BEARABLE_CORES, (len(usable_cpus()) - threads) / 2)


def _others_seconds() -> tuple[float, float]:
    """Processor seconds of all other processes so far: on the processors that we may use, and on all."""
    times = psutil.cpu_times(percpu=True)
    fields = ("user", "nice", "system", "irq", "softirq", "steal")
    busy = [sum(float(getattr(cpu, field, 0.0)) for field in fields) for cpu in times]
    ours = sum(busy[number] for number in usable_cpus() if number < len(busy))
    return ours - time.process_time(), sum(busy) - time.process_time()


def _named_seconds() -> dict[tuple[int, float], tuple[str, float]]:
    """Processor seconds of our dashboard's and of browsers' processes, by process id and start time."""
    found = {}
    for process in psutil.process_iter():
        try:
            kind = _kind(process)
            if kind:
                times = process.cpu_times()
                found[process.pid, process.create_time()] = kind, float(times.user + times.system)
        except psutil.Error:
            continue  # gone meanwhile, or somebody else's
    return found


def _kind(process: psutil.Process) -> str | None:
    name = process.name().lower()
    if name.startswith(BROWSERS):
        return "browser"
    if name.startswith(("python", "streamlit")):
        words = [word.rsplit("/", 1)[-1] for word in process.cmdline()]
        if "streamlit" in words and "app.py" in words:
            return "dashboard"
    return None
