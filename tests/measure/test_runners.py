import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from explorer.errors import BadInput, Unavailable
from explorer.measure import runners
from explorer.measure.runners import open_runner, unavailable_reason
from explorer.models.preprocess import Preprocessor


def test_onnx_logits_are_those_of_the_graph(image_artefact):
    (weight,) = onnx.load(image_artefact / "model.onnx").graph.initializer
    tensors = Preprocessor.load(image_artefact).dummy(5, 8)
    expected = tensors["pixel_values"].reshape(5, 64) @ numpy_helper.to_array(weight)
    runner = open_runner(image_artefact, "cpu-onnxruntime", threads=1)
    assert runner(tensors) == pytest.approx(expected, abs=1e-5)
    assert runner.bind(tensors)()[0] == pytest.approx(expected, abs=1e-5)


def test_bound_inputs_give_the_same_logits(image_artefact):
    """What runs on CUDA, here with the CPU as its device."""
    preprocessor = Preprocessor.load(image_artefact)
    bound, plain = (made(image_artefact, "cpu", 1) for made in (runners._BoundOnnxRunner, runners._OnnxRunner))
    tensors = preprocessor.dummy(5, 8)
    assert np.array_equal(bound(tensors), plain(tensors))
    call = bound.bind(tensors)
    assert call() is None
    assert call() is None


def test_inputs_that_the_graph_does_not_take_are_left_out(image_artefact):
    tensors = Preprocessor.load(image_artefact).dummy(1, 8)
    runner = open_runner(image_artefact, "cpu-onnxruntime", threads=1)
    assert runner({**tensors, "token_type_ids": np.zeros(1)}).shape == (1, 3)


def test_another_provider_than_the_wanted_one_is_refused(image_artefact, monkeypatch):
    """ONNX Runtime gives a CPU session where CUDA was asked for; here that must be an error."""
    if "CUDAExecutionProvider" in __import__("onnxruntime").get_available_providers():
        pytest.skip("this machine has CUDA")
    monkeypatch.setattr(runners, "availability", lambda name: None)
    with pytest.raises(Unavailable, match="gave CPUExecutionProvider instead of CUDAExecutionProvider"):
        open_runner(image_artefact, "cuda-onnxruntime")


def test_missing_torch_model_tells_the_reason_that_is_written_down(image_artefact):
    assert unavailable_reason(image_artefact, "cpu-torch") == "this artefact has no PyTorch model"
    (image_artefact / "torch-unavailable.txt").write_text("int8 weights exist in the ONNX file only\n")
    with pytest.raises(Unavailable, match=r"^int8 weights exist in the ONNX file only$"):
        open_runner(image_artefact, "cpu-torch")


def test_unknown_target_is_refused(image_artefact):
    with pytest.raises(BadInput, match="no target 'tpu'"):
        open_runner(image_artefact, "tpu")


def test_torch_logits_are_those_of_the_saved_model(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification

    from explorer.models.structure import save_torch

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(vocab_size=64, num_labels=3, **sizes)).eval()
    save_torch(model, tmp_path / "torch")
    ids = np.random.default_rng(0).integers(0, 64, (4, 7))
    tensors = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    with torch.inference_mode():
        expected = model(**{name: torch.from_numpy(array) for name, array in tensors.items()}).logits.numpy()
    found = open_runner(tmp_path, "cpu-torch", threads=1)(tensors)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-5)
