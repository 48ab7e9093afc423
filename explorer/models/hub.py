"""Models by Hugging Face id or local folder, through the ordinary loaders; no remote code, no pickled weights."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import BadInput, Cancelled
from explorer.home import local_path
from explorer.models import Architecture, ModelCard
from explorer.models.preprocess import ImagePreprocessor, Preprocessor, TextPreprocessor
from explorer.tasks.base import Kind, hash_files

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerFast

HEADS: dict[str, Kind] = {"ForSequenceClassification": "text", "ForImageClassification": "image"}
ARCHITECTURES: dict[str, Architecture] = {"bert": "bert", "vit": "vit", "resnet": "cnn"}
MAX_LENGTH = 128
LONGEST_SAYING = 200
METADATA_S = 10.0
"""How long the hub may take to say how large a model is."""
WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
TOKENIZER_INPUTS = ("input_ids", "attention_mask", "token_type_ids")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def card(model: str, data: str | None) -> ModelCard:
    """What the model's files say about it; a hub model is downloaded first when it is not on this machine."""
    folder = locate(model)
    config = read_config(folder, model)
    kind = head_kind(config, model)
    parameters = count_parameters(weight_files(folder, model))
    architecture = ARCHITECTURES.get(str(config.get("model_type")), "other")
    return ModelCard(
        name=model,
        title=Path(model).name if folder == Path(model) else model,
        kind=kind,
        architecture=architecture,
        task=Path(data).stem if data else "",
        description=f"{config['architectures'][0]} from {'a local folder' if folder == Path(model) else 'the hub'}.",
        parameters=parameters,
        file_bytes=4 * parameters,
        labels=labels_of(config),
    )


def digest(model: str) -> str:
    """Names the model's files by content; a hub model by its id and, once it is ``downloaded``, its revision."""
    if not is_folder(model):
        return hashlib.sha256(f"{model} {_cached_revision(model)}".encode()).hexdigest()[:16]
    folder = locate(model)
    return hash_files(
        sorted(file for file in folder.iterdir() if file.suffix in {".json", ".txt", ".model", ".safetensors"})
    )


def downloaded(model: str) -> bool:
    """Whether the model is on this machine, so that its digest names its files and will stay."""
    return is_folder(model) or _cached_revision(model) is not None


def here(model: str) -> Path | None:
    """The folder with the model's files, if they are on this machine; raises ``BadInput`` for a folder that is gone."""
    return locate(model) if is_folder(model) else _cached_folder(model)


def is_here(model: str) -> bool:
    """Whether nothing of the model has to be downloaded; it may be a folder that is gone."""
    return is_folder(model) or _cached_folder(model) is not None


def load(model: str) -> tuple[nn.Module, Preprocessor]:
    """The network in eval mode with its preprocessor; raises ``BadInput`` with one sentence."""
    folder = locate(model)
    config = read_config(folder, model)
    kind = head_kind(config, model)
    weight_files(folder, model)
    network = _network(folder, kind, model)
    return network, _text_preprocessor(folder, network, model) if kind == "text" else _image_preprocessor(
        folder, network, model
    )


def is_folder(model: str) -> bool:
    """Whether the name means a folder on this machine rather than a hub id."""
    return Path(model).is_dir() or model.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(model)


def locate(model: str) -> Path:
    """The folder with the model's files, downloaded when it is a hub id; raises ``BadInput``."""
    if not is_folder(model):
        return download(model)
    folder = local_path(model)
    if not folder.is_dir():
        from explorer.models.zoo import NAMES

        raise BadInput(
            f"There is no model '{model}'; expected is a built-in name ({', '.join(NAMES)}), "
            "a Hugging Face id such as 'owner/name', or a folder with config.json and model.safetensors."
        )
    return folder


def download(model: str) -> Path:
    """The hub model's files in the ordinary cache; from the network only when they are not there yet."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    cached = _cached_folder(model)
    if cached is not None:
        return cached
    try:
        return Path(snapshot_download(model, allow_patterns=WANTED))
    except GatedRepoError:
        raise BadInput(
            f"'{model}' needs its owner's consent on the hub; log in there, or choose another model."
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise BadInput(
            f"There is no model '{model}' among the built-in ones, as a folder, or on the hub (or it is private)."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
        raise BadInput(
            f"'{model}' is not on this machine and the hub cannot be reached; go online once, or give a local folder."
        ) from None


def hub_cache() -> Path:
    """Where the hub's own library keeps what it downloads."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def download_bytes(model: str) -> int:
    """How much a download would bring, as the hub says; 0 where it does not, or the model is here."""
    from fnmatch import fnmatch

    from huggingface_hub import HfApi

    if is_here(model):
        return 0
    try:
        files = HfApi().model_info(model, files_metadata=True, timeout=METADATA_S).siblings or []
    except Cancelled:
        raise
    except Exception:  # the library's transport raises errors of its own, and the download has the sentence for it
        return 0
    return sum(file.size or 0 for file in files if any(fnmatch(file.rfilename, wanted) for wanted in WANTED))


