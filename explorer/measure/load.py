"""How busy other processes keep the processor, and how much of that a measurement can bear."""

import time

import psutil

from explorer.measure.host import usable_cpus

BEARABLE_CORES = 0.15
LOOK_S = 0.3


class ForeignLoad:
    """Counts from its making on: processor time of all other processes on the processors that we may use."""

    def __init__(self) -> None:
        self._wall, self._others = time.perf_counter(), _others_seconds()

    def cores(self) -> float:
        """Cores that others kept busy on average since the start; time that a hypervisor took away counts too."""
        wall = time.perf_counter() - self._wall
        return max(0.0, (_others_seconds() - self._others) / wall)


def wait_for_quiet(threads: int, patience_s: float) -> float:
    """Wait until others leave ``threads`` threads alone, for at most ``patience_s``; returns their load in cores."""
    end = time.perf_counter() + patience_s
    while True:
        load = ForeignLoad()
        time.sleep(LOOK_S)
        cores = load.cores()
        if cores <= bearable_cores(threads) or time.perf_counter() > end:
            return cores


def bearable_cores(threads: int) -> float:
    """Foreign load that does not falsify ``threads`` threads: 15 % of a core, or half of the cores that stay free."""
    return max(BEARABLE_CORES, (len(usable_cpus()) - threads) / 2)


def _others_seconds() -> float:
    times = psutil.cpu_times(percpu=True)
    chosen = [times[number] for number in usable_cpus() if number < len(times)]
    fields = ("user", "nice", "system", "irq", "softirq", "steal")
    busy = sum(float(getattr(cpu, field, 0.0)) for cpu in chosen for field in fields)
    return busy - time.process_time()
