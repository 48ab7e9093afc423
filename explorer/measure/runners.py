"""Running a saved artefact on a target: the same code for accuracy, latency and memory.

A runner never falls back: where the wanted device cannot be had it raises ``Unavailable``, so that a figure is never
one of another device. CUDA runners put inputs on the device first and wait for the device to finish.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import Unavailable
from explorer.measure.host import default_threads
from explorer.measure.targets import Device, availability, check_target_names, targets

Tensors = Mapping[str, NDArray[Any]]
Logits = NDArray[np.float32]

PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
MODEL_FILE = "model.onnx"
TORCH_FOLDER = "torch"
TORCH_REASON_FILE = "torch-unavailable.txt"


class Runner(ABC):
    """A loaded artefact: call it with named arrays, get logits [N, classes]."""

    @abstractmethod
    def bind(self, tensors: Tensors) -> Callable[[], object]:
        """Put the inputs in place and return the bare call, which ends when the result is there: what latency times."""

    @abstractmethod
    def __call__(self, tensors: Tensors) -> Logits:
        """Logits float32 [N, classes] for one batch."""


def open_runner(folder: str | Path, target: str, threads: int | None = None) -> Runner:
    """Load the artefact in ``folder`` for ``target`` with a fixed number of threads.

    Raises ``Unavailable`` with the reason where this machine or this artefact does not have the target, ``BadInput``
    for an unknown target.
    """
    folder = Path(folder)
    reason = unavailable_reason(folder, target)
    if reason is not None:
        raise Unavailable(reason)
    place = targets()[target]
    threads = threads or default_threads()
    if place.runtime == "onnxruntime":
        made = _BoundOnnxRunner if place.device == "cuda" else _OnnxRunner
        return made(folder, place.device, threads)
    return _TorchRunner(folder, place.device, threads)


def unavailable_reason(folder: str | Path, target: str) -> str | None:
    """Why the artefact cannot run on the target, in one sentence, or None; loads nothing."""
    (target,) = check_target_names([target])
    reason = availability(target)
    if reason is not None or targets()[target].runtime != "torch" or (Path(folder) / TORCH_FOLDER).is_dir():
        return reason
    try:
        return (Path(folder) / TORCH_REASON_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return "this artefact has no PyTorch model"


class _OnnxRunner(Runner):
    """ONNX Runtime with arrays handed over at each call, which costs nothing on the CPU."""

    def __init__(self, folder: Path, device: Device, threads: int) -> None:
        self.device = device
        self.session = _session(folder / MODEL_FILE, PROVIDERS[device], threads)
        self.input_names = [node.name for node in self.session.get_inputs()]

    def bind(self, tensors: Tensors) -> Callable[[], object]:
        feed = {name: tensors[name] for name in self.input_names}
        return lambda: self.session.run(["logits"], feed)

    def __call__(self, tensors: Tensors) -> Logits:
        feed = {name: tensors[name] for name in self.input_names}
        return np.asarray(self.session.run(["logits"], feed)[0], dtype=np.float32)


class _BoundOnnxRunner(_OnnxRunner):
    """ONNX Runtime with inputs and outputs that stay on the device."""

    def _binding(self, tensors: Tensors) -> Any:
        import onnxruntime

        binding = self.session.io_binding()
        for name in self.input_names:
            placed = onnxruntime.OrtValue.ortvalue_from_numpy(tensors[name], self.device, 0)
            binding.bind_ortvalue_input(name, placed)
        binding.bind_output("logits", self.device)
        return binding

    def bind(self, tensors: Tensors) -> Callable[[], object]:
        binding = self._binding(tensors)

        def call() -> None:
            self.session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        return call

    def __call__(self, tensors: Tensors) -> Logits:
        binding = self._binding(tensors)
        self.session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0], dtype=np.float32)


class _TorchRunner(Runner):
    """PyTorch in inference mode, on the CPU or on CUDA."""

    def __init__(self, folder: Path, device: Device, threads: int) -> None:
        import torch

        from explorer.models.structure import load_torch

        if device == "cuda" and not torch.cuda.is_available():
            raise Unavailable("PyTorch cannot use the GPU of this machine")
        torch.set_num_threads(threads)
        self.device = device
        self.model = load_torch(folder / TORCH_FOLDER).eval().to(device)

    def bind(self, tensors: Tensors) -> Callable[[], object]:
        import torch

        placed = {name: torch.from_numpy(array).to(self.device) for name, array in tensors.items()}

        def call() -> Any:
            with torch.inference_mode():
                logits = self.model(**placed).logits
            if self.device == "cuda":
                torch.cuda.synchronize()
            return logits

        return call

    def __call__(self, tensors: Tensors) -> Logits:
        logits: Any = self.bind(tensors)()
        return np.asarray(logits.float().cpu().numpy(), dtype=np.float32)


def _session(path: Path, provider: str, threads: int) -> Any:
    """A session on exactly this provider; ONNX Runtime itself falls back to the CPU with a mere warning."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin after a run would take the cores from the session that runs next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if provider != PROVIDERS["cpu"] and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    given = session.get_providers()[0]
    if given != provider:
        raise Unavailable(f"ONNX Runtime gave {given} instead of {provider}")
    return session
