"""A compressed PyTorch model on disk: config, structure, weights; rebuilt exactly.

``from_pretrained`` cannot rebuild uneven widths. So the difference between a model and the fresh
architecture that its config describes is written to ``structure.json`` as one record per resized
module, and replayed on a fresh model before the safetensors are loaded strictly. The records are
derived from the model itself: a technique edits, and has nothing to remember.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import BadInput

if TYPE_CHECKING:
    import torch

    from explorer.technique import ModelKind

FORMAT = 1


def save_torch(model: torch.nn.Module, folder: Path) -> None:
    """Write ``config.json``, ``structure.json`` and ``model.safetensors`` (float32) into ``folder``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config: Any = model.config
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    records = list(describe(model))
    structure = {"format": FORMAT, "records": records}
    (folder / "structure.json").write_text(json.dumps(structure, indent=1), encoding="utf-8")
    again = [record["module"] + "." for record in records if record["kind"] == "shared"]
    weights = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
        if not name.startswith(tuple(again))
    }
    save_file(weights, folder / "model.safetensors")


def load_torch(folder: Path) -> torch.nn.Module:
    """Rebuild what ``save_torch`` wrote, in eval mode.

    Raises ``BadInput`` where a file is missing or does not fit the others.
    """
    from safetensors.torch import load_file
    from transformers import AutoConfig

    try:
        structure = json.loads((folder / "structure.json").read_text(encoding="utf-8"))
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError) as error:
        raise BadInput(f"The folder '{folder.name}' does not hold a saved model: {error}") from None
    model = fresh(config)
    for record in structure["records"]:
        replay(model, record)
    model.load_state_dict(weights | _again(weights, structure["records"]), strict=True)
    return model.eval()


