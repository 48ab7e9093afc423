"""Which layers of an exported graph bear quantization worst, and which ones a step is to leave in float."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput
from explorer.techniques.quantization.calibrating import Batches, calibration_batches, digest, remembered, session

if TYPE_CHECKING:
    import onnx

    from explorer.context import Context, GraphSubject
    from explorer.techniques.quantization.ranges import Range

SAMPLES = 64
SHOWN = 4
KEEP_HELP = "Layers that stay in float: names or patterns such as *.layer.0.*, comma separated."
SENSITIVE_HELP = "Share of the layers that stay in float, those first whose quantization changes the answers most."
Array = NDArray[Any]
StandIn = Callable[["onnx.TensorProto"], Array]
Activations = Literal["float", "dynamic"]


def layer_name(tensor: str) -> str:
    """``bert.pooler.dense.weight`` to ``bert.pooler.dense``."""
    return tensor.removesuffix(".weight")


def named_layers(keep: str, tensors: Iterable[str]) -> set[str]:
    """The weights whose layers are named or matched by ``keep``; a name stands for all below it too.

    Raises ``BadInput`` for a name that matches none, with some that there are.
    """
    layers = {tensor: layer_name(tensor) for tensor in tensors}
    found: set[str] = set()
    for pattern in filter(None, (part.strip() for part in keep.split(","))):
        matched = {t for t, name in layers.items() if fnmatchcase(name, pattern) or name.startswith(pattern + ".")}
        if not matched:
            known = list(dict.fromkeys(layers.values()))
            more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
            raise BadInput(f"There is no layer '{pattern}' to keep; there are {', '.join(known[:SHOWN])}{more}.")
        found |= matched
    return found


def quantizable(
    graph: onnx.ModelProto, operators: Iterable[str]
) -> tuple[dict[str, onnx.NodeProto], dict[str, onnx.TensorProto]]:
    """The float weights that nodes of these ``operators`` carry, by name, and the first node that reads each."""
    from explorer.deploy import weights

    wanted, by_node = set(operators), weights(graph)
    nodes: dict[str, onnx.NodeProto] = {}
    for node in graph.graph.node:
        if node.name in by_node and node.op_type in wanted:
            nodes.setdefault(by_node[node.name].name, node)
    return nodes, {tensor.name: tensor for tensor in by_node.values() if tensor.name in nodes}


def kept_weights(
    subject: GraphSubject,
    context: Context,
    tensors: Mapping[str, onnx.TensorProto],
    keep: str,
    share: float,
    measure: Callable[[Batches], Mapping[str, float]],
) -> set[str]:
    """The names of the weights, of ``tensors`` by name, that stay in float: those of ``keep`` and the most sensitive.

    ``measure`` gives the sensitivity by name and is asked only where ``share``, of all of them, is above 0.
    """
    kept = named_layers(keep, tensors)
    count = round(share * len(tensors))
    if count:
        context.report(stage="apply", text=f"Sensitivity of {len(tensors)} layers")
        found = measure(calibration_batches(subject, context, SAMPLES))
        kept |= set(sorted(tensors, key=lambda name: -found[name])[:count])
    if kept:
        names = sorted(layer_name(name) for name in kept)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        context.note(f"Kept in float: {', '.join(names[:SHOWN])}{more}.", kept_layers=float(len(kept)))
    return kept


def sensitivities(
    graph: onnx.ModelProto,
    names: Iterable[str],
    stand_in: StandIn,
    batches: Batches,
    settings: str,
    activations: Activations | Mapping[str, Range] = "float",
) -> dict[str, float]:
    """The mean squared change of the logits when one weight alone is exchanged for what it becomes.

    Args:
        names: the weights, each an initializer that products, convolutions or look-ups read.
        stand_in: what a weight becomes, in its own layout.
        settings: tells apart in the cache what ``stand_in`` and ``activations`` do.
        activations: what the layer's inputs become: float, or whole numbers of 8 bits whose range is found while the
            graph runs, or given by tensor name.

    Source: layer by layer as in Hubara et al., arXiv:2006.10518, with the change of the logits as the loss.
    """
    names = list(dict.fromkeys(names))

    def compute() -> dict[str, Array]:
        return {name: np.array(value) for name, value in _measured(graph, names, stand_in, batches, activations)}

    kept = remembered("sensitivities", digest(graph, batches, settings, *names), compute)
    return {name: float(kept[name]) for name in names}


def _measured(
    graph: onnx.ModelProto,
    names: list[str],
    stand_in: StandIn,
    batches: Batches,
    activations: Activations | Mapping[str, Range],
) -> Iterable[tuple[str, float]]:
    """One session for all: weights and switches are inputs with a default, and one at a time is overridden."""
    open_graph, switched = _switchable(graph, set(names), activations)
    running = session(open_graph)
    exact = [running.run(["logits"], batch)[0] for batch in batches]
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    for name in names:
        changed: dict[str, Array] = {name: stand_in(tensors[name]).astype(np.float32)}
        if name in switched:
            changed[_switch(name)] = np.array(True)
        squares = [
            (running.run(["logits"], batch | changed)[0] - logits) ** 2
            for batch, logits in zip(batches, exact, strict=True)
        ]
        yield name, float(np.concatenate(squares).mean())


def _switch(name: str) -> str:
    return f"{name}|switch"


def _switchable(
    graph: onnx.ModelProto, names: set[str], activations: Activations | Mapping[str, Range]
) -> tuple[onnx.ModelProto, set[str]]:
    """A copy whose weights are inputs, and whose layers' inputs can be rounded; the weights that have such a switch."""
    import onnx
    from onnx import helper

    made = onnx.ModelProto()
    made.CopyFrom(graph)
    switched: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in made.graph.node:
        weight = next((name for name in node.input if name in names), None)
        if weight is not None and node.op_type != "Gather" and activations != "float":
            given = activations if not isinstance(activations, str) else None
            nodes += _rounded_input(made, node, weight, given)
            switched.add(weight)
        nodes.append(node)
    for tensor in graph.graph.initializer:
        if tensor.name in names:
            made.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    for name in sorted(switched):
        made.graph.initializer.append(helper.make_tensor(_switch(name), onnx.TensorProto.BOOL, [], [False]))
        made.graph.input.append(helper.make_tensor_value_info(_switch(name), onnx.TensorProto.BOOL, []))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del made.graph.node[:]
    made.graph.node.extend(copies)
    return made, switched


