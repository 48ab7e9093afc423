"""Take parts out of a PyTorch model: rows and columns of its layers, or whole layers of its depth.

Techniques decide what goes; this module removes it. The sizes in the config stay as they were, since attention reads
the head size from them; ``structure.json`` records every shape that differs. A layer whose weight was factorised is cut
at the factor that carries its rows or columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from explorer.errors import BadInput
from explorer.models.layers import Attention, attentions, encoder_layers, feed_forwards, is_cnn
from explorer.models.structure import fresh

if TYPE_CHECKING:
    import torch

Side = Literal["inputs", "outputs"]
Part = TypeVar("Part")


@dataclass(frozen=True)
class Cut:
    """A parameter of a module, and the axis along which it can lose entries."""

    module: torch.nn.Module
    parameter: str
    axis: int

    @property
    def tensor(self) -> torch.nn.Parameter:
        """The parameter itself."""
        return getattr(self.module, self.parameter)  # type: ignore[no-any-return]


def cuts(module: Any, side: Side) -> list[Cut]:
    """Where the ``inputs`` or ``outputs`` of a layer stand in its parameters; empty for a module that has none.

    Weights [out, in] of linear layers and [out, in, h, w] of convolutions, tables [rows, out] of embeddings, and the
    scale and shift of a layer norm, whose features are its outputs.
    """
    import torch

    from explorer.models.modules import FactorizedEmbedding, LowRankLinear

    if isinstance(module, (LowRankLinear, FactorizedEmbedding)):
        return cuts(module[0] if side == "inputs" else module[-1], side)
    if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
        axes = {"weight": 1} if side == "inputs" else {"weight": 0, "bias": 0}
    elif side == "outputs" and isinstance(module, (torch.nn.Embedding, torch.nn.LayerNorm)):
        axes = {"weight": 1} if isinstance(module, torch.nn.Embedding) else {"weight": 0, "bias": 0}
    else:
        axes = {}
    return [Cut(module, name, axis) for name, axis in axes.items() if getattr(module, name) is not None]


def keep(places: Iterable[Cut], index: torch.Tensor) -> None:
    """Cut parameters down to the entries ``index`` (sorted) of their axes, in place, and their modules' sizes alike."""
    import torch

    for place in places:
        old = place.tensor
        new = old.detach().index_select(place.axis, index).clone()
        setattr(place.module, place.parameter, torch.nn.Parameter(new, requires_grad=old.requires_grad))
        _recount(place.module)


def _recount(module: Any) -> None:
    """Let the fields of a module tell the shape of its weight."""
    import torch

    if isinstance(module, torch.nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, torch.nn.Conv2d):
        module.out_channels, module.in_channels = module.weight.shape[0], module.weight.shape[1] * module.groups
    elif isinstance(module, torch.nn.Embedding):
        module.num_embeddings, module.embedding_dim = module.weight.shape
    elif isinstance(module, torch.nn.LayerNorm):
        module.normalized_shape = tuple(module.weight.shape)


def distinct(model: torch.nn.Module, parts: Iterable[Part], name: Callable[[Part], str]) -> list[Part]:
    """The parts whose module ``name`` gives is no other part's too, as in layers that share their weights."""
    first: dict[int, Part] = {}
    for part in parts:
        first.setdefault(id(model.get_submodule(name(part))), part)
    return list(first.values())


def head_cuts(model: torch.nn.Module, attention: Attention) -> list[Cut]:
    """Where the features of an attention's heads stand: rows of query, key and value, and columns of the output."""
    rows = [place for name in attention.inputs for place in cuts(model.get_submodule(name), "outputs")]
    return rows + cuts(model.get_submodule(attention.output), "inputs")


def keep_heads(model: torch.nn.Module, attention: Attention, heads: torch.Tensor) -> None:
    """Cut an attention down to ``heads`` (sorted indices), in place.

    The fields that count heads are left: the code of BERT and ViT reads the head size only, and infers how many.
    """
    import torch

    size = attention.head_size
    keep(head_cuts(model, attention), (heads[:, None] * size + torch.arange(size)).flatten())


