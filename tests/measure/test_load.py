import subprocess
import sys
import time

import pytest

from explorer.measure import load
from explorer.measure.load import Load, LoadMeter, bearable_cores, wait_for_quiet

BUSY = "while True: pass"


@pytest.fixture
def busy():
    """Starts processes that keep a core busy, under a command line of the test's choice."""
    started = []

    def start(*words: str) -> None:
        started.append(subprocess.Popen([sys.executable, "-c", BUSY, *words]))
        time.sleep(0.3)

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_busy_neighbour_is_seen_as_a_stranger(busy):
    busy()
    meter = LoadMeter()
    time.sleep(0.5)
    assert meter.load().foreign_cores > load.BEARABLE_CORES


def test_our_own_dashboard_is_named(busy):
    busy("-m", "streamlit", "run", "app.py")
    meter = LoadMeter()
    time.sleep(0.5)
    assert meter.load().dashboard_cores > load.BEARABLE_CORES


def seen(monkeypatch, others, named, wall_s):
    """What the meter says after ``wall_s`` seconds in which these counters grew from nothing."""
    counters, processes, clock = iter([(0.0, 0.0), others]), iter([{}, named]), iter([0.0, wall_s])
    monkeypatch.setattr(load, "_others_seconds", lambda: next(counters))
    monkeypatch.setattr(load, "_named_seconds", lambda: next(processes))
    monkeypatch.setattr(load.time, "perf_counter", lambda: next(clock))
    return LoadMeter().load()


def test_named_processes_stand_apart(monkeypatch):
    named = {(7, 0.0): ("browser", 0.5), (8, 1.0): ("dashboard", 0.25)}
    found = seen(monkeypatch, (1.0, 1.0), named, 2.0)
    assert (found.foreign_cores, found.browser_cores, found.dashboard_cores) == (0.125, 0.25, 0.125)
    assert found.cores == 0.5


def test_load_on_our_processors_is_shared_out_as_that_on_all(monkeypatch):
    """Four cores were busy for 4 s in all, one of them ours for 1 s; the browser used a half of everything."""
    found = seen(monkeypatch, (1.0, 4.0), {(7, 0.0): ("browser", 2.0)}, 4.0)
    assert found == Load(foreign_cores=0.125, browser_cores=0.125)


def test_own_work_is_taken_off(monkeypatch):
    busy = type("Times", (), {"user": 5.0, "system": 1.0})
    monkeypatch.setattr(load.psutil, "cpu_times", lambda percpu: [busy, busy, busy])
    monkeypatch.setattr(load.time, "process_time", lambda: 2.0)
    monkeypatch.setattr(load, "usable_cpus", lambda: [0, 2])
    assert load._others_seconds() == (10.0, 16.0)


def test_the_busiest_is_named_first():
    found = Load(foreign_cores=0.2, dashboard_cores=0.01, browser_cores=0.9)
    assert found.words() == "the browser kept 0.90 cores busy and other processes kept 0.20 cores busy"


def test_cores_that_stay_free_bear_load(monkeypatch):
    monkeypatch.setattr(load, "usable_cpus", lambda: list(range(8)))
    assert bearable_cores(8) == 0.15
    assert bearable_cores(4) == 2


def test_waiting_ends_with_the_first_look_without_strangers(monkeypatch):
    looks = iter([Load(2.0), Load(0.9), Load(0.1, browser_cores=1.5), Load(3.0)])
    monkeypatch.setattr(load, "LoadMeter", lambda: type("Look", (), {"load": lambda self: next(looks)})())
    monkeypatch.setattr(load, "LOOK_S", 0)
    monkeypatch.setattr(load, "bearable_cores", lambda threads: 0.15)
    assert wait_for_quiet(2, patience_s=60) == Load(0.1, browser_cores=1.5)
    assert wait_for_quiet(2, patience_s=0) == Load(3.0)