def _rounded_input(
    graph: onnx.ModelProto, node: onnx.NodeProto, weight: str, ranges: Mapping[str, Range] | None
) -> list[onnx.NodeProto]:
    """Nodes in front of ``node`` that round its input to 8 bits where the weight's switch is on."""
    from onnx import helper, numpy_helper

    given, at = node.input[0], f"{node.name}|{node.input[0]}"
    codes, scale, zero, rounded, chosen = (f"{at}|{part}" for part in ("codes", "scale", "zero", "rounded", "chosen"))
    if ranges is None:
        first = helper.make_node("DynamicQuantizeLinear", [given], [codes, scale, zero])
    else:
        low, high = min(float(ranges[given][0]), 0.0), max(float(ranges[given][1]), 0.0)
        step = np.float32((high - low) / 255 or 1.0)
        shift = np.uint8(np.clip(np.round(-low / step), 0, 255))
        graph.graph.initializer.extend(
            [numpy_helper.from_array(np.array(step), scale), numpy_helper.from_array(np.array(shift), zero)]
        )
        first = helper.make_node("QuantizeLinear", [given, scale, zero], [codes])
    node.input[0] = chosen
    return [
        first,
        helper.make_node("DequantizeLinear", [codes, scale, zero], [rounded]),
        helper.make_node("Where", [_switch(weight), rounded, given], [chosen]),
    ]


def int8_values(node: onnx.NodeProto, values: Array, per_channel: bool) -> Array:
    """What int8 makes of the weight of ``node``: symmetric, one scale for all or for each output channel."""
    by_row = node.op_type == "Conv" or any(item.name == "transB" and item.i for item in node.attribute)
    channel = 0 if by_row else values.ndim - 1
    others = tuple(i for i in range(values.ndim) if not (per_channel and i == channel))
    scale = np.abs(values).max(axis=others, keepdims=True) / 127
    scale = np.where(scale == 0, 1, scale)
    whole: Array = np.clip(np.round(values / scale), -127, 127) * scale
    return whole


def int8_sensitivities(
    graph: onnx.ModelProto,
    nodes: Mapping[str, onnx.NodeProto],
    per_channel: bool,
    batches: Batches,
    activations: Activations | Mapping[str, Range],
    settings: str,
) -> dict[str, float]:
    """``sensitivities`` to int8 of weights, given with a node that reads each, and of what flows into their layers."""
    from onnx import numpy_helper

    def stand_in(tensor: onnx.TensorProto) -> Array:
        return int8_values(nodes[tensor.name], numpy_helper.to_array(tensor), per_channel)

    return sensitivities(graph, nodes, stand_in, batches, f"int8 {per_channel} {settings}", activations)
