"""OpenVINO on the CPU: reads the ONNX file and, left to itself, computes in bf16 where the processor has it."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import Unavailable
from explorer.measure.runners.base import MODEL_FILE, Call, Logits, Runner, Tensors, joined
from explorer.measure.targets import Target

FLOATS = {"f32": "fp32", "f16": "fp16"}
PRODUCTS = frozenset({"Convolution", "FullyConnected", "MatMul", "ScaledDotProductAttention"})


class OpenVinoRunner(Runner):
    """One stream of ``threads`` threads, compiled for latency."""

    def __init__(self, folder: Path, target: Target, threads: int) -> None:
        import openvino

        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
        if target.precision == "fp32":
            options["INFERENCE_PRECISION_HINT"] = "f32"
        core = openvino.Core()
        try:
            self.compiled = core.compile_model(core.read_model(str(folder / MODEL_FILE)), "CPU", options)
        except RuntimeError as error:
            raise Unavailable(f"OpenVINO cannot load this file: {_reason(error)}") from None
        # a port may have several names: of an input that is cast at once, the cast's output gives its name too
        self.ports = [port.get_names() for port in self.compiled.inputs]
        self.requests = threading.local()

    @property
    def provider(self) -> str:
        return "OpenVINO " + ", ".join(self.compiled.get_property("EXECUTION_DEVICES"))

    @property
    def precision(self) -> str:
        """What the layers of the compiled model say of themselves, not what was asked for."""
        found: Counter[str] = Counter()
        for layer in self.compiled.get_runtime_model().get_ops():
            info = layer.get_rt_info()
            if "layerType" in info and info["layerType"].astype(str) in PRODUCTS:
                kind = info["runtimePrecision"].astype(str)
                found[FLOATS.get(kind, kind.replace("u", "int"))] += 1
        return joined(found) or "fp32"

    def bind(self, tensors: Tensors) -> Call:
        request = self.compiled.create_infer_request()
        feed = self._feed(tensors)
        return lambda: _infer(request, feed, share_outputs=True)

    def __call__(self, tensors: Tensors) -> Logits:
        if not hasattr(self.requests, "own"):
            self.requests.own = self.compiled.create_infer_request()
        answer = _infer(self.requests.own, self._feed(tensors))
        return np.array(answer[self.compiled.output("logits")], dtype=np.float32)

    def _feed(self, tensors: Tensors) -> dict[int, Any]:
        """The tensors by the number of their port."""
        names = [next(name for name in tensors if name in port) for port in self.ports]
        return {place: np.ascontiguousarray(tensors[name]) for place, name in enumerate(names)}


def _infer(request: Any, feed: dict[int, Any], share_outputs: bool = False) -> Any:
    """Some layers find out at the first call only that they have no kernel for their shapes and precision."""
    try:
        return request.infer(feed, share_inputs=True, share_outputs=share_outputs)
    except RuntimeError as error:
        raise Unavailable(f"OpenVINO cannot run this file: {_reason(error)}") from None


def _reason(error: RuntimeError) -> str:
    """The line of OpenVINO's report that says what it could not do; the rest are source files and counts."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "support" in line.lower() or "could not" in line.lower()]
    sentences = telling or [line for line in lines if not line.startswith("Exception from")] or ["no reason was given"]
    return sentences[-1][:200].rstrip(".")
