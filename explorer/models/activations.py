"""What flows into the layers of a PyTorch model over calibration inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer import cache

if TYPE_CHECKING:
    import torch

BATCH = 32
FILE = "activations.npz"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Activations:
    """Statistics of one layer's input over all tokens or pixels that are no padding.

    Fields:
        count: how many tokens or pixels.
        mean, variance: of each input feature or channel, [K].
        norm: the root of the sum of squares of each, [K].
        gram: the sum of x xᵀ, [K, K], of linear layers where it was asked for.
    """

    count: int
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    norm: NDArray[np.float64]
    gram: NDArray[np.float64] | None = None


def cached_activations(model: torch.nn.Module, inputs: Arrays, gram: bool = False) -> dict[str, Activations]:
    """``activations``, computed once for the same weights and inputs and kept in the cache."""
    name = _digest(model, inputs, gram)
    folder = cache.folder("activations", name, lambda path: _save(activations(model, inputs, gram), path))
    return _load(folder)


def activations(model: torch.nn.Module, inputs: Arrays, gram: bool = False) -> dict[str, Activations]:
    """Statistics of the input of every linear and convolution layer, by module name.

    ``inputs`` are the model's arrays, each [N, ...]; padded tokens, by ``attention_mask``, do not count.
    """
    import torch

    sums: dict[str, _Sums] = {}
    model.eval()
    handles = []
    mask: dict[str, torch.Tensor | None] = {"now": None}
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            sums[name] = _Sums(gram and isinstance(module, torch.nn.Linear))
            handles.append(
                module.register_forward_pre_hook(
                    lambda _, given, kept=sums[name]: kept.add(rows(given[0], mask["now"]))
                )
            )
    try:
        with torch.inference_mode():
            for batch in batches(inputs):
                mask["now"] = batch.get("attention_mask")
                model(**batch)
    finally:
        for handle in handles:
            handle.remove()
    return {name: kept.finish() for name, kept in sums.items() if kept.count}


class _Sums:
    """Running sums of one layer."""

    def __init__(self, gram: bool) -> None:
        self.gram = gram
        self.count, self.total, self.squares, self.products = 0, 0.0, 0.0, 0.0

    def add(self, rows: Any) -> None:
        """Take in rows [R, K]."""
        rows = rows.double()
        self.count += len(rows)
        self.total = self.total + rows.sum(0)
        self.squares = self.squares + rows.square().sum(0)
        if self.gram:
            self.products = self.products + rows.T @ rows

    def finish(self) -> Activations:
        total, squares = np.asarray(self.total), np.asarray(self.squares)
        mean = total / self.count
        variance = np.maximum(0.0, squares / self.count - mean**2)
        gram = np.asarray(self.products) if self.gram else None
        return Activations(self.count, mean, variance, np.sqrt(squares), gram)


def rows(given: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """[N, T, K] or [N, K] or [N, C, H, W] to [rows, features], without padded tokens."""
    if given.dim() == 4:
        return given.permute(0, 2, 3, 1).reshape(-1, given.shape[1])
    if mask is not None and given.dim() == 3 and given.shape[:2] == mask.shape:
        return given[mask.bool()]
    return given.reshape(-1, given.shape[-1])


def batches(inputs: Arrays) -> Iterator[dict[str, torch.Tensor]]:
    """A model's inputs as tensors, in batches that are cut to their longest text."""
    import torch

    for start in range(0, len(next(iter(inputs.values()))), BATCH):
        batch = {name: torch.from_numpy(array[start : start + BATCH]) for name, array in inputs.items()}
        if "attention_mask" in batch:
            longest = int(batch["attention_mask"].sum(1).max())
            batch = {name: tensor[:, :longest] for name, tensor in batch.items()}
        yield batch


def _digest(model: torch.nn.Module, inputs: Arrays, gram: bool) -> str:
    found = hashlib.sha256(b"gram" if gram else b"")
    for name, tensor in model.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().contiguous().numpy().tobytes())
    for name, array in inputs.items():
        found.update(name.encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _save(found: dict[str, Activations], folder: Path) -> None:
    arrays = {
        f"{name}|{field.name}": np.asarray(getattr(one, field.name))
        for name, one in found.items()
        for field in fields(one)
        if getattr(one, field.name) is not None
    }
    np.savez(folder / FILE, **arrays)  # type: ignore[arg-type]


def _load(folder: Path) -> dict[str, Activations]:
    parts: dict[str, dict[str, Any]] = {}
    with np.load(folder / FILE, allow_pickle=False) as arrays:
        for key in arrays.files:
            name, _, field = key.rpartition("|")
            parts.setdefault(name, {})[field] = arrays[key]
    return {name: Activations(**(one | {"count": int(one["count"])})) for name, one in parts.items()}
