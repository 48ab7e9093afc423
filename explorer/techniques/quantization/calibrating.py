"""What an exported graph holds inside over calibration inputs; computed once for the same graph and inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer import cache

if TYPE_CHECKING:
    import onnx

    from explorer.context import Context, GraphSubject

SAMPLES = 256
BATCH = 16
BINS = 2048
FILE = "found.npz"

Array = NDArray[Any]
Batches = list[dict[str, Array]]


@dataclass(frozen=True)
class Histogram:
    """Values of one tensor: ``counts`` [B] in bins between ``edges`` [B + 1], centred on zero, and their extremes."""

    counts: Array
    edges: Array
    low: np.float32
    high: np.float32


def calibration_batches(subject: GraphSubject, context: Context, samples: int = SAMPLES) -> Batches:
    """Calibration inputs as the graph takes them; texts in the order of their length, so that few are padded."""
    part = context.task.splits["calibration"].subset(samples, context.seed)
    arrays = (subject.preprocessor or context.preprocessor).encode(part.inputs)
    mask = arrays.get("attention_mask")
    order = np.arange(len(part)) if mask is None else np.argsort(mask.sum(1), kind="stable")
    found = []
    for start in range(0, len(order), BATCH):
        batch = {name: array[order[start : start + BATCH]] for name, array in arrays.items()}
        if mask is not None:
            longest = int(batch["attention_mask"].sum(1).max())
            batch = {name: array[:, :longest] for name, array in batch.items()}
        found.append(batch)
    return found


def session(graph: onnx.ModelProto) -> Any:
    """The graph in ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def watch(graph: onnx.ModelProto, names: Iterable[str], batches: Batches, visit: Callable[[str, Array], None]) -> None:
    """Run the graph and hand over, batch by batch, what the tensors called ``names`` hold: never padded tokens."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    del watched.graph.output[:]
    names = sorted(set(names))
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    running = session(watched)
    for batch in batches:
        mask = batch.get("attention_mask")
        for name, values in zip(names, running.run(names, batch), strict=True):
            padded = mask is not None and values.ndim >= 3 and values.shape[:2] == mask.shape
            visit(name, values[mask.astype(bool)] if padded and mask is not None else values)


def histograms(graph: onnx.ModelProto, names: Iterable[str], batches: Batches) -> dict[str, Histogram]:
    """A histogram of every tensor called ``names``, by ONNX Runtime's own collector."""
    names = sorted(set(names))

    def compute() -> dict[str, Array]:
        from onnxruntime.quantization.calibrate import HistogramCollector

        collector = HistogramCollector("percentile", False, BINS, 128, 99.9, "same")
        watch(graph, names, batches, lambda name, values: collector.collect_value({name: values}))
        found: dict[str, Array] = {}
        for name, (counts, edges, low, high, _) in collector.histogram_dict.items():
            found |= {f"{name}|counts": counts, f"{name}|edges": edges, f"{name}|ends": np.array([low, high])}
        return found

    kept = remembered("histograms", digest(graph, batches, *names), compute)
    return {
        name: Histogram(kept[f"{name}|counts"], kept[f"{name}|edges"], *kept[f"{name}|ends"].astype(np.float32))
        for name in names
    }


def gram_key(node: onnx.NodeProto, shape: tuple[int, ...]) -> str:
    """What tells apart the inputs of products: queries, keys and values read the same."""
    if node.op_type != "Conv":
        return str(node.input[0])
    return "|".join([node.input[0], str(shape[2:]), *(str(part) for part in _geometry(node, shape))])


def grams(
    graph: onnx.ModelProto, nodes: Iterable[tuple[onnx.NodeProto, tuple[int, ...]]], batches: Batches
) -> dict[str, NDArray[np.float32]]:
    """The sum of x xᵀ over all inputs x of each product, [K, K] by ``gram_key``.

    ``nodes`` come with the shape of their weight. A convolution multiplies patches, laid out as its kernel is:
    channel, row, column.
    """
    wanted = {gram_key(node, shape): (node, shape) for node, shape in nodes}

    def compute() -> dict[str, Array]:
        readers: dict[str, list[str]] = {}
        for key, (node, _) in wanted.items():
            readers.setdefault(node.input[0], []).append(key)
        found: dict[str, Array] = {}

        def add(name: str, values: Array) -> None:
            for key in readers[name]:
                node, shape = wanted[key]
                rows = patches(values, node, shape) if node.op_type == "Conv" else values.reshape(-1, values.shape[-1])
                found[key] = found.get(key, 0) + rows.T @ rows

        watch(graph, readers, batches, add)
        return found

    return remembered("grams", digest(graph, batches, *sorted(wanted)), compute)


def patches(values: Array, node: onnx.NodeProto, shape: tuple[int, ...]) -> Array:
    """[N, C, H, W] as the rows that a convolution with a kernel of ``shape`` multiplies: [rows, C x height x width]."""
    (top, left, bottom, right), (down, across), (dilate_y, dilate_x) = _geometry(node, shape)
    wide = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    window = ((shape[2] - 1) * dilate_y + 1, (shape[3] - 1) * dilate_x + 1)
    views = np.lib.stride_tricks.sliding_window_view(wide, window, axis=(2, 3))
    views = views[:, :, ::down, ::across, ::dilate_y, ::dilate_x]
    rows: Array = views.transpose(0, 2, 3, 1, 4, 5).reshape(-1, shape[1] * shape[2] * shape[3])
    return rows


def _geometry(node: onnx.NodeProto, shape: tuple[int, ...]) -> tuple[list[int], list[int], list[int]]:
    """Pads, strides and dilations of a convolution."""
    given = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    return given.get("pads", [0, 0, 0, 0]), given.get("strides", [1, 1]), given.get("dilations", [1, 1])


def digest(graph: onnx.ModelProto, batches: Batches, *more: str) -> str:
    """The name in the cache of what was computed from a graph, inputs and settings."""
    found = hashlib.sha256(graph.SerializeToString(deterministic=True))
    for batch in batches:
        for name, array in batch.items():
            found.update(f"{name}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
    found.update("\n".join(more).encode())
    return found.hexdigest()[:16]


def remembered(kind: str, name: str, compute: Callable[[], dict[str, Array]]) -> dict[str, Array]:
    """Named arrays from the cache; computed and kept where they are missing."""

    def make(folder: Path) -> None:
        np.savez(folder / FILE, **compute())  # type: ignore[arg-type]

    with np.load(cache.folder(kind, name, make) / FILE, allow_pickle=False) as kept:
        return {key: kept[key] for key in kept.files}
