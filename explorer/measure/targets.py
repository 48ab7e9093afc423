"""The places where an artefact can run, and whether this machine has them; imports neither torch nor onnxruntime."""

import ctypes
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Literal

from explorer.errors import BadInput

Runtime = Literal["onnxruntime", "torch"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Target:
    """A runtime on a device: ``name`` in recipes and results, ``title`` for people."""

    name: str
    runtime: Runtime
    device: Device
    title: str


_TARGETS = (
    Target("cpu-onnxruntime", "onnxruntime", "cpu", "CPU, ONNX Runtime"),
    Target("cpu-torch", "torch", "cpu", "CPU, PyTorch"),
    Target("cuda-onnxruntime", "onnxruntime", "cuda", "NVIDIA GPU, ONNX Runtime"),
    Target("cuda-torch", "torch", "cuda", "NVIDIA GPU, PyTorch"),
)


def targets() -> dict[str, Target]:
    """Every known target by name, available here or not."""
    return {target.name: target for target in _TARGETS}


def check_target_names(names: object) -> tuple[str, ...]:
    """Return ``names`` as a tuple without repeats, in the given order, or raise ``BadInput`` listing what is known."""
    known = ", ".join(targets())
    if not isinstance(names, (list, tuple)) or not names:
        raise BadInput(f"Targets must be a list of one or more of {known}; given was {names!r}.")
    for name in names:
        if not isinstance(name, str) or name not in targets():
            raise BadInput(f"There is no target {name!r}; known are {known}.")
    return tuple(dict.fromkeys(names))


def availability(name: str) -> str | None:
    """Return None when artefacts can run on this target here, else the reason in one sentence."""
    (checked,) = check_target_names([name])
    target = targets()[checked]
    if find_spec(target.runtime) is None:
        return f"the package {target.runtime} is not installed"
    if target.device == "cpu":
        return None
    if not has_nvidia_gpu():
        return "no NVIDIA GPU was found on this machine"
    return _without_cuda(target.runtime)


@cache
def has_nvidia_gpu() -> bool:
    """True when the NVIDIA driver counts at least one device: the driver library is asked, else ``nvidia-smi``."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(library)
        except OSError:
            continue
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    return _smi_lists_a_gpu()


def _smi_lists_a_gpu() -> bool:
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        listing = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listing.returncode == 0 and "GPU 0" in listing.stdout


def _without_cuda(runtime: Runtime) -> str | None:
    """Why the installed package cannot use a GPU; both wheels come in CPU builds of the same import name."""
    if runtime == "onnxruntime":
        return None if _has_distribution("onnxruntime-gpu") else "the installed onnxruntime has no CUDA provider"
    return None if _torch_has_cuda() else "the installed torch is built without CUDA"


def _has_distribution(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _torch_has_cuda() -> bool:
    """Torch writes its CUDA version into ``torch/version.py``; a CPU build says ``cuda = None`` there."""
    for file in distribution("torch").files or ():
        if file.as_posix() == "torch/version.py":
            lines = file.read_text().splitlines()
            return any(line.startswith("cuda") and not line.rstrip().endswith("None") for line in lines)
    return False
