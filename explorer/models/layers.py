"""Find the parts of a classification model that techniques speak of: weights, feed-forward layers, head.

Parts are found by shape in the fresh architecture of the model's config, not by the names of one family,
so BERT, RoBERTa, DistilBERT, ViT, DeiT and residual CNNs are all understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explorer.errors import BadInput
from explorer.models.structure import fresh

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class FeedForward:
    """The two linear layers of one feed-forward block, by module name: [hidden, neurons] and back."""

    up: str
    down: str


@dataclass(frozen=True)
class Attention:
    """The linear layers of one self-attention, by module name: those that give query, key and value, and the output.

    ``head_size`` features of each belong to one head.
    """

    inputs: tuple[str, ...]
    output: str
    head_size: int


def head(model: torch.nn.Module) -> str:
    """The name of the last linear layer, which gives the classes."""
    import torch

    names: list[str] = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    return names[-1]


def weighted(model: torch.nn.Module, embeddings: bool) -> dict[str, torch.nn.Parameter]:
    """The weights of linear and convolution layers, and of embeddings if asked for, but never of the head."""
    import torch

    kinds: tuple[type[torch.nn.Module], ...] = (torch.nn.Linear, torch.nn.Conv2d)
    if embeddings:
        kinds = (*kinds, torch.nn.Embedding)
    last = head(model)
    return {
        f"{name}.weight": module.weight  # type: ignore[misc]
        for name, module in model.named_modules()
        if isinstance(module, kinds) and name != last
    }


def is_cnn(model: torch.nn.Module) -> bool:
    """Whether the model computes with convolutions alone (no feed-forward blocks)."""
    import torch

    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in model.modules())
    return convolutions > 1 and not hasattr(model.config, "num_attention_heads")


def encoder_layers(model: torch.nn.Module) -> str:
    """The name of the list that holds the encoder's layers."""
    import torch

    lists = [(len(module), name) for name, module in model.named_modules() if isinstance(module, torch.nn.ModuleList)]
    if not lists:
        raise BadInput(f"'{type(model).__name__}' has no list of encoder layers; expected is a transformer encoder.")
    name: str = max(lists)[1]
    return name


def feed_forwards(model: torch.nn.Module) -> list[FeedForward]:
    """The feed-forward block of each encoder layer, found as a widening linear layer and one back."""
    blocks = []
    for i, (name, linears) in enumerate(_linears_of_layers(model)):
        up = next((n, m) for n, m in [*linears, ("", None)] if m is None or m.out_features > m.in_features)
        down = next(
            ((n, m) for n, m in linears if up[1] is not None and m.in_features == up[1].out_features), ("", None)
        )
        if down[1] is None:
            raise BadInput(f"Layer {i} of '{type(model).__name__}' has no feed-forward block of two linear layers.")
        blocks.append(FeedForward(f"{name}.{up[0]}", f"{name}.{down[0]}"))
    return blocks


def attentions(model: torch.nn.Module) -> list[Attention]:
    """The self-attention of each encoder layer: query, key and value, by their names, and the linear layer behind."""
    found = []
    config: Any = model.config
    for i, (name, linears) in enumerate(_linears_of_layers(model)):
        inputs = [place for place, (n, _) in enumerate(linears) if n.rpartition(".")[2][:1] in ("q", "k", "v")]
        if len(inputs) != 3 or inputs[-1] + 1 == len(linears):
            raise BadInput(f"Layer {i} of '{type(model).__name__}' has no linear layers of query, key and value.")
        names = [f"{name}.{n}" for n, _ in linears]
        size = linears[inputs[0]][1].out_features // config.num_attention_heads
        found.append(Attention(tuple(names[place] for place in inputs), names[inputs[-1] + 1], size))
    return found


def _linears_of_layers(model: torch.nn.Module) -> list[tuple[str, list[tuple[str, torch.nn.Linear]]]]:
    """Each encoder layer of the fresh architecture: its name, and its linear layers by their names within it."""
    import torch

    config: Any = model.config
    config.architectures = [type(model).__name__]
    untouched = fresh(config, device="meta")
    name = encoder_layers(untouched)
    layers: Any = untouched.get_submodule(name)
    return [
        (f"{name}.{i}", [(n, m) for n, m in layer.named_modules() if isinstance(m, torch.nn.Linear)])
        for i, layer in enumerate(layers)
    ]


def parameter_count(model: torch.nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
