"""ONNX Runtime: on the CPU, on CUDA, and through its TensorRT provider."""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import Unavailable
from explorer.measure.runners.base import (
    MODEL_FILE,
    Call,
    Clock,
    Logits,
    QueuedCall,
    Runner,
    Tensors,
    joined,
    timed_by_events,
)
from explorer.measure.targets import Target, availability

PROVIDERS = {
    ("onnxruntime", "cpu"): "CPUExecutionProvider",
    ("onnxruntime", "cuda"): "CUDAExecutionProvider",
    ("tensorrt", "cuda"): "TensorrtExecutionProvider",
}
INTEGER_PRODUCTS = frozenset(
    {"ConvInteger", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat"}
    | {"QAttention", "QGemm", "QLinearConv", "QLinearMatMul"}
)
FLOAT_PRODUCTS = frozenset(
    {"Attention", "Conv", "ConvTranspose", "FusedConv", "FusedGemm", "FusedMatMul", "Gemm", "GroupQueryAttention"}
    | {"MatMul", "MatMulNBits", "MultiHeadAttention", "NhwcFusedConv"}
)
"""Operators, also those that ONNX Runtime makes itself, whose time is that of products of floats."""

FLOATS = {1: "fp32", 10: "fp16", 16: "bf16"}
INT8_ACCURACY_LEVEL = 4
"""From this ``accuracy_level`` on, ``MatMulNBits`` multiplies in 8-bit integers."""

WRITES_NO_FLOATS = frozenset(
    {"ArgMax", "ConvInteger", "DynamicQuantizeLinear", "Equal", "Greater", "IsNaN", "Less", "MatMulInteger", "QGemm"}
    | {"QLinearConv", "QLinearMatMul", "QuantizeLinear", "Shape"}
)

USER_STREAM = "user_compute_stream"


class OnnxRunner(Runner):
    """ONNX Runtime with arrays handed over at each call, which costs nothing on the CPU."""

    stream: Any = None

    def __init__(self, folder: Path, target: Target, threads: int) -> None:
        self.target, self.path = target, folder / MODEL_FILE
        self.session = open_session(self.path, target, session_options(threads), self.stream)
        self.input_names = [node.name for node in self.session.get_inputs()]

    @property
    def provider(self) -> str:
        """The execution provider, and how many operators it left to another one."""
        wanted = PROVIDERS[self.target.runtime, self.target.device]
        return assignment(Counter(part.ep_name for part in self.session.get_provider_graph_assignment_info()), wanted)

    @property
    def precision(self) -> str:
        """Of the graph that ONNX Runtime made of the file: without a kernel for fp16 it casts to fp32, for example."""
        if self.target.runtime == "tensorrt":
            return "fp16"  # the builder was told so; TensorRT keeps single layers in fp32 where that is faster
        return graph_precision(optimized_graph(self.path, self.target))

    def bind(self, tensors: Tensors) -> Call:
        feed = {name: tensors[name] for name in self.input_names}
        return lambda: self.session.run(["logits"], feed)

    def __call__(self, tensors: Tensors) -> Logits:
        feed = {name: tensors[name] for name in self.input_names}
        return np.asarray(self.session.run(["logits"], feed)[0], dtype=np.float32)


class BoundOnnxRunner(OnnxRunner):
    """ONNX Runtime with inputs and outputs that stay on the device; each call waits for the device to finish.

    With ``by_events`` and a PyTorch that has CUDA, calls run on a stream that PyTorch can put events on, which time
    them; without, the wall clock does. A stream that is given must outlive its session.
    """

    def __init__(self, folder: Path, target: Target, threads: int, by_events: bool = False) -> None:
        self.stream = cuda_stream() if by_events and target.runtime == "onnxruntime" else None
        self.clock: Clock = "wall" if self.stream is None else "cuda events"
        super().__init__(folder, target, threads)

    def timed(self, call: Call) -> int:
        """On CUDA by events on the stream where there is one."""
        return super().timed(call) if self.stream is None else timed_by_events(call, self.stream)

    def _binding(self, tensors: Tensors) -> Any:
        import onnxruntime

        binding = self.session.io_binding()
        for name in self.input_names:
            placed = onnxruntime.OrtValue.ortvalue_from_numpy(tensors[name], self.target.device, 0)
            binding.bind_ortvalue_input(name, placed)
        binding.bind_output("logits", self.target.device)
        return binding

    def bind(self, tensors: Tensors) -> Call:
        import onnxruntime

        binding, unwaited = self._binding(tensors), onnxruntime.RunOptions()
        unwaited.add_run_config_entry("disable_synchronize_execution_providers", "1")
        return QueuedCall(lambda: self.session.run_with_iobinding(binding, unwaited), binding.synchronize_outputs)

    def __call__(self, tensors: Tensors) -> Logits:
        binding = self._binding(tensors)
        self.session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0], dtype=np.float32)


