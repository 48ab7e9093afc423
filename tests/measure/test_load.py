import subprocess
import sys
import time

from explorer.measure import load
from explorer.measure.load import ForeignLoad, bearable_cores, wait_for_quiet

BUSY = "while True: pass"


def test_a_busy_neighbour_is_seen():
    neighbour = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        time.sleep(0.3)
        meter = ForeignLoad()
        time.sleep(0.5)
        assert meter.cores() > load.BEARABLE_CORES
    finally:
        neighbour.kill()
        neighbour.wait()


def test_own_work_is_taken_off(monkeypatch):
    busy, own = iter([10.0, 13.0]), iter([1.0, 3.5])
    monkeypatch.setattr(load, "_others_seconds", lambda: next(busy) - next(own))
    clock = iter([100.0, 102.0])
    monkeypatch.setattr(load.time, "perf_counter", lambda: next(clock))
    assert ForeignLoad().cores() == 0.25


def test_cores_that_stay_free_bear_load(monkeypatch):
    monkeypatch.setattr(load, "usable_cpus", lambda: list(range(8)))
    assert bearable_cores(8) == 0.15
    assert bearable_cores(4) == 2


def test_waiting_ends_with_the_first_quiet_look(monkeypatch):
    looks = iter([2.0, 0.9, 0.1, 3.0])
    monkeypatch.setattr(load, "ForeignLoad", lambda: type("Look", (), {"cores": lambda self: next(looks)})())
    monkeypatch.setattr(load, "LOOK_S", 0)
    monkeypatch.setattr(load, "bearable_cores", lambda threads: 0.15)
    assert wait_for_quiet(2, patience_s=60) == 0.1
    assert wait_for_quiet(2, patience_s=0) == 3.0
