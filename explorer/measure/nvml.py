"""The NVIDIA GPU that CUDA programs use, asked through the driver's own library (NVML)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explorer.errors import Unavailable
from explorer.measure.host import visible_gpu


@dataclass(frozen=True)
class GpuUse:
    """What all programs together take of the GPU now: ``used_bytes`` of its memory, and of its time from 0 to 1."""

    used_bytes: int
    busy: float


def gpu_use() -> GpuUse:
    """What is taken of the GPU now; raises ``Unavailable`` with the reason."""
    nvml, card = opened()
    try:
        return GpuUse(int(nvml.nvmlDeviceGetMemoryInfo(card).used), nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100)
    except nvml.NVMLError as error:
        raise Unavailable(f"the GPU does not tell its use ({error})") from None


def opened() -> tuple[Any, Any]:
    """The library, and the GPU that is used by number or UUID; raises ``Unavailable`` with the reason."""
    try:
        import pynvml
    except ImportError:
        raise Unavailable("the counters of the GPU are read by the package nvidia-ml-py, which is missing") from None
    nvml: Any = pynvml
    try:
        nvml.nvmlInit()
        chosen = visible_gpu() or "0"
        by_number = chosen.isdigit()
        card = nvml.nvmlDeviceGetHandleByIndex(int(chosen)) if by_number else nvml.nvmlDeviceGetHandleByUUID(chosen)
    except nvml.NVMLError as error:
        raise Unavailable(f"the GPU does not answer ({error})") from None
    return nvml, card