def cuda_stream() -> Any:
    """A stream of PyTorch's, or None where its package has no CUDA."""
    if availability("cuda-torch") is not None:
        return None
    import torch

    make: Any = torch.cuda.Stream
    return make() if torch.cuda.is_available() else None


def open_session(path: Path, target: Target, options: Any, stream: Any = None) -> Any:
    """A session on exactly the target's provider; ONNX Runtime itself falls back to the CPU with a mere warning."""
    import onnxruntime

    provider = PROVIDERS[target.runtime, target.device]
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if target.device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = onnxruntime.InferenceSession(str(path), options, providers=[(provider, _settings(target, stream))])
    given = session.get_providers()[0]
    if given != provider:
        raise Unavailable(f"ONNX Runtime gave {given} instead of {provider}")
    return session


def _settings(target: Target, stream: Any) -> dict[str, str]:
    """What the provider is told: the precision that is asked for and nothing less, and the stream."""
    if target.runtime == "tensorrt":
        return {"trt_fp16_enable": "1"} if target.precision == "fp16" else {}
    if target.device != "cuda":
        return {}
    exact = {"use_tf32": "0"}  # the default rounds the inputs of fp32 products to TF32
    return exact if stream is None else exact | {USER_STREAM: str(stream.cuda_stream)}


def optimized_graph(path: Path, target: Target) -> Any:
    """The graph that ONNX Runtime makes of the file on this target, without its weights."""
    import onnx

    with tempfile.TemporaryDirectory(prefix="explorer-precision-") as scratch:
        options, made = session_options(threads=1), Path(scratch, "optimized.onnx")
        options.optimized_model_filepath = str(made)
        # of their own file, since a graph may not be larger than 2 GB
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
        open_session(path, target, options)
        return onnx.load(made, load_external_data=False)


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
    floats = _floats(model.graph)
    found: Counter[str] = Counter()
    for node in model.graph.node:
        level = next((attribute.i for attribute in node.attribute if attribute.name == "accuracy_level"), 0)
        if node.op_type in INTEGER_PRODUCTS or (node.op_type == "MatMulNBits" and level >= INT8_ACCURACY_LEVEL):
            found["int8"] += 1
        elif node.op_type in FLOAT_PRODUCTS:
            found[next((floats[name] for name in node.input if name in floats), "fp32")] += 1
    return joined(found) or "fp32"


def _floats(graph: Any) -> dict[str, str]:
    """Names of tensors with their number format, integers left out.

    Operators write the format that they read, except where they convert: no other rule is needed, and it holds for
    those that are ONNX Runtime's own and unknown to ONNX's shape inference.
    """
    found = {tensor.name: tensor.data_type for tensor in graph.initializer}
    found |= {value.name: value.type.tensor_type.elem_type for value in graph.input}
    found = {name: FLOATS[kind] for name, kind in found.items() if kind in FLOATS}
    for node in graph.node:
        if node.op_type == "Cast":
            written = next((FLOATS.get(attribute.i) for attribute in node.attribute if attribute.name == "to"), None)
        else:
            written = next((found[name] for name in node.input if name in found), None)
        if written is not None and node.op_type not in WRITES_NO_FLOATS:
            found |= dict.fromkeys(node.output, written)
    return found
