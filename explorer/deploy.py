"""PyTorch to ONNX: export, names that survive it, and a parity check.

The exporter renames weights (``onnx::MatMul_12``). Here every weight gets its parameter's name back, read
from the path of the module in the node's name, so that techniques of the deploy stage can speak of
``bert.encoder.layer.0.output.dense.weight``. Linear weights stand transposed, [in, out].
"""

from __future__ import annotations

import io
import warnings
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import ExplorerError

if TYPE_CHECKING:
    import onnx
    import torch

    from explorer.models.preprocess import Arrays, Preprocessor

OPSET = 21
"""The first opset in which DequantizeLinear takes groups of weights and 4-bit integers."""

EXPORTER_OPSET = 17
"""What the tracing exporter writes; the graph is converted to ``OPSET`` afterwards."""

PARITY_TOLERANCE = 1e-3
"""Largest difference of a logit between PyTorch and ONNX Runtime, relative to the largest logit."""

WEIGHT_INPUT = {"MatMul": 1, "Gemm": 1, "Conv": 1, "Gather": 0}
"""Where a weight stands among the inputs of the operators that carry one."""


def export(model: torch.nn.Module, preprocessor: Preprocessor) -> onnx.ModelProto:
    """Export a classification model; batch, sequence and, where the model takes others, image size stay dynamic.

    Uses the tracing exporter (``dynamo=False``): 0.4 s where the other takes 7 to 10 s. That a graph takes other sizes
    is proved by running it: tracing may have turned a size into a constant.
    """
    example = preprocessor.dummy(2, 16)
    traced = _logits_only(model, list(example))
    others = _answers_at_other_sizes(traced, preprocessor)
    if others:
        graph = _trace(traced, example, {0: "batch", 2: "height", 3: "width"})
        if _gives(graph, others):
            return graph
    return _trace(traced, example, {0: "batch", 1: "sequence"} if preprocessor.kind == "text" else {0: "batch"})


def _trace(traced: torch.nn.Module, example: Arrays, axes: dict[int, str]) -> onnx.ModelProto:
    """The graph of a module for inputs like ``example`` whose ``axes`` stay dynamic."""
    import onnx
    import torch

    names, buffer = list(example), io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            traced,
            tuple(map(torch.from_numpy, example.values())),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: axes for name in names} | {"logits": {0: "batch"}},
            opset_version=EXPORTER_OPSET,
        )
    graph = onnx.load_from_string(buffer.getvalue())
    buffer.close()  # as large as the model
    return _tidy(graph)


def check_parity(graph: onnx.ModelProto, model: torch.nn.Module, tensors: dict[str, np.ndarray]) -> float:
    """Largest relative difference of the logits of both on ``tensors``; raises where it is above the tolerance."""
    import torch

    with torch.inference_mode():
        original = model(**{name: torch.from_numpy(array) for name, array in tensors.items()}).logits.float().numpy()
    difference = _difference(_session(graph).run(["logits"], tensors)[0], original)
    if not difference <= PARITY_TOLERANCE:
        raise ExplorerError(
            f"The exported model does not agree with the PyTorch model: logits differ by {difference:.2g} "
            f"of the largest, expected is at most {PARITY_TOLERANCE:g}."
        )
    return difference


def _session(graph: onnx.ModelProto) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _difference(exported: NDArray[np.float32], original: NDArray[np.float32]) -> float:
    """The largest difference of two sets of logits relative to the largest logit, or to 1 where all are smaller."""
    return float(np.abs(exported - original).max() / max(1.0, float(np.abs(original).max())))


def _answers_at_other_sizes(
    traced: torch.nn.Module, preprocessor: Preprocessor
) -> list[tuple[Arrays, NDArray[np.float32]]]:
    """Inputs of other sizes with the logits that PyTorch gives; none for text and for models of one size.

    One size is even and one is not the double of the other: padding that depends on the remainder shows.
    """
    import torch

    from explorer.models.preprocess import ImagePreprocessor

    if not isinstance(preprocessor, ImagePreprocessor):
        return []
    inputs = [preprocessor.dummy_at((1, side)) for side in (2 * preprocessor.height, preprocessor.height + 1)]
    try:
        with torch.inference_mode():
            return [(one, traced(*map(torch.from_numpy, one.values())).float().numpy()) for one in inputs]
    except (RuntimeError, ValueError):  # position embeddings or a last layer made for one size
        return []


