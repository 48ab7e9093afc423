"""What is taken of the GPU is the driver's own figure, or a reason."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from explorer.errors import Unavailable
from explorer.measure.nvml import GpuUse, gpu_use


class NvmlError(Exception):
    """As the library's own."""


def refuse(*given):
    raise NvmlError("Not Supported")


def driver(**functions):
    return SimpleNamespace(
        **{
            "NVMLError": NvmlError,
            "nvmlInit": lambda: None,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetMemoryInfo": lambda card: SimpleNamespace(used=12_000_000_000, total=80_000_000_000),
            "nvmlDeviceGetUtilizationRates": lambda card: SimpleNamespace(gpu=57, memory=3),
            **functions,
        }
    )


def test_memory_and_time_of_the_card_are_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    assert gpu_use() == GpuUse(12_000_000_000, 0.57)


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (None, "are read by the package nvidia-ml-py, which is missing"),
        (driver(nvmlInit=refuse), r"the GPU does not answer \(Not Supported\)"),
        (driver(nvmlDeviceGetMemoryInfo=refuse), r"the GPU does not tell its use \(Not Supported\)"),
    ],
)
def test_where_it_cannot_be_read_the_reason_is_told(monkeypatch, library, reason):
    monkeypatch.setitem(sys.modules, "pynvml", library)
    with pytest.raises(Unavailable, match=reason):
        gpu_use()
