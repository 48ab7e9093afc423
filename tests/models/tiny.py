"""Tiny models with random weights, saved as the folders that the real loaders read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTForImageClassification,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "fine", "poor", *(f"w{i}" for i in range(92))]
LABELS = ("bad", "good")


def tokenizer() -> Tokenizer:
    """One token a word, between [CLS] and [SEP]."""
    made = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return made


def bert(labels: tuple[str, ...] = LABELS, seed: int = 0) -> BertForSequenceClassification:
    """Two layers of width 16."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, initializer_range=0.2, id2label=dict(enumerate(labels)),
        label2id={v: k for k, v in enumerate(labels)}, attn_implementation="eager",
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


def vit(labels: tuple[str, ...] = LABELS, channels: int = 3, seed: int = 0) -> ViTForImageClassification:
    """Two layers of width 16 over 8 x 8 pixels."""
    torch.manual_seed(seed)
    config = ViTConfig(
        image_size=8, patch_size=4, num_channels=channels, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, initializer_range=0.2, id2label=dict(enumerate(labels)),
        label2id={v: k for k, v in enumerate(labels)}, attn_implementation="eager",
    )  # fmt: skip
    return ViTForImageClassification(config).eval()


def save_bert(folder: Path, labels: tuple[str, ...] = LABELS) -> BertForSequenceClassification:
    """A folder as ``save_pretrained`` writes it, with its tokenizer."""
    model = bert(labels)
    model.save_pretrained(folder)
    names: dict[str, Any] = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer(), model_max_length=32, **names).save_pretrained(folder)
    return model


def save_vit(folder: Path, labels: tuple[str, ...] = LABELS, **preparation: Any) -> ViTForImageClassification:
    """A folder as ``save_pretrained`` writes it, with its ``preprocessor_config.json``."""
    model = vit(labels)
    model.save_pretrained(folder)
    size = {"height": 8, "width": 8}
    fields = {
        "do_resize": True,
        "size": size,
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps({**fields, **preparation}), encoding="utf-8")
    return model


def texts(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Different texts of 1 to 12 words; the first word tells the label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    made = []
    for label in labels:
        words = random.choice(WORDS[8:], random.integers(2, 12))
        made.append(" ".join([str(random.choice([["bad", "poor"], ["good", "fine"]][label])), *words]))
    return made, labels.astype(np.int64)


def write_csv(path: Path, n: int = 80) -> Path:
    """``texts`` as a CSV file with the columns text and label."""
    made, labels = texts(n)
    lines = [f"{text},{LABELS[label]}" for text, label in zip(made, labels, strict=True)]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return path


def write_images(folder: Path, n: int = 30) -> Path:
    """A folder of images, ``n`` for each label."""
    random = np.random.default_rng(0)
    for number, name in enumerate(LABELS):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            pixels = random.integers(100 * number, 100 * number + 100, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder
