"""From texts or images to the arrays a model takes: numpy, Pillow and tokenizers, never torch.

The same files (``tokenizer.json``, ``preprocessor.json``) go into every artefact: what is measured is what is deployed.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput
from explorer.tasks.base import Inputs, Kind

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Arrays = dict[str, NDArray[Any]]

TEXTS_AT_ONCE = 2048
"""What the tokenizer makes of a text takes a hundred times the memory of its numbers, so not all texts at once."""


class Preprocessor(ABC):
    """Turns inputs into named arrays; saved to and loaded from an artefact's folder."""

    kind: ClassVar[Kind]
    input_names: tuple[str, ...]

    @abstractmethod
    def encode(self, inputs: Inputs, length: int | None = None) -> Arrays:
        """Arrays of the whole batch; texts are padded to the longest, or padded and cut to ``length`` tokens."""

    @abstractmethod
    def dummy(self, batch: int, length: int) -> Arrays:
        """Random but valid arrays of exactly this shape, always the same (images ignore ``length``)."""

    def dummy_at(self, shape: tuple[int, int]) -> Arrays:
        """The same at a shape of the latency grid: (batch, tokens of a text or pixels of an image's side)."""
        return self.dummy(*shape)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what ``Preprocessor.load`` needs."""

    @staticmethod
    def load(folder: Path) -> Preprocessor:
        """The preprocessor saved in an artefact's folder; raises ``BadInput`` when there is none."""
        try:
            fields = json.loads((folder / "preprocessor.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise BadInput(f"There is no readable preprocessor.json in '{folder}'.") from None
        kind = fields.pop("kind")
        return TextPreprocessor.from_folder(folder, **fields) if kind == "text" else ImagePreprocessor.of(fields)


class TextPreprocessor(Preprocessor):
    """Tokens as int64 ``[N, length]``: ``input_ids``, ``attention_mask``, ``token_type_ids`` where the model has it."""

    kind = "text"

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int,
        input_names: Sequence[str],
        pad_id: int = 0,
        pad_token: str = "[PAD]",
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.input_names = tuple(input_names)
        self.pad_id = pad_id
        self.pad_token = pad_token
        tokenizer.enable_truncation(max_length)
        tokenizer.enable_padding(pad_id=pad_id, pad_token=pad_token)

    @classmethod
    def from_folder(cls, folder: Path, **fields: Any) -> TextPreprocessor:
        """Built from ``tokenizer.json`` in the folder."""
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), **fields)

    def encode(self, inputs: Inputs, length: int | None = None) -> Arrays:
        starts = range(0, max(1, len(inputs)), TEXTS_AT_ONCE)
        blocks = [self._encode(list(inputs[start : start + TEXTS_AT_ONCE])) for start in starts]
        width = max(block["input_ids"].shape[1] for block in blocks) if length is None else length
        fills = {"input_ids": self.pad_id}
        return {
            name: np.concatenate([_to_length(block[name], width, fills.get(name, 0)) for block in blocks])
            for name in self.input_names
        }

    def _encode(self, texts: list[str]) -> Arrays:
        """All three arrays, padded to the longest of these texts."""
        encodings = self.tokenizer.encode_batch(texts)
        lists = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        return {
            name: np.array(rows, dtype=np.int64).reshape(len(texts), len(rows[0]) if rows else 0)
            for name, rows in lists.items()
        }

    def dummy(self, batch: int, length: int) -> Arrays:
        size = self.tokenizer.get_vocab_size()
        ids = np.random.default_rng(0).integers(size // 10, size, (batch, length), dtype=np.int64)
        ids[ids == self.pad_id] = size // 2
        arrays = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return {name: arrays[name] for name in self.input_names}

    def save(self, folder: Path) -> None:
        self.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        names = list(self.input_names)
        fields = {
            "max_length": self.max_length,
            "input_names": names,
            "pad_id": self.pad_id,
            "pad_token": self.pad_token,
        }
        _write(folder, {"kind": self.kind, **fields})


def _to_length(array: NDArray[np.int64], length: int, fill: int) -> NDArray[np.int64]:
    if array.shape[1] == length:
        return array
    cut = array[:, :length]
    return np.pad(cut, ((0, 0), (0, length - cut.shape[1])), constant_values=fill)


@dataclass(frozen=True)
class ImagePreprocessor(Preprocessor):
    """Pixels as float32 ``[N, channels, height, width]``: ``(pixel * rescale - mean) / std`` for each channel.

    ``shortest_edge`` first brings the shorter side to that many pixels, then the centre is cut out;
    None squeezes the whole image to ``height`` x ``width``. ``resample`` is Pillow's number of the filter.
    """

    kind = "image"
    input_names = ("pixel_values",)

    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rescale: float = 1 / 255
    shortest_edge: int | None = None
    resample: int = 2

    @classmethod
    def of(cls, fields: dict[str, Any]) -> ImagePreprocessor:
        """Built from the fields of ``preprocessor.json``."""
        known = {name: value for name, value in fields.items() if name != "input_names"}
        return cls(**{**known, "mean": tuple(known["mean"]), "std": tuple(known["std"])})

    def fit(self, image: Any) -> NDArray[np.uint8]:
        """An opened Pillow image as uint8 ``[height, width]`` or ``[height, width, 3]``."""
        image = image.convert("L" if self.channels == 1 else "RGB")
        if self.shortest_edge is None:
            return np.asarray(image.resize((self.width, self.height), self.resample), dtype=np.uint8)
        scale = self.shortest_edge / min(image.size)
        width, height = (max(1, int(side * scale)) for side in image.size)
        image = image.resize((width, height), self.resample)
        left, top = (width - self.width) // 2, (height - self.height) // 2
        return np.asarray(image.crop((left, top, left + self.width, top + self.height)), dtype=np.uint8)

    def encode(self, inputs: Inputs, length: int | None = None) -> Arrays:
        images = np.asarray(inputs)
        wanted = (self.height, self.width) if self.channels == 1 else (self.height, self.width, 3)
        if images.shape[1:] != wanted:
            images = self._fit_all(images)
        pixels = images.astype(np.float32).reshape(len(images), self.height, self.width, self.channels)
        mean, std = np.array(self.mean, dtype=np.float32), np.array(self.std, dtype=np.float32)
        normal: NDArray[np.float32] = (pixels * np.float32(self.rescale) - mean) / std
        return {"pixel_values": np.ascontiguousarray(normal.transpose(0, 3, 1, 2))}

    def _fit_all(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        return np.stack([self.fit(Image.fromarray(image)) for image in images])

    def dummy(self, batch: int, length: int) -> Arrays:
        return self.dummy_at((batch, self.height))

    def dummy_at(self, shape: tuple[int, int]) -> Arrays:
        batch, side = shape
        pixels = (batch, self.channels, *self.scaled(side))
        return {"pixel_values": np.random.default_rng(0).standard_normal(pixels, dtype=np.float32)}

    def scaled(self, side: int) -> tuple[int, int]:
        """Height and width of an image that is ``side`` pixels high, in the proportions of the model's own size."""
        return side, max(1, round(side * self.width / self.height))

    def save(self, folder: Path) -> None:
        _write(folder, {"kind": self.kind, "input_names": list(self.input_names), **asdict(self)})


def _write(folder: Path, fields: dict[str, Any]) -> None:
    (folder / "preprocessor.json").write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
