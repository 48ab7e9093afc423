"""Weight sharing: every weight of a layer is one of a few values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, Stage, Technique, choice, flag
from explorer.techniques import sliders
from explorer.techniques.quantization.weight_bits import candidates, finish_graph, pack_bits

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]

ITERATIONS = 100
MANY_ZEROS = 0.01
"""From this share of exact zeros on, as pruning leaves them, zero keeps a place of its own in the palette."""


class ClusterWeights(Technique):
    """Gives each layer a palette of 2^b values found by k-means, and stores for every weight its place in it; the
    file shrinks, the time does not.

    Codes are stored in 2, 4 or 8 bits, the next that hold b, and become floats by Cast and Gather when the model is
    loaded. Zeros of a pruned layer stay zero. The head stays float, and so does a layer whose palette would take more
    than it saves.
    """

    name: ClassVar[str] = "cluster-weights"
    title: ClassVar[str] = "Clustered weights"
    family: ClassVar[Family] = "sharing"
    stage: ClassVar[Stage] = "deploy"
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    cost: ClassVar[str] = "Costs accuracy, more at few bits; the speed does not gain."
    paper: ClassVar[str] = "Han et al., Deep compression, 2016, arXiv:1510.00149"

    bits: Literal[8, 7, 6, 5, 4, 3, 2, 1] = choice(
        4,
        unit="bits",
        help="The palette of a layer has 2 to this power values; stored are 2, 4 or 8 bits.",
        move=sliders.STORED,
    )
    embeddings: bool = flag(True, help="Cluster embedding tables too; they are half of a small text model.")

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"layers", "embeddings"} if self.embeddings else {"layers"})

    def apply(self, subject: GraphSubject, context: Context) -> None:
        from onnx import numpy_helper

        _, tensors = candidates(subject.graph, self.embeddings)
        chosen = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors.values()}
        if not chosen:
            raise BadInput("'cluster-weights' found no weights to cluster in this model with these settings.")
        squared, count, decoders, left = 0.0, 0, [], 0
        for number, (name, values) in enumerate(chosen.items()):
            context.report(
                stage="apply", text=f"Clustering layer {number + 1} of {len(chosen)}", fraction=number / len(chosen)
            )
            palette, codes = clustered(values, 2**self.bits)
            if palette.nbytes + values.size * stored_width(self.bits) // 8 >= values.nbytes:
                left += 1
                continue
            count += values.size
            squared += float(((palette[codes] - values) ** 2).sum())
            decoders += store(subject.graph, name, codes, palette, self.bits)
        if not count:
            raise BadInput(f"'cluster-weights' makes no layer of this model smaller with {2**self.bits} values each.")
        _prepend(subject.graph, decoders)
        finish_graph(subject.graph)
        stored = stored_width(self.bits)
        words = f"{count:,} weights take {2**self.bits} values a layer and are stored in {stored} bits"
        more = "" if stored == self.bits else f"; no runtime here stores {self.bits}"
        context.note(f"{words}{more}.", weights=float(count), mean_squared_error=squared / count)
        if left:
            context.note(f"{left} small layers stay in float, since their palette would take more than it saves.")


def clustered(values: Array, count: int) -> tuple[Array, Array]:
    """A palette of at most ``count`` values, float32, and the place in it of each of ``values``, uint8 of their shape.

    k-means from ``count`` equally spaced values, which the paper found best, since large weights matter. Values that
    nothing is nearest to are dropped.
    """
    flat = values.reshape(-1)
    zeros = flat == 0
    apart = MANY_ZEROS <= zeros.mean() < 1
    free = np.sort(flat[~zeros] if apart else flat).astype(np.float64)
    centres = kmeans(free, np.linspace(free[0], free[-1], count - apart))
    palette = np.sort(np.append(centres, 0.0) if apart else centres).astype(np.float32)
    codes = np.searchsorted((palette[1:].astype(np.float64) + palette[:-1]) / 2, flat).astype(np.uint8)
    if apart:
        codes[zeros] = np.flatnonzero(palette == 0)[0]
    used, places = np.unique(codes, return_inverse=True)
    return palette[used], places.astype(np.uint8).reshape(values.shape)


def kmeans(ordered: Array, centres: Array, iterations: int = ITERATIONS) -> Array:
    """Lloyd's algorithm on numbers in ascending order, from ascending ``centres`` until nothing sliders.

    In one dimension clusters are stretches, whose means come from running sums. A centre that nothing is nearest to
    stays where it is.
    """
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    for _ in range(iterations):
        bounds = np.concatenate([[0], np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2), [len(ordered)]])
        sizes = np.diff(bounds)
        moved = np.where(sizes > 0, np.diff(sums[bounds]) / np.maximum(sizes, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def stored_width(bits: int) -> int:
    """The bits that a runtime stores for codes of ``bits`` bits."""
    return next(width for width in (2, 4, 8) if width >= bits)


def store(graph: onnx.ModelProto, name: str, codes: Array, palette: Array, bits: int) -> list[onnx.NodeProto]:
    """Exchange the initializer ``name`` for packed codes and a palette; the nodes that make the weight of them."""
    import onnx
    from onnx import helper, numpy_helper

    width = stored_width(bits)
    kind = {8: onnx.TensorProto.UINT8, 4: onnx.TensorProto.UINT4, 2: onnx.TensorProto.UINT2}[width]
    packed = pack_bits(codes.reshape(-1), width).tobytes()
    tensor = next(tensor for tensor in graph.graph.initializer if tensor.name == name)
    tensor.CopyFrom(helper.make_tensor(f"{name}_codes", kind, codes.shape, packed, raw=True))
    graph.graph.initializer.append(numpy_helper.from_array(palette, f"{name}_palette"))
    places = f"{name}_places"
    return [
        helper.make_node("Cast", [f"{name}_codes"], [places], name=f"{name}/Cast", to=onnx.TensorProto.INT32),
        helper.make_node("Gather", [f"{name}_palette", places], [name], name=f"{name}/Palette", axis=0),
    ]


def _prepend(graph: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    import onnx

    others = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend([*nodes, *others])