def hidden_cuts(model: torch.nn.Module) -> list[Cut]:
    """Every place where the hidden dimensions of a transformer's residual stream stand.

    Embeddings, layer norms, what reads the stream (query, key, value, up, and the first linear layer behind the
    encoder) and what writes to it. What attention and a pooler make of it keeps its width: these are other spaces.
    Raises ``BadInput`` where the model has no such stream.
    """
    found: list[Cut] = []
    for attention in attentions(model):
        for name in attention.inputs:
            found += cuts(model.get_submodule(name), "inputs")
        found += cuts(model.get_submodule(attention.output), "outputs")
    for block in feed_forwards(model):
        found += cuts(model.get_submodule(block.up), "inputs") + cuts(model.get_submodule(block.down), "outputs")
    return list(dict.fromkeys(found + _around_the_layers(model)))  # layers that share weights are cut once


def _around_the_layers(model: torch.nn.Module) -> list[Cut]:
    """The hidden dimensions outside of attention and feed-forward blocks, told by their size in the fresh model."""
    import torch

    config: Any = model.config
    untouched, width = fresh(config, device="meta"), config.hidden_size
    modules, layers = list(untouched.named_modules()), encoder_layers(untouched)
    last = max(place for place, (name, _) in enumerate(modules) if name.startswith(layers + "."))
    found: list[Cut] = []
    for place, (name, module) in enumerate(modules):
        norm = isinstance(module, torch.nn.LayerNorm)
        behind = place > last and not norm
        if (norm or not name.startswith(layers)) and not behind and _written(module) == width:
            found += cuts(model.get_submodule(name), "outputs")
        found += [Cut(model.get_submodule(name), bare, axis) for bare, axis in _bare(module, width)]
    reader, linear = next((n, m) for n, m in modules[last + 1 :] if isinstance(m, torch.nn.Linear))
    if linear.in_features != width:
        raise BadInput(f"The hidden width of a '{config.model_type}' cannot be cut: '{reader}' reads something else.")
    return found + cuts(model.get_submodule(reader), "inputs")


def _written(module: Any) -> int:
    """How many features a module puts out; 0 for one without a weight of its own."""
    places = cuts(module, "outputs")
    return int(places[0].tensor.shape[places[0].axis]) if places else 0


def _bare(module: torch.nn.Module, width: int) -> list[tuple[str, int]]:
    """Parameters of a module that is no layer, such as a class token, whose last axis is ``width`` wide."""
    if cuts(module, "inputs") or cuts(module, "outputs"):
        return []
    parameters = module.named_parameters(recurse=False)
    return [(name, tensor.dim() - 1) for name, tensor in parameters if tensor.shape[-1:] == (width,)]


def layer_lists(model: torch.nn.Module) -> list[str]:
    """The names of the lists that hold a model's layers: a transformer's one, or one for each stage of a CNN."""
    if not is_cnn(model):
        return [encoder_layers(model)]
    names = [name for name, _ in model.named_modules() if re.search(r"(^|\.)stages\.\d+\.layers$", name)]
    config: Any = model.config
    if len(names) != len(getattr(config, "depths", ())):
        raise BadInput(f"Expected is a CNN with stages of residual blocks; given was '{config.model_type}'.")
    return names


def keep_layers(model: torch.nn.Module, kept: list[list[int]]) -> dict[str, str]:
    """Leave only the layers ``kept`` (sorted, for each of ``layer_lists``), in place, and tell the config.

    Returns the new name of each layer that stays, by its old one.
    """
    names = layer_lists(model)
    for name, stay in zip(names, kept, strict=True):
        layers: Any = model.get_submodule(name)
        for number in reversed(range(len(layers))):
            if number not in stay:
                del layers[number]
    config: Any = model.config
    if is_cnn(model):
        config.depths = [len(stay) for stay in kept]
    else:
        config.num_hidden_layers = len(kept[0])
    return {
        f"{name}.{old}": f"{name}.{new}" for name, stay in zip(names, kept, strict=True) for new, old in enumerate(stay)
    }


def spread(count: int, stay: int) -> list[int]:
    """Which ``stay`` of ``count`` layers to keep so that they are evenly spread, the first always.

    >>> spread(6, 3)
    [0, 2, 4]
    """
    return [int(i * count / stay) for i in range(stay)]
