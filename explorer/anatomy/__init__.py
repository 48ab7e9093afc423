"""What an uncompressed model is made of, read from its safetensors without PyTorch: layers, parameters, weights.

A layer is called as in ``explorer.measure.layers``, so that times by layer and parameters by layer can be put together.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from explorer import cache
from explorer.errors import BadInput, ExplorerError, Unavailable
from explorer.recipe import Recipe, digest

LARGEST_HEADER = 100_000_000
CHUNK = 1_000_000
STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""How numpy reads what a header calls so; numpy has no BF16, which is the upper half of an F32."""

BUFFERS = (".running_mean", ".running_var")
"""What batch norm counts while it trains: floating-point numbers, and not parameters."""

BINS = 80
NEAR = 0.1
"""Standard deviations from zero that count as near; of a bell curve around zero 8 % lie there."""
DRAWN = 4.5
"""Standard deviations on either side of the mean that a histogram shows."""

Kind = Literal["embeddings", "attention", "feed_forward", "convolution", "normalisation", "head", "other"]

_HEAD = r"^(\w*classifier|\w*pooler|head|score)\b"
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("normalisation", r"(^|\.)(\w*norm\w*|bn\d*|ln_?\w*)$"),
    ("convolution", r"conv|shortcut|downsample"),
    ("embeddings", r"embed"),
    ("attention", r"attention|attn|(^|\.)([qkvo]_?(proj|lin)|query|key|value)$"),
    ("head", _HEAD),
    ("feed_forward", r"intermediate|output|mlp|ffn|feed_?forward|(^|\.)(fc|lin|dense)_?\d*"),
)
"""What a module does, by the first pattern that its path below the model's name holds."""


@dataclass(frozen=True)
class Weight:
    """One floating-point tensor of a model; its bytes stand from ``start`` on in ``file``.

    ``change`` is added to the values: one tensor of the same shape, or two, [rows, rank] and [rank, columns], by their
    product.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    change: tuple[Weight, ...] = ()

    @property
    def parameters(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Module:
    """One module with parameters: ``layer`` and ``kind`` say where it belongs, ``name`` is its path in the layer."""

    layer: str
    kind: Kind
    name: str
    parameters: int


@dataclass(frozen=True)
class Spread:
    """How the values of one weight lie.

    ``near_zero`` and ``zero`` are shares. ``counts`` are those between neighbours of ``edges``; ``outside`` values
    lie beyond them.
    """

    count: int
    mean: float
    deviation: float
    low: float
    high: float
    near_zero: float
    zero: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def outside(self) -> int:
        return self.count - sum(self.counts)


def key(model: str, data: str | None) -> str:
    """Names the uncompressed model on its data by their contents, as the pipeline names its baseline.

    Raises ``BadInput`` or ``OSError`` where one of them is gone.
    """
    from explorer.models import model_digest
    from explorer.tasks import task_digest

    return digest(Recipe(model=model, data=data), model_digest(model), task_digest(model, data), steps=0)


def baseline_folder(model: str, data: str | None) -> Path | None:
    """The folder of the uncompressed model's artefact, where it is in the cache."""
    try:
        return cache.find("baselines", key(model, data))
    except (ExplorerError, OSError):
        return None


def anatomy(model: str, data: str | None = None) -> tuple[Weight, ...]:
    """The model's weights: from its baseline's artefact, else from where the model comes from.

    Raises ``BadInput`` or ``Unavailable`` where no file of it is on this machine, or one cannot be read.
    """
    from explorer.models import hub, zoo

    folder = baseline_folder(model, data)
    if folder is not None:
        return _all_weights(sorted((folder / "torch").glob("*.safetensors")))
    if model == "minilm-tweets":
        return _minilm_weights()
    if model in zoo.NAMES:
        return _all_weights([zoo.BUILT_IN / model / "model.safetensors"])
    here = hub.here(model)
    if here is None:
        raise Unavailable(f"The files of '{model}' are not on this machine; run its baseline to see its layers.")
    return _all_weights(hub.weight_files(here, model))


