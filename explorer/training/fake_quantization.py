"""Quantization simulated while training, with a gradient that goes straight through the rounding.

The grids are those of ``explorer.techniques.quantization.rounding`` (weights) and of ONNX Runtime's dynamic
quantization (activations and integer weights), so that a file can store exactly what was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from explorer.training import Lesson

Fake = Callable[[Tensor], Tensor]
LARGEST_INT8 = 127


def straight_through(exact: Tensor, rounded: Tensor) -> Tensor:
    """``rounded`` as a value, ``exact`` as far as gradients go. Bengio et al. 2013, arXiv:1308.3432."""
    return exact + (rounded - exact).detach()


@dataclass(frozen=True)
class GroupGrid:
    """Rounds a weight [out, ...] to ``bits`` bits, one scale and zero point for each ``group`` of a row's numbers.

    Rows are flattened; 0 as the group size means a whole row. Zero is always on the grid. Equal to
    ``dequantize_groups(*quantize_groups(...))``.
    """

    bits: int
    group: int = 0

    def __call__(self, weight: Tensor) -> Tensor:
        blocks = _blocks(weight, self.group)
        levels = 2**self.bits - 1
        low, high = blocks.amin(-1, keepdim=True).clamp_max(0), blocks.amax(-1, keepdim=True).clamp_min(0)
        scales = (high - low) / levels
        scales = torch.where(scales == 0, torch.ones_like(scales), scales)
        zeros = (-low / scales).round().clamp(0, levels)
        codes = ((blocks / scales).round() + zeros).clamp(0, levels)
        values = ((codes - zeros) * scales).flatten(1)
        return values[:, : weight[0].numel()].reshape(weight.shape)


def _blocks(weight: Tensor, group: int) -> Tensor:
    """[out, ...] as [out, G, group], the last group padded with zeros."""
    rows = weight.flatten(1)
    group = group or rows.shape[1]
    return nn.functional.pad(rows, (0, -rows.shape[1] % group)).reshape(len(rows), -1, group)


def int8_rows(weight: Tensor) -> Tensor:
    """Rounds a weight [out, in] to -127 ... 127 times one scale for each row, as ONNX Runtime does per channel."""
    scales = weight.abs().amax(-1, keepdim=True) / LARGEST_INT8
    scales = torch.where(scales == 0, torch.ones_like(scales), scales)
    return (weight / scales).round().clamp(-LARGEST_INT8, LARGEST_INT8) * scales


def dynamic_uint8(values: Tensor) -> Tensor:
    """Rounds activations to 256 values between their extremes and zero, as ``DynamicQuantizeLinear`` does."""
    low, high = values.amin().clamp_max(0), values.amax().clamp_min(0)
    scale = (high - low) / 255
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    zero = (-low / scale).round().clamp(0, 255)
    return (((values / scale).round() + zero).clamp(0, 255) - zero) * scale


class _Simulated(nn.Module):
    """Stands between a weight and whoever reads it."""

    def __init__(self, fake: Fake) -> None:
        super().__init__()
        self.fake = fake

    def forward(self, weight: Tensor) -> Tensor:
        return straight_through(weight, self.fake(weight.detach()))


class QuantizedLesson(Lesson):
    """Trains a model whose weights, and the inputs of some layers, are rounded in every forward pass.

    ``weights`` gives the grid of each module's weight by the module's name; ``inputs`` names the modules whose inputs
    are rounded too. ``remove`` ends the simulation and leaves every weight on its grid.
    """

    def __init__(self, weights: dict[str, Fake], inputs: Sequence[str] = ()) -> None:
        self.grids, self.rounded_inputs = weights, inputs
        self._undo: list[Callable[[], Any]] = []

    def start(self, model: nn.Module, steps: int) -> None:
        self.simulate(model)

    def simulate(self, model: nn.Module) -> None:
        """Round from now on. A weight that does not learn is rounded once."""
        for name, fake in self.grids.items():
            module = model.get_submodule(name)
            weight: Any = module.weight
            if weight.requires_grad:
                parametrize.register_parametrization(module, "weight", _Simulated(fake))
                self._undo.append(partial(parametrize.remove_parametrizations, module, "weight"))
            else:
                settle(weight, fake)
        for name in self.rounded_inputs:
            self._undo.append(model.get_submodule(name).register_forward_pre_hook(_round_inputs).remove)

    def remove(self, model: nn.Module) -> None:
        """Take the simulation away; weights become what they stood for."""
        while self._undo:
            self._undo.pop()()
        for name, fake in self.grids.items():
            settle(model.get_submodule(name).weight, fake)  # type: ignore[arg-type]


def settle(weight: Tensor, fake: Fake, rounds: int = 8) -> None:
    """Round a weight in place until rounding it again changes no more than the last digit.

    A block whose extremes lie half-way between two values moves them, and with them its grid.
    """
    with torch.no_grad():
        for _ in range(rounds):
            rounded = fake(weight)
            moved = (rounded - weight).abs().amax()
            weight.copy_(rounded)
            if moved <= 1e-6 * rounded.abs().amax():
                break


def _round_inputs(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (straight_through(given[0], dynamic_uint8(given[0].detach().float()).to(given[0].dtype)), *given[1:])
