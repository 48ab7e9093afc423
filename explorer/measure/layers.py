"""Which layer of the model an operator or a weight of an ONNX graph belongs to, read from their names.

Exporters keep the path of a PyTorch module in the names of its nodes (``/model/bert/encoder/layer.0/output/Add``) and
weights (``bert.encoder.layer.0.output.dense.weight``). A layer is such a path cut after its first number
(``encoder.layer.0``), or its first part where it has none (``embeddings``); the name of the model itself is left out.
"""

from __future__ import annotations

from collections import Counter

import onnx

from explorer.measure.weights import stored_bytes, weights

OTHER = "other"
"""What belongs to no layer that has a name."""

Path = list[str]


class Layers:
    """The layers of one model; ``others`` are further versions of its graph, such as the runtime's optimized one."""

    def __init__(self, model: onnx.ModelProto, *others: onnx.ModelProto) -> None:
        self.weights = weights(model)
        self._bytes = stored_bytes(model)
        paths = [path for weight in self.weights if (path := module_path(weight.name))]
        self._root = _root(paths)
        self._blocks = {_block(self._below_root(path)) for path in paths if not path[-1].isdigit()}
        nodes = [node for graph in (model, *others) for node in graph.graph.node]
        self._nodes = {node.name: self._of_node(node) for node in nodes if node.name}
        self._readers = {name: self._of_node(node) for node in nodes for name in node.input}

    def of_node(self, name: str) -> str:
        """The layer of the operator with this name."""
        return self._nodes.get(name) or self._layer(module_path(name) or [])

    def of_tensor(self, name: str) -> str:
        """The layer of the stored tensor with this name: by the name, else that of an operator that reads it."""
        path = module_path(name)
        return self._readers.get(name, OTHER) if path is None else self._layer(path)

    def stored_bytes(self) -> dict[str, int]:
        """Bytes of all tensors as they are stored, scales and constants too, by layer, in the order of storage."""
        found: Counter[str] = Counter()
        for name, count in self._bytes.items():
            found[self.of_tensor(name)] += count
        return dict(found)

    def _of_node(self, node: onnx.NodeProto) -> str:
        """By its name; one made by a fusion has none and belongs where its output, its weights or its inputs do."""
        inputs = sorted(node.input, key=lambda name: "/" in name)
        paths = (module_path(name) for name in (node.name, *node.output, *inputs))
        return self._layer(next((path for path in paths if path is not None), []))

    def _layer(self, path: Path) -> str:
        path = self._below_root(path)
        block = _block(path)
        if not block:
            return path[0] if path else OTHER
        return block if block in self._blocks else block.rpartition(".")[0] or block

    def _below_root(self, path: Path) -> Path:
        return path[1:] if path and path[0] == self._root else path


def module_path(name: str) -> Path | None:
    """The parts of the module's path in the name of a node, a tensor or a weight; None where it has no path.

    A child of a ``Sequential`` stands in a node's name as ``layer/layer.0``, whose first part is only its container.
    ``/model`` is the wrapper around every exported model.
    """
    if "/" not in name:
        return name.split(".")[:-1] if "." in name else None
    parts = name[name.index("/") :].strip("/").split("/")[:-1]
    parts = parts[1:] if parts[:1] == ["model"] else parts
    kept = [part for i, part in enumerate(parts) if not "".join(parts[i + 1 : i + 2]).startswith(part + ".")]
    return ".".join(kept).split(".") if kept else []


def _block(path: Path) -> str:
    """The path up to its first number, or nothing where it has none."""
    number = next((i for i, part in enumerate(path) if part.isdigit()), None)
    return "" if number is None else ".".join(path[: number + 1])


def _root(paths: list[Path]) -> str:
    """The name of the model, which most weights' paths begin with (``bert``); empty where there is none."""
    firsts = Counter(path[0] for path in paths if len(path) > 1 and not path[1].isdigit())
    name, count = firsts.most_common(1)[0] if firsts else ("", 0)
    return name if 2 * count >= len(paths) else ""
