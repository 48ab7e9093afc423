import sys
from types import SimpleNamespace

import pytest

from explorer.errors import Unavailable
from explorer.measure import energy
from explorer.measure.energy import EnergyCounter


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """RAPL's files in a folder of the test: two packages, and a part of one that must not be counted twice."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "max_energy_range_uj").write_text("9000000\n")
        (folder / "energy_uj").write_text("5000000\n")
    return tmp_path


def test_packages_are_summed_in_joules(counters):
    counter = EnergyCounter("cpu")
    before = counter.joules()
    (counters / "intel-rapl:1" / "energy_uj").write_text("7500000")
    assert counter.joules() - before == pytest.approx(2.5)
    assert counter.source == "RAPL"


def test_a_counter_that_runs_over_goes_on(counters):
    counter = EnergyCounter("cpu")
    before = counter.joules()
    (counters / "intel-rapl:0" / "energy_uj").write_text("1000000")
    assert counter.joules() - before == pytest.approx(5.0), "4 J to the end of the range and 1 J beyond"


def test_without_counters_the_reason_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with pytest.raises(Unavailable, match="no energy counters"):
        EnergyCounter("cpu")


def test_counters_that_may_not_be_read_tell_so(counters):
    (counters / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(Unavailable, match="administrator"):
        EnergyCounter("cpu")


def test_with_a_fake_nvml_the_gpu_is_read_in_joules(monkeypatch):
    millijoules = iter([0, 1000, 4500])
    fake = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda card: next(millijoules),
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    counter = EnergyCounter("cuda")
    before = counter.joules()
    assert (counter.joules() - before, counter.source) == (3.5, "NVML")


def test_without_nvml_the_reason_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(Unavailable, match="nvidia-ml-py"):
        EnergyCounter("cuda")


@pytest.mark.parametrize(("visible", "card"), [("", 0), ("2,0", 2), ("GPU-5a", "GPU-5a")])
def test_with_a_fake_nvml_the_gpu_that_is_used_is_read(monkeypatch, visible, card):
    asked = []
    fake = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=asked.append,
        nvmlDeviceGetHandleByUUID=asked.append,
        nvmlDeviceGetTotalEnergyConsumption=lambda card: 0,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    EnergyCounter("cuda")
    assert asked == [card]