def _again(weights: dict[str, torch.Tensor], records: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """The weights of shared modules under the names that were left out."""
    return {
        record["module"] + name.removeprefix(record["with"]): tensor
        for record in records
        if record["kind"] == "shared"
        for name, tensor in weights.items()
        if name.startswith(record["with"] + ".")
    }


def kind_of(config: Any) -> ModelKind:
    """Which kind of model a config describes."""
    if not hasattr(config, "num_attention_heads"):
        return "CNN" if not hasattr(config, "n_heads") else "text transformer"  # DistilBERT's name for them
    return "vision transformer" if hasattr(config, "image_size") else "text transformer"


def fresh(config: Any, device: str = "cpu") -> torch.nn.Module:
    """A model of the architecture that ``config`` names, with weights that mean nothing yet."""
    import torch
    import transformers

    architecture = (config.architectures or ["none"])[0]
    known = getattr(transformers, architecture, None)
    if known is None or not architecture.endswith(("ForSequenceClassification", "ForImageClassification")):
        raise BadInput(f"'{architecture}' is not a classification model of the transformers library.")
    config._attn_implementation = "eager"
    with torch.device(device):
        model: torch.nn.Module = known(config)
    return model


def describe(model: torch.nn.Module) -> Iterator[dict[str, Any]]:
    """Yield a record for each module or bare parameter that differs in shape from the fresh architecture's.

    Two names of one module are a record of the kind ``shared``: they are compared with nothing else.
    """
    config: Any = model.config
    config.architectures = [type(model).__name__]
    before = fresh(config, device="meta")
    modules, shapes = dict(before.named_modules()), {name: p.shape for name, p in before.named_parameters()}
    first: dict[int, str] = {}
    replaced: tuple[str, ...] = ()
    for name, module in model.named_modules(remove_duplicate=False):
        if name.startswith(replaced or "\0"):
            continue
        if (other := first.setdefault(id(module), name)) != name:
            replaced += (name + ".",)
            yield {"module": name, "kind": "shared", "with": other}
            continue
        shape = _shape(module)
        if shape is not None and shape != _shape(modules[name]):
            replaced += (name + ".",)
            yield {"module": name, **shape}
        for bare, parameter in module.named_parameters(recurse=False) if shape is None else ():
            path = f"{name}.{bare}" if name else bare
            if parameter.shape != shapes[path]:
                yield {"module": name, "kind": "parameter", "name": bare, "shape": list(parameter.shape)}


def replay(model: torch.nn.Module, record: dict[str, Any]) -> None:
    """Give the module that ``record`` names the recorded shape (its weights are loaded afterwards)."""
    import torch

    module = model.get_submodule(record["module"])
    if record["kind"] == "parameter":
        setattr(module, record["name"], torch.nn.Parameter(torch.empty(record["shape"])))
        return
    if record["kind"] == "shared":
        new = model.get_submodule(record["with"])
    else:
        make = _MAKERS.get((record["kind"], _plain_kind(module)))
        if make is None:
            raise BadInput(f"structure.json does not fit the model: '{record['module']}' is no {record['kind']}.")
        new = make(module, record)
    parent, _, child = record["module"].rpartition(".")
    setattr(model.get_submodule(parent), child, new)


def _plain_kind(module: torch.nn.Module) -> str:
    """The kind of a module of the fresh architecture; empty where no record can stand for it."""
    return str((_shape(module) or {"kind": ""})["kind"])


def _linear(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    import torch

    return torch.nn.Linear(record["in"], record["out"], bias=old.bias is not None)


def _low_rank(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    from explorer.models.modules import LowRankLinear

    return LowRankLinear(record["in"], record["rank"], record["out"], bias=old.bias is not None)


def _embedding(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    import torch

    return torch.nn.Embedding(record["rows"], record["columns"], padding_idx=record["padding"])


def _factorized_embedding(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    from explorer.models.modules import FactorizedEmbedding

    return FactorizedEmbedding(record["rows"], record["rank"], record["columns"], padding_idx=record["padding"])


def _layer_norm(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    import torch

    return torch.nn.LayerNorm(record["features"], eps=old.eps)


def _batch_norm(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    import torch

    return torch.nn.BatchNorm2d(record["features"], eps=old.eps, momentum=old.momentum)


def _conv(old: Any, record: dict[str, Any]) -> torch.nn.Module:
    import torch

    return torch.nn.Conv2d(
        record["in"],
        record["out"],
        old.kernel_size,
        stride=old.stride,
        padding=old.padding,
        dilation=old.dilation,
        groups=record["groups"],
        bias=old.bias is not None,
    )


_MAKERS: dict[tuple[str, str], Callable[[Any, dict[str, Any]], torch.nn.Module]] = {
    ("linear", "linear"): _linear,
    ("low-rank", "linear"): _low_rank,
    ("embedding", "embedding"): _embedding,
    ("factorized-embedding", "embedding"): _factorized_embedding,
    ("layer-norm", "layer-norm"): _layer_norm,
    ("batch-norm", "batch-norm"): _batch_norm,
    ("conv", "conv"): _conv,
}
"""By the kind of the record and of the module whose place is taken."""


def _shape(module: torch.nn.Module) -> dict[str, Any] | None:
    """What a record says of a module; None for one that no technique reshapes."""
    import torch

    from explorer.models.modules import FactorizedEmbedding, LowRankLinear

    if isinstance(module, LowRankLinear):
        return {"kind": "low-rank", "in": module.in_features, "rank": module.rank, "out": module.out_features}
    if isinstance(module, FactorizedEmbedding):
        table = {"rows": module.num_embeddings, "rank": module.rank, "columns": module.embedding_dim}
        return {"kind": "factorized-embedding", **table, "padding": module.padding_idx}
    if isinstance(module, torch.nn.Linear):
        return {"kind": "linear", "in": module.in_features, "out": module.out_features}
    if isinstance(module, torch.nn.Embedding):
        table = {"rows": module.num_embeddings, "columns": module.embedding_dim}
        return {"kind": "embedding", **table, "padding": module.padding_idx}
    if isinstance(module, torch.nn.LayerNorm):
        return {"kind": "layer-norm", "features": module.normalized_shape[-1]}
    if isinstance(module, torch.nn.Conv2d):
        return {"kind": "conv", "in": module.in_channels, "out": module.out_channels, "groups": module.groups}
    if isinstance(module, torch.nn.BatchNorm2d):
        return {"kind": "batch-norm", "features": module.num_features}
    return None
