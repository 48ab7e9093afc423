"""A compressed PyTorch model on disk: config, structure, weights; rebuilt exactly.

``from_pretrained`` cannot rebuild uneven widths. So the difference between a model and the fresh
architecture that its config describes is written to ``structure.json`` as one record per resized
module, and replayed on a fresh model before the safetensors are loaded strictly. The records are
derived from the model itself: a technique edits, and has nothing to remember.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import BadInput

if TYPE_CHECKING:
    import torch

FORMAT = 1


def save_torch(model: torch.nn.Module, folder: Path) -> None:
    """Write ``config.json``, ``structure.json`` and ``model.safetensors`` (float32) into ``folder``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config: Any = model.config
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    structure = {"format": FORMAT, "records": list(describe(model))}
    (folder / "structure.json").write_text(json.dumps(structure, indent=1), encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
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
    model.load_state_dict(weights, strict=True)
    return model.eval()


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
    """Yield a record for each module whose shape differs from the fresh architecture's."""
    config: Any = model.config
    config.architectures = [type(model).__name__]
    before = dict(fresh(config, device="meta").named_modules())
    for name, module in model.named_modules():
        shape = _shape(module)
        if shape is not None and shape != _shape(before[name]):
            yield {"module": name, **shape}


def replay(model: torch.nn.Module, record: dict[str, Any]) -> None:
    """Give the module that ``record`` names the recorded shape (its weights are loaded afterwards)."""
    import torch

    module = model.get_submodule(record["module"])
    if record["kind"] == "linear" and isinstance(module, torch.nn.Linear):
        new: torch.nn.Module = torch.nn.Linear(record["in"], record["out"], bias=module.bias is not None)
    elif record["kind"] == "conv" and isinstance(module, torch.nn.Conv2d):
        new = _resized_conv(module, record)
    elif record["kind"] == "batch-norm" and isinstance(module, torch.nn.BatchNorm2d):
        new = torch.nn.BatchNorm2d(record["features"], eps=module.eps, momentum=module.momentum)
    else:
        raise BadInput(f"structure.json does not fit the model: '{record['module']}' is no {record['kind']}.")
    parent, _, child = record["module"].rpartition(".")
    setattr(model.get_submodule(parent), child, new)


def _resized_conv(conv: torch.nn.Conv2d, record: dict[str, Any]) -> torch.nn.Conv2d:
    import torch

    return torch.nn.Conv2d(
        record["in"],
        record["out"],
        conv.kernel_size,  # type: ignore[arg-type]
        stride=conv.stride,  # type: ignore[arg-type]
        padding=conv.padding,  # type: ignore[arg-type]
        dilation=conv.dilation,  # type: ignore[arg-type]
        groups=record["groups"],
        bias=conv.bias is not None,
    )


def _shape(module: torch.nn.Module) -> dict[str, Any] | None:
    import torch

    if isinstance(module, torch.nn.Linear):
        return {"kind": "linear", "in": module.in_features, "out": module.out_features}
    if isinstance(module, torch.nn.Conv2d):
        return {"kind": "conv", "in": module.in_channels, "out": module.out_channels, "groups": module.groups}
    if isinstance(module, torch.nn.BatchNorm2d):
        return {"kind": "batch-norm", "features": module.num_features}
    return None
