"""ONNX Runtime: on the CPU, on CUDA, and through its TensorRT provider."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import Unavailable
from explorer.measure.runners.base import MODEL_FILE, Call, Logits, Runner, Tensors, joined
from explorer.measure.targets import Target

PROVIDERS = {
    ("onnxruntime", "cpu"): "CPUExecutionProvider",
    ("onnxruntime", "cuda"): "CUDAExecutionProvider",
    ("tensorrt", "cuda"): "TensorrtExecutionProvider",
}
INTEGER_PRODUCTS = frozenset(
    {"ConvInteger", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat"}
    | {"QAttention", "QGemm", "QLinearConv", "QLinearMatMul"}
)
FLOAT_PRODUCTS = frozenset({"Attention", "Conv", "FusedConv", "FusedMatMul", "Gemm", "MatMul", "MatMulNBits"})
FLOATS = {1: "fp32", 10: "fp16", 16: "bf16"}


class OnnxRunner(Runner):
    """ONNX Runtime with arrays handed over at each call, which costs nothing on the CPU."""

    def __init__(self, folder: Path, target: Target, threads: int) -> None:
        self.target, self.path = target, folder / MODEL_FILE
        self.session = open_session(self.path, target, threads)
        self.input_names = [node.name for node in self.session.get_inputs()]

    @property
    def provider(self) -> str:
        """The execution provider, and how many operators it left to another one."""
        wanted = PROVIDERS[self.target.runtime, self.target.device]
        return assignment(Counter(part.ep_name for part in self.session.get_provider_graph_assignment_info()), wanted)

    @property
    def precision(self) -> str:
        if self.target.runtime == "tensorrt":
            return "fp16"  # the builder was told so; TensorRT keeps single layers in fp32 where that is faster
        import onnx

        return graph_precision(onnx.load(self.path, load_external_data=False))

    def bind(self, tensors: Tensors) -> Call:
        feed = {name: tensors[name] for name in self.input_names}
        return lambda: self.session.run(["logits"], feed)

    def __call__(self, tensors: Tensors) -> Logits:
        feed = {name: tensors[name] for name in self.input_names}
        return np.asarray(self.session.run(["logits"], feed)[0], dtype=np.float32)


class BoundOnnxRunner(OnnxRunner):
    """ONNX Runtime with inputs and outputs that stay on the device; each call waits for the device to finish."""

    def _binding(self, tensors: Tensors) -> Any:
        import onnxruntime

        binding = self.session.io_binding()
        for name in self.input_names:
            placed = onnxruntime.OrtValue.ortvalue_from_numpy(tensors[name], self.target.device, 0)
            binding.bind_ortvalue_input(name, placed)
        binding.bind_output("logits", self.target.device)
        return binding

    def bind(self, tensors: Tensors) -> Call:
        binding = self._binding(tensors)

        def call() -> None:
            self.session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        return call

    def __call__(self, tensors: Tensors) -> Logits:
        binding = self._binding(tensors)
        self.session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0], dtype=np.float32)


def open_session(path: Path, target: Target, threads: int) -> Any:
    """A session on exactly the target's provider; ONNX Runtime itself falls back to the CPU with a mere warning."""
    import onnxruntime

    provider, options = PROVIDERS[target.runtime, target.device], session_options(threads)
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if target.device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    extra = {"trt_fp16_enable": "1"} if target.precision == "fp16" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = onnxruntime.InferenceSession(str(path), options, providers=[(provider, extra)])
    given = session.get_providers()[0]
    if given != provider:
        raise Unavailable(f"ONNX Runtime gave {given} instead of {provider}")
    return session


def session_options(threads: int) -> Any:
    """How every session of ours runs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin after a run would take the cores from the session that runs next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def assignment(operators: Counter[str], wanted: str) -> str:
    """``operators`` by provider in words; those that another provider took are counted, never hidden."""
    elsewhere = {name: count for name, count in operators.items() if name != wanted}
    if not elsewhere:
        return wanted
    total = sum(operators.values())
    return f"{wanted}, {sum(elsewhere.values())} of {total} operators on {joined(elsewhere)}"


def graph_precision(model: Any) -> str:
    """Number formats of the products of an ONNX model, the most frequent first.

    A 4-bit weight that is unpacked to float and then multiplied is a float product.
    """
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    found: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type in INTEGER_PRODUCTS:
            found["int8"] += 1
        elif node.op_type in FLOAT_PRODUCTS:
            stored = [FLOATS[types[name]] for name in node.input if types.get(name) in FLOATS]
            found[stored[0] if stored else "fp32"] += 1
    return joined(found) or "fp32"