def _gives(graph: onnx.ModelProto, answers: list[tuple[Arrays, NDArray[np.float32]]]) -> bool:
    """Whether the graph gives these answers too."""
    try:
        session = _session(graph)
        found = [_difference(session.run(["logits"], tensors)[0], logits) for tensors, logits in answers]
    except Exception:  # ONNX Runtime's errors have no class in common
        return False
    return max(found) <= PARITY_TOLERANCE


def weights(graph: onnx.ModelProto) -> dict[str, Any]:
    """The weight of every node that carries one: node name to initializer."""
    initializers = {tensor.name: tensor for tensor in graph.graph.initializer}
    found = {}
    for node in graph.graph.node:
        slot = WEIGHT_INPUT.get(node.op_type)
        if slot is not None and len(node.input) > slot and node.input[slot] in initializers:
            tensor = initializers[node.input[slot]]
            if tensor.data_type == 1 and len(tensor.dims) >= 2:
                found[node.name] = tensor
    return found


def save_graph(graph: onnx.ModelProto, path: Path) -> None:
    """Check the graph and write it as one file."""
    import onnx

    onnx.checker.check_model(graph)
    onnx.save_model(graph, path)


def _logits_only(model: torch.nn.Module, names: list[str]) -> torch.nn.Module:
    import torch

    class LogitsOnly(torch.nn.Module):
        """Positional tensors in, logits out, as the tracing exporter wants it."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> Any:
            return self.model(**dict(zip(names, tensors, strict=True))).logits

    return LogitsOnly().eval()


def _tidy(graph: onnx.ModelProto) -> onnx.ModelProto:
    graph = _at_opset(graph)
    for node in graph.graph.node:
        node.ClearField("doc_string")
    graph.producer_name, graph.producer_version = "compression-explorer", ""
    del graph.graph.value_info[:]
    _name_weights(graph)
    return graph


def _at_opset(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph in ``OPSET``; the weights stay behind, since the converter would copy them five times."""
    from onnx import helper, version_converter

    weights = [tensor for tensor in graph.graph.initializer if len(tensor.dims) > 1]
    small = [tensor for tensor in graph.graph.initializer if len(tensor.dims) <= 1]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(small)
    inputs = len(graph.graph.input)
    graph.graph.input.extend(helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in weights)
    converted = version_converter.convert_version(graph, OPSET)
    del converted.graph.input[inputs:]
    converted.graph.initializer.extend(weights)
    return converted


def _name_weights(graph: onnx.ModelProto) -> None:
    _drop_identities(graph)
    names = [tensor.name for tensor in graph.graph.initializer]
    renamed = {name: name.removeprefix("model.") for name in names}
    for node in graph.graph.node:
        slot = WEIGHT_INPUT.get(node.op_type, len(node.input))
        for i, role in ((slot, "weight"), (2, "bias")):
            given = node.input[i] if i < len(node.input) else ""
            # the first of several readers gives the name: a layer used again has another path, as in query_1
            anonymous = given.startswith("onnx::") and renamed.get(given) == given
            path = _module_path(node.name)  # empty where the model itself multiplies, outside of its modules
            if anonymous and path and (role == "weight" or node.op_type == "Conv"):
                renamed[given] = f"{path}.{role}"
    for tensor in graph.graph.initializer:
        tensor.name = renamed[tensor.name]
    for node in graph.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)


def _drop_identities(graph: onnx.ModelProto) -> None:
    """Let equal weights, which the exporter stores once, be read directly."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    copies = {n.output[0]: n.input[0] for n in graph.graph.node if n.op_type == "Identity" and n.input[0] in constants}
    kept = [node for node in graph.graph.node if node.output[0] not in copies]
    for node in kept:
        for i, name in enumerate(node.input):
            node.input[i] = copies.get(name, name)
    del graph.graph.node[:]
    graph.graph.node.extend(kept)


def _module_path(node_name: str) -> str:
    """``/model/bert/encoder/layer.0/output/dense/MatMul`` to ``bert.encoder.layer.0.output.dense``.

    A child of a ``Sequential`` stands there as ``layer/layer.0``, of which the first part is only its container.
    """
    parts = node_name.strip("/").split("/")[1:-1]
    kept = [part for part, after in zip_longest(parts, parts[1:], fillvalue="") if not after.startswith(part + ".")]
    return ".".join(kept)
