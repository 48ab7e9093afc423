import json
import time

import numpy as np
import pytest

from explorer.measure import peak, peak_process
from explorer.measure.peak import Peaks, host_peaks


class Calibrations:
    """Stands in for the calibrating process: answers 100, 101, ... GFLOP/s and remembers the threads asked for."""

    def __init__(self):
        self.asked, self.quiet = [], True

    def __call__(self, module, specification, timeout_s):
        self.asked.append(specification["threads"])
        return {"gflops": 99.0 + len(self.asked), "gbytes_per_s": 20.0, "quiet": self.quiet}


@pytest.fixture
def calibrations(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    found = Calibrations()
    monkeypatch.setattr(peak, "run_fresh", found)
    return found


def test_a_fresh_process_finds_both_peaks():
    found = peak.run_fresh("explorer.measure.peak_process", {"threads": 1}, 120.0)
    assert set(found) == {"gflops", "gbytes_per_s", "quiet"}
    assert found["gflops"] > 0 and found["gbytes_per_s"] > 0


def test_peaks_are_remembered_for_each_number_of_threads(calibrations):
    assert host_peaks(1) == Peaks(100.0, 20.0)
    assert host_peaks(2) == Peaks(101.0, 20.0)
    assert host_peaks(1) == Peaks(100.0, 20.0)
    assert calibrations.asked == [1, 2]


def test_peaks_are_measured_again_after_a_day_or_when_the_clock_was_set_back(calibrations, monkeypatch):
    now = time.time()
    host_peaks(1)
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    assert host_peaks(1).gflops == 101.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert host_peaks(1).gflops == 102.0


def test_a_disturbed_calibration_is_not_remembered(calibrations):
    calibrations.quiet = False
    assert host_peaks(1).gflops == 100.0
    assert host_peaks(1).gflops == 101.0


def test_a_broken_record_is_measured_again(calibrations, tmp_path):
    host_peaks(1)
    (record,) = (tmp_path / "cache" / "peaks").iterdir()
    for broken in ("no json", "[]", "{}", json.dumps({"gflops": 1.0, "measured_at": time.time()})):
        record.write_text(broken)
        assert host_peaks(1).gflops == 99.0 + len(calibrations.asked)
    assert calibrations.asked == [1] * 5


def test_operations_and_bytes_follow_from_the_seconds(monkeypatch):
    calls = []

    def best(call, for_seconds):
        calls.append(call())
        return 1e-3

    monkeypatch.setattr(peak_process, "_best_seconds", best)
    assert peak_process.best_gflops(1, (16, 32)) == pytest.approx(2 * 32**3 / 1e-3 / 1e9)
    assert peak_process.best_gbytes_per_s(1, (16, 8)) == pytest.approx(16 * 8 * 4 / 1e-3 / 1e9)
    # the graphs really do that work: 0.5 * 0.5 summed over a row, and rows of 1.5
    assert [np.unique(found).tolist() for (found,) in calls] == [[16 * 0.25], [32 * 0.25], [8 * 1.5]]


def test_no_larger_product_is_tried_once_a_call_takes_long(monkeypatch):
    widths = []
    monkeypatch.setattr(peak_process, "_session", lambda kind, matrix, others, threads: widths.append(len(matrix)))
    monkeypatch.setattr(peak_process, "_best_seconds", lambda call, for_seconds: 0.06)
    peak_process.best_gflops(1, (16, 32, 64))
    assert widths == [16]