def _minilm_weights() -> tuple[Weight, ...]:
    """The base under the names of the whole model, each with what fine-tuning added to it, and the head."""
    from explorer.models import zoo

    base = zoo.minilm_here()
    if base is None:
        raise Unavailable("The base of 'minilm-tweets' is not on this machine yet; run its baseline to see its layers.")
    delta = {weight.name: weight for weight in weights(zoo.BUILT_IN / "minilm-tweets" / "delta.safetensors")}
    named = [replace(weight, name=f"bert.{weight.name}") for weight in weights(base / "model.safetensors")]
    changed = [replace(weight, change=_change_of(weight.name, delta)) for weight in named]
    return (*changed, *(weight for name, weight in delta.items() if name.startswith("classifier.")))


def _change_of(name: str, delta: Mapping[str, Weight]) -> tuple[Weight, ...]:
    """What ``explorer.models.zoo.low_rank_delta`` keeps for a weight; empty for one that did not change."""
    if name in delta:
        return (delta[name],)
    return (delta[f"{name}.left"], delta[f"{name}.right"]) if f"{name}.left" in delta else ()


def _all_weights(files: list[Path]) -> tuple[Weight, ...]:
    found = tuple(weight for file in files for weight in weights(file) if weight.parameters)
    if not found:
        raise BadInput("The model's files hold no weights; run its baseline again to make new ones.")
    return found


def weights(path: Path) -> list[Weight]:
    """The parameters of a safetensors file in the order of their names, from its header alone.

    Raises ``BadInput`` for a file that is none, or whose header does not fit its size.
    """
    header, begin, size = _header(path)
    found = []
    try:
        for name, entry in header.items():
            if name == "__metadata__" or "F" not in entry["dtype"] or name.endswith(BUFFERS):
                continue
            start, end = entry["data_offsets"]
            weight = Weight(name, entry["dtype"], tuple(entry["shape"]), path, begin + start)
            width = np.dtype(STORED[weight.dtype]).itemsize if weight.dtype in STORED else None
            if not 0 <= start <= end <= size - begin or (width and end - start != width * weight.parameters):
                raise ValueError(name)
            found.append(weight)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadInput(_unreadable(path)) from None
    return sorted(found, key=lambda weight: _natural(weight.name))


def _header(path: Path) -> tuple[dict[str, Any], int, int]:
    """What stands in front of the tensors, where they begin, and the size of the file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= min(size, LARGEST_HEADER) else None
    except (OSError, struct.error, ValueError):
        header = None
    if not isinstance(header, dict):
        raise BadInput(_unreadable(path))
    return header, 8 + length, size


def _unreadable(path: Path) -> str:
    return f"'{path.name}' is not a readable safetensors file; run the baseline again to make a new one."


def _natural(name: str) -> list[tuple[int, str]]:
    """For sorting: layer 2 before layer 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def modules(found: Iterable[Weight]) -> list[Module]:
    """The modules of a model in the order of its layers: what comes before and after the numbered ones stays there."""
    listed = list(found)
    layers = layer_names([weight.name for weight in listed])
    sums: Counter[tuple[str, str]] = Counter()
    for weight in listed:
        sums[layers[weight.name], _module(weight.name)] += weight.parameters
    made = [Module(layer, _kind(layer, name), _below(layer, name), count) for (layer, name), count in sums.items()]
    return sorted(made, key=lambda module: (_place(module), _natural(module.layer)))


def _place(module: Module) -> int:
    """Embeddings, then numbered layers, then what is neither, last the head: as a model is gone through."""
    if module.layer.rpartition(".")[2].isdigit():
        return 1
    return 0 if "embed" in module.layer else 3 if re.match(_HEAD, module.layer) else 2


def _module(name: str) -> str:
    """The module that a parameter belongs to; a parameter without one of its own, such as a class token, is its own."""
    path, _, last = name.rpartition(".")
    return path if path and last in ("weight", "bias") else name


def _below(layer: str, module: str) -> str:
    """The path of a module within its layer; its last part where it is the layer itself."""
    _, found, path = f".{module}.".partition(f".{layer}.")
    return path.strip(".") or module.rpartition(".")[2] if found else module


def _kind(layer: str, module: str) -> Kind:
    path = f"{layer}.{_below(layer, module)}".lower()
    return next((kind for kind, pattern in _KINDS if re.search(pattern, path)), "other")


