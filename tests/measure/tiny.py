"""Tiny artefacts made on the spot: a bag of words with one hidden layer, and a linear model of 8x8 images."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from explorer.models.preprocess import ImagePreprocessor, TextPreprocessor

WORDS, HIDDEN, CLASSES = 64, 96, 3
PARAMETERS = WORDS * HIDDEN + HIDDEN * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES


def text_graph(seed: int = 0, hidden: int = HIDDEN) -> onnx.ModelProto:
    """Embedding -> MatMul + bias -> Relu -> mean over tokens that count -> MatMul + bias."""
    draw = np.random.default_rng(seed)
    arrays = {
        "embedding": draw.standard_normal((WORDS, HIDDEN)),
        "first.weight": draw.standard_normal((HIDDEN, hidden)),
        "first.bias": draw.standard_normal(hidden),
        "second.weight": draw.standard_normal((hidden, CLASSES)),
        "second.bias": draw.standard_normal(CLASSES),
    }
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    initializers.append(numpy_helper.from_array(np.array([2], np.int64), "last_axis"))
    initializers.append(numpy_helper.from_array(np.array([1], np.int64), "token_axis"))
    initializers.append(numpy_helper.from_array(np.array(1e-9, np.float32), "tiny"))
    nodes = [
        helper.make_node("Gather", ["embedding", "input_ids"], ["tokens"], name="embed"),
        helper.make_node("MatMul", ["tokens", "first.weight"], ["first"], name="first"),
        helper.make_node("Add", ["first", "first.bias"], ["biased"], name="bias"),
        helper.make_node("Relu", ["biased"], ["active"], name="relu"),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT, name="cast"),
        helper.make_node("Unsqueeze", ["mask", "last_axis"], ["column"], name="unsqueeze"),
        helper.make_node("Mul", ["active", "column"], ["masked"], name="mul"),
        helper.make_node("ReduceSum", ["masked", "token_axis"], ["sum"], keepdims=0, name="sum"),
        helper.make_node("ReduceSum", ["column", "token_axis"], ["count"], keepdims=0, name="count"),
        helper.make_node("Add", ["count", "tiny"], ["safe"], name="safe"),
        helper.make_node("Div", ["sum", "safe"], ["mean"], name="mean"),
        helper.make_node("MatMul", ["mean", "second.weight"], ["second"], name="second"),
        helper.make_node("Add", ["second", "second.bias"], ["logits"], name="head"),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "s"]) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", CLASSES])]
    graph = helper.make_graph(nodes, "text", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def save_text(folder: Path, graph: onnx.ModelProto) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, folder / "model.onnx")
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {f"w{i}": i for i in range(2, WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    TextPreprocessor(tokenizer, max_length=16, input_names=["input_ids", "attention_mask"]).save(folder)
    return folder


def save_cnn(folder: Path, kernel: int = 3, pads: int = 1) -> Path:
    """Conv -> global average -> product, for images from ``kernel - 2 * pads`` pixels a side on; its own is 8 x 8."""
    draw = np.random.default_rng(2)
    arrays = {"filters": draw.standard_normal((4, 1, kernel, kernel)), "weight": draw.standard_normal((4, CLASSES))}
    nodes = [
        helper.make_node("Conv", ["pixel_values", "filters"], ["maps"], pads=[pads] * 4),
        helper.make_node("GlobalAveragePool", ["maps"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 1, "height", "width"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", CLASSES])]
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "cnn", inputs, outputs, initializers)
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, folder / "model.onnx")
    ImagePreprocessor(height=8, width=8, channels=1, mean=(0.5,), std=(0.5,)).save(folder)
    return folder


def save_image(folder: Path) -> Path:
    """Flatten -> product: takes 8 x 8 pixels only."""
    weight = np.random.default_rng(0).standard_normal((64, CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["pixel_values"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 1, 8, 8])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", CLASSES])]
    graph = helper.make_graph(nodes, "image", inputs, outputs, [numpy_helper.from_array(weight, "weight")])
    folder.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, folder / "model.onnx")
    ImagePreprocessor(height=8, width=8, channels=1, mean=(0.5,), std=(0.5,)).save(folder)
    return folder