def _cached_folder(model: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(model, allow_patterns=WANTED, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        return None
    complete = (folder / "config.json").exists() and any(folder.glob("*.safetensors"))
    return folder if complete else None


def _cached_revision(model: str) -> str | None:
    reference = Path(hub_cache(), "models--" + model.replace("/", "--"), "refs", "main")
    return reference.read_text(encoding="utf-8").strip() if reference.exists() else None


def read_config(folder: Path, model: str) -> dict[str, Any]:
    """The model's ``config.json``; raises ``BadInput`` when it is missing or broken."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise BadInput(f"'{model}' has no readable config.json; expected is a folder as transformers saves it.")
    return config


def head_kind(config: dict[str, Any], model: str) -> Kind:
    """``text`` or ``image`` by the model's head; raises ``BadInput`` when it has no classification head."""
    names = config.get("architectures") or []
    for name in names:
        for head, kind in HEADS.items():
            if str(name).endswith(head):
                return kind
    found = ", ".join(str(name) for name in names) or "no architecture"
    raise BadInput(
        f"'{model}' has no classification head (its config names {found}); "
        "expected is a model for sequence classification or image classification."
    )


def labels_of(config: dict[str, Any]) -> tuple[str, ...]:
    """The labels in the order of the model's outputs; ``LABEL_0`` and ``LABEL_1`` where the config names none."""
    names = config.get("id2label") or {}
    count = len(names) or int(config.get("num_labels", 2))
    return tuple(str(names.get(str(number), f"LABEL_{number}")) for number in range(count))


def weight_files(folder: Path, model: str) -> list[Path]:
    """The model's safetensors; raises ``BadInput`` when there are none, with a word on pickled weights."""
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return files
    pickled = [path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.h5") for path in folder.glob(pattern)]
    found = f"it has {pickled[0]} only, and pickled weights can run code" if pickled else "it has no weights"
    raise BadInput(f"'{model}' cannot be loaded: {found}; expected is model.safetensors.")


def count_parameters(files: list[Path]) -> int:
    """Floating-point weights in safetensors files, from their headers alone."""
    total = 0
    for path in files:
        try:
            with path.open("rb") as file:
                (size,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(size, 100_000_000)))
        except (OSError, struct.error, ValueError):
            raise BadInput(f"'{path}' is not a readable safetensors file.") from None
        shapes = [tensor["shape"] for key, tensor in header.items() if key != "__metadata__" and _is_float(tensor)]
        total += sum(_product(shape) for shape in shapes)
    return total


def _is_float(tensor: dict[str, Any]) -> bool:
    return "F" in str(tensor["dtype"])


def _product(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _network(folder: Path, kind: Kind, model: str) -> nn.Module:
    import torch
    from transformers import AutoModelForImageClassification, AutoModelForSequenceClassification

    loader = AutoModelForSequenceClassification if kind == "text" else AutoModelForImageClassification
    options: dict[str, Any] = {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}
    try:
        network, info = loader.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True, **options
        )
    except Cancelled:
        raise
    except Exception as error:  # the loaders raise whatever they like; every one of them ends as one sentence
        raise BadInput(_load_sentence(model, error)) from None
    missing = sorted(info["missing_keys"])
    if missing:
        raise BadInput(
            f"'{model}' lacks {len(missing)} of its weights, such as '{missing[0]}'; its head was not trained."
        )
    return network.eval()  # type: ignore[no-any-return]


def _load_sentence(model: str, error: Exception) -> str:
    text = str(error)
    if "trust_remote_code" in text or "does not recognize this architecture" in text or "custom code" in text:
        return f"'{model}' needs code of its own that transformers does not have; remote code is never run here."
    return f"'{model}' cannot be loaded: {_said(error)}"


def _said(error: Exception) -> str:
    """What a library said, on one line, with one full stop, and no longer than people read."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"{text}." if len(text) <= LONGEST_SAYING else textwrap.shorten(text, LONGEST_SAYING, placeholder=" …")


def _text_preprocessor(folder: Path, network: nn.Module, model: str) -> TextPreprocessor:
    import inspect

    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
            folder, use_fast=True, trust_remote_code=False, local_files_only=True
        )
        backend = tokenizer.backend_tokenizer
    except Cancelled:
        raise
    except Exception as error:  # as above
        raise BadInput(f"The tokenizer of '{model}' cannot be loaded: {_said(error)}") from None
    accepted = inspect.signature(network.forward).parameters
    names = [
        n for n in TOKENIZER_INPUTS if n in accepted and (n in tokenizer.model_input_names or n != "token_type_ids")
    ]
    pad_id, pad_token = tokenizer.pad_token_id, tokenizer.pad_token
    if pad_id is None:
        raise BadInput(f"The tokenizer of '{model}' has no padding token, which batches of texts need.")
    limit = min(MAX_LENGTH, tokenizer.model_max_length, _positions(network))
    return TextPreprocessor(backend, int(limit), names, int(pad_id), str(pad_token))


def _positions(network: nn.Module) -> int:
    """Tokens that the position embeddings hold (two fewer where they begin after the padding, as RoBERTa's do)."""
    config: Any = network.config
    held = getattr(config, "max_position_embeddings", None) or MAX_LENGTH
    return int(held) - (2 if "roberta" in str(config.model_type) else 0)


def _image_preprocessor(folder: Path, network: nn.Module, model: str) -> ImagePreprocessor:
    try:
        fields = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(
            f"'{model}' has no readable preprocessor_config.json, which says how images are prepared."
        ) from None
    config: Any = network.config
    return image_preprocessor(fields, int(getattr(config, "num_channels", 3)), int(getattr(config, "image_size", 224)))


def image_preprocessor(fields: dict[str, Any], channels: int, side: int) -> ImagePreprocessor:
    """What a ``preprocessor_config.json`` of transformers says, as our own preprocessor.

    ``size`` is ``{height, width}``, ``{shortest_edge}`` or a number; ``crop_size`` is cut from the centre where
    ``do_center_crop`` is set. ``side`` is used where no size is given.
    """
    size = _size(fields.get("size"), side)
    crops = bool(fields.get("do_center_crop"))
    crop = _size(fields.get("crop_size"), side) if crops else size
    height, width = (crop.get(key, crop.get("shortest_edge", side)) for key in ("height", "width"))
    shortest = size.get("shortest_edge") if crops else None
    if "crop_pct" in fields and "shortest_edge" in size and not crops and height < 384:
        shortest = int(height / fields["crop_pct"])  # ConvNeXt: enlarge, then crop
    normalises = bool(fields.get("do_normalize", True))
    mean = _per_channel(fields.get("image_mean", 0.5) if normalises else 0.0, channels)
    std = _per_channel(fields.get("image_std", 0.5) if normalises else 1.0, channels)
    rescale = float(fields.get("rescale_factor", 1 / 255)) if fields.get("do_rescale", True) else 1.0
    return ImagePreprocessor(height, width, channels, mean, std, rescale, shortest, int(fields.get("resample", 2)))


def _size(given: Any, side: int) -> dict[str, int]:
    if isinstance(given, dict):
        return {key: int(value) for key, value in given.items()}
    number = int(given) if isinstance(given, int | float) else side
    return {"height": number, "width": number}


def _per_channel(value: Any, channels: int) -> tuple[float, ...]:
    values = [float(v) for v in (value if isinstance(value, list | tuple) else [value])]
    return tuple(values if len(values) == channels else values[:1] * channels)
