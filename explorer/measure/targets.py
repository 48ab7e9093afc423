"""The places where an artefact can run, and whether this machine has them; imports neither torch nor onnxruntime."""

import ctypes
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Literal

from explorer.errors import BadInput, given

Runtime = Literal["onnxruntime", "openvino", "tensorrt", "torch"]
Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["stored", "auto", "fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class Target:
    """A runtime on a device: ``name`` in recipes and results, ``title`` for people.

    ``precision`` is what is asked for: ``stored`` computes as the file says, ``auto`` leaves it to the runtime. What
    was really used stands in the result. ``compiled`` marks ``torch.compile``, ``sparse`` kernels for 2:4
    sparsity. ``help`` says what the title does not.
    """

    name: str
    runtime: Runtime
    device: Device
    title: str
    precision: Precision = "stored"
    compiled: bool = False
    sparse: bool = False
    help: str = ""


_TARGETS = (
    Target("cpu-onnxruntime", "onnxruntime", "cpu", "CPU, ONNX Runtime"),
    Target(
        "cpu-openvino",
        "openvino",
        "cpu",
        "CPU, OpenVINO",
        "auto",
        help="Reads the same ONNX file. It computes in bf16 by itself where the processor has it; the result says so.",
    ),
    Target(
        "cpu-openvino-fp32",
        "openvino",
        "cpu",
        "CPU, OpenVINO in fp32",
        "fp32",
        help="OpenVINO held to 32-bit numbers, to tell its own speed from that of bf16.",
    ),
    Target("cpu-torch", "torch", "cpu", "CPU, PyTorch"),
    Target("cpu-torch-bf16", "torch", "cpu", "CPU, PyTorch in bf16", "bf16"),
    Target(
        "cpu-torch-compiled",
        "torch",
        "cpu",
        "CPU, PyTorch compiled",
        compiled=True,
        help="torch.compile: the first call takes tens of seconds, which are not part of the latency.",
    ),
    Target("cuda-onnxruntime", "onnxruntime", "cuda", "NVIDIA GPU, ONNX Runtime"),
    Target("cuda-tensorrt", "tensorrt", "cuda", "NVIDIA GPU, TensorRT", "fp16"),
    Target("cuda-torch", "torch", "cuda", "NVIDIA GPU, PyTorch"),
    Target("cuda-torch-fp16", "torch", "cuda", "NVIDIA GPU, PyTorch in fp16", "fp16"),
    Target("cuda-torch-bf16", "torch", "cuda", "NVIDIA GPU, PyTorch in bf16", "bf16"),
    Target("cuda-torch-compiled", "torch", "cuda", "NVIDIA GPU, PyTorch compiled", compiled=True),
    Target(
        "cuda-torch-sparse",
        "torch",
        "cuda",
        "NVIDIA GPU, PyTorch in fp16 with 2:4 sparse kernels",
        "fp16",
        sparse=True,
        help="Layers pruned to two of every four weights use the GPU's sparse tensor cores (Ampere and later).",
    ),
    Target("mps-torch", "torch", "mps", "Apple GPU, PyTorch"),
)

USUAL = ("cpu-onnxruntime", "cpu-torch", "cuda-onnxruntime", "cuda-torch")
"""Where a new recipe is measured unless its author says otherwise, as far as the machine has them."""


def targets() -> dict[str, Target]:
    """Every known target by name, available here or not."""
    return {target.name: target for target in _TARGETS}


def check_target_names(names: object) -> tuple[str, ...]:
    """Return ``names`` as a tuple without repeats, in the given order, or raise ``BadInput`` listing what is known."""
    known = ", ".join(targets())
    if not isinstance(names, (list, tuple)) or not names:
        raise BadInput(f"Targets must be a list of one or more of {known}; given was {given(names)}.")
    for name in names:
        if not isinstance(name, str) or name not in targets():
            raise BadInput(f"There is no target {name!r}; known are {known}.")
    return tuple(dict.fromkeys(names))


def availability(name: str) -> str | None:
    """Return None when artefacts can run on this target here, else the reason in one sentence."""
    (checked,) = check_target_names([name])
    target = targets()[checked]
    checks = (_without_device, _without_package, _without_gpu_build, _without_compiler)
    return next((reason for check in checks if (reason := check(target)) is not None), None)


def _without_device(target: Target) -> str | None:
    if target.device == "cuda" and not has_nvidia_gpu():
        return "no NVIDIA GPU was found on this machine"
    if target.device == "mps" and (platform.system(), platform.machine()) != ("Darwin", "arm64"):
        return "no Apple GPU was found on this machine"
    return None


def _without_package(target: Target) -> str | None:
    return None if find_spec(target.runtime) else f"the package {target.runtime} is not installed"


def _without_gpu_build(target: Target) -> str | None:
    """Why the installed package cannot use CUDA; both wheels come in CPU builds of the same import name."""
    if target.device != "cuda":
        return None
    if target.runtime == "torch":
        return None if _torch_has_cuda() else "the installed torch is built without CUDA"
    return None if _has_distribution("onnxruntime-gpu") else "the installed onnxruntime has no CUDA provider"


def _without_compiler(target: Target) -> str | None:
    """``torch.compile`` writes C++ (also around its GPU kernels) and needs something that compiles it."""
    names = (os.environ.get("CXX"), "g++", "clang++")
    if not target.compiled or any(name and shutil.which(name) for name in names):
        return None
    return "torch.compile needs a C++ compiler such as g++"


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