def layer_names(names: Iterable[str]) -> dict[str, str]:
    """By parameter the layer that it belongs to: its path cut after its first number, else its first part.

    The name of the model itself, with which most paths begin, is left out.
    """
    paths = {name: name.split(".")[:-1] for name in names}
    firsts = Counter(path[0] for path in paths.values() if len(path) > 1 and not path[1].isdigit())
    root, count = firsts.most_common(1)[0] if firsts else ("", 0)
    if 2 * count >= sum(bool(path) for path in paths.values()):
        paths = {name: path[1:] if path[:1] == [root] else path for name, path in paths.items()}
    blocks = {_block(path) for path in paths.values() if path and not path[-1].isdigit()}
    return {name: _layer(path, blocks) or name for name, path in paths.items()}


def _layer(path: list[str], blocks: set[str]) -> str:
    block = _block(path)
    if not block:
        return path[0] if path else ""
    return block if block in blocks else block.rpartition(".")[0] or block


def _block(path: list[str]) -> str:
    number = next((place for place, part in enumerate(path) if part.isdigit()), None)
    return "" if number is None else ".".join(path[: number + 1])


def spread(weight: Weight) -> Spread:
    """How the values of a weight lie; reads that tensor alone, in pieces.

    Raises ``BadInput`` for a type of numbers that numpy cannot read, for a file that is cut off, or without values.
    """
    count, total, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
    for part in values(weight):
        count, total, squares = count + part.size, total + float(part.sum()), squares + float(part @ part)
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    if not count or not math.isfinite(squares):
        raise BadInput(f"'{weight.name}' holds values that are no finite numbers, or none at all.")
    mean = total / count
    deviation = math.sqrt(max(squares / count - mean**2, 0.0))
    edges = _edges(low, high, mean, deviation)
    counts, near, zero = np.zeros(BINS, dtype=np.int64), 0, 0
    for part in values(weight):
        counts += np.histogram(part, edges)[0]
        near += int((np.abs(part) <= NEAR * deviation).sum())
        zero += int((part == 0).sum())
    shares = near / count, zero / count
    return Spread(count, mean, deviation, low, high, *shares, tuple(edges.tolist()), tuple(counts.tolist()))


def _edges(low: float, high: float, mean: float, deviation: float) -> NDArray[np.float64]:
    """Bins over all values, or over the middle where few lie far out; around the one value where all are equal."""
    begin, end = max(low, mean - DRAWN * deviation), min(high, mean + DRAWN * deviation)
    return np.linspace(begin, end, BINS + 1) if end > begin else np.linspace(low - 0.5, low + 0.5, BINS + 1)


def values(weight: Weight) -> Iterator[NDArray[np.float64]]:
    """The weight's values in order, flat, at most ``CHUNK`` at a time; raises ``BadInput`` as ``spread`` does."""
    change = [np.concatenate(list(_stored(part))).reshape(part.shape) for part in weight.change]
    begin = 0
    for part in _stored(weight):
        yield part + _part(change, begin, part.size) if change else part
        begin += part.size


def _part(change: Sequence[NDArray[np.float64]], begin: int, count: int) -> NDArray[np.float64]:
    """``count`` values, flat and from ``begin`` on, of a change or of the product of two."""
    if len(change) == 1:
        return change[0].reshape(-1)[begin : begin + count]
    left, right = change
    columns = right.shape[1]
    first, last = begin // columns, -(-(begin + count) // columns)
    start = begin - first * columns
    return (left[first:last] @ right).reshape(-1)[start : start + count]


def _stored(weight: Weight) -> Iterator[NDArray[np.float64]]:
    """The values as the file has them, flat, at most ``CHUNK`` at a time."""
    if weight.dtype not in STORED:
        raise BadInput(f"'{weight.name}' is stored as {weight.dtype}; expected is F32, F16 or BF16.")
    kind, left = np.dtype(STORED[weight.dtype]), weight.parameters
    with weight.file.open("rb") as file:
        file.seek(weight.start)
        while left:
            part = np.frombuffer(file.read(kind.itemsize * min(left, CHUNK)), dtype=kind)
            if not part.size:
                raise BadInput(_unreadable(weight.file))
            left -= part.size
            yield (_wider(part) if weight.dtype == "BF16" else part).astype(np.float64)


def _wider(upper: NDArray[np.uint16]) -> NDArray[np.float32]:
    """F32 from its upper halves."""
    return (upper.astype(np.uint32) << 16).view(np.float32)
