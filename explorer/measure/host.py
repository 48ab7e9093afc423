"""What this machine is, as far as it matters for a measurement; never its name, its users or its folders."""

from __future__ import annotations

import math
import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

X86 = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
INSTRUCTION_SETS = (*X86, "asimd", "i8mm", "sve")
PACKAGES = ("torch", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt", "transformers", "numpy")


def fingerprint(threads: int | None = None) -> dict[str, Any]:
    """Processor, instruction sets, cores, threads, memory, system, versions and GPU, as JSON-ready data.

    ``threads`` is the number that measurements use, by default ``default_threads()``. What cannot be found out is left
    empty or None.
    """
    return {
        "cpu": _cpu_name(),
        "isa": _instruction_sets(),
        "cores": len(usable_cpus()),
        "threads": threads or default_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "os": _system(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "gpu": _gpu(),
    }


def usable_cpus() -> list[int]:
    """Numbers of the logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_threads() -> int:
    """Physical cores that this process may use: a second thread on a core does not speed up matrix products."""
    cores = psutil.cpu_count(logical=False) or len(usable_cpus())
    return max(1, min(cores, len(usable_cpus()), _quota()))


def pin(threads: int) -> int | None:
    """Keep this process on as many processors as it has threads, each on a core of its own where there are enough.

    Returns the number of processors, or None where the system knows no affinity (macOS).
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    usable = usable_cpus()
    one_per_core = list({_core(number): number for number in reversed(usable)}.values())
    chosen = sorted(one_per_core)[:threads] if len(one_per_core) >= threads else usable
    os.sched_setaffinity(0, chosen)
    return len(chosen)


def _core(number: int) -> str:
    """What names the physical core of a logical processor: the list of all that share it."""
    try:
        topology = Path(f"/sys/devices/system/cpu/cpu{number}/topology")
        return (topology / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(number)


def _quota() -> int:
    """Cores that a container's quota allows (cgroup 2), or more than any machine has."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, math.floor(int(quota) / int(period)))
    except (OSError, ValueError):
        return 1 << 16


def _cpu_name() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _instruction_sets() -> list[str]:
    for line in _cpuinfo():
        if line.startswith(("flags", "Features")):
            flags = line.partition(":")[2].split()
            return [name for name in INSTRUCTION_SETS if name in flags]
    flags = _sysctl("machdep.cpu.leaf7_features").lower().split()
    return [name for name in INSTRUCTION_SETS if name in flags] or (["asimd"] if platform.machine() == "arm64" else [])


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _sysctl(name: str) -> str:
    return _output("sysctl", "-n", name) if platform.system() == "Darwin" else ""


def _system() -> str:
    kernel = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({kernel})"
    except (OSError, KeyError):
        return kernel


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu() -> dict[str, Any] | None:
    fields = _ask_gpu("name", "driver_version", "memory.total")
    if len(fields) != 3 or not fields[2].isdigit():
        return None
    return {"name": fields[0], "driver": fields[1], "memory_bytes": int(fields[2]) << 20}


def gpu_state() -> dict[str, Any] | None:
    """Name, driver, memory, clocks and temperature of the NVIDIA GPU that is used, at this moment; None without one."""
    known, numbers = _gpu(), ("clocks.sm", "clocks.mem", "memory.used", "temperature.gpu")
    if known is None:
        return None
    found = [int(field) if field.isdigit() else None for field in _ask_gpu(*numbers)]
    names = ("sm_clock_mhz", "memory_clock_mhz", "memory_used_mib", "temperature_c")
    return known | dict(zip(names, found, strict=False))


def visible_gpu() -> str | None:
    """The first GPU that CUDA programs may use, by number or UUID, where ``CUDA_VISIBLE_DEVICES`` names one.

    CUDA counts as nvidia-smi does only with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``, which measuring processes are given.
    """
    return os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip() or None


def _ask_gpu(*fields: str) -> list[str]:
    chosen = visible_gpu()
    which = [f"--id={chosen}"] if chosen else []
    row = _output("nvidia-smi", *which, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    return [field.strip() for field in row.partition("\n")[0].split(",")]


def _output(*command: str) -> str:
    """What a program prints, or nothing where it is missing or fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return finished.stdout.strip() if finished.returncode == 0 else ""
