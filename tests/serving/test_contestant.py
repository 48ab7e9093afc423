"""One model in the process: it answers as it was measured, whatever tokenizer made the inputs."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from explorer.errors import ExplorerError, Unavailable
from explorer.measure.accuracy import predict
from explorer.measure.travel import read_inputs
from explorer.models.preprocess import TextPreprocessor
from explorer.serving.contestant import Contestant, answer_all, probabilities
from tests.measure.tiny import WORDS, save_text, text_graph
from tests.support.bundles import text_split

TARGET = "cpu-onnxruntime"
TEXT = "w3 w9 w41"


def both(files):
    return [
        Contestant(name, folder, TARGET, 1) for name, folder in zip(("baseline", "variant"), files.folders, strict=True)
    ]


def expected(folder, given):
    logits = predict(folder, TARGET, [given])[0].astype(float)
    return np.exp(logits) / np.exp(logits).sum()


def test_a_text_is_answered_as_it_was_measured(text_files):
    found = answer_all(both(text_files), TEXT)
    for answer, folder in zip(found, text_files.folders, strict=True):
        assert answer["probabilities"] == pytest.approx(expected(folder, TEXT), abs=1e-6)
        assert 3 <= answer["calls"] <= 15 and answer["ms"] > 0


def test_an_image_is_answered_as_it_was_measured(image_files):
    image = np.random.default_rng(7).integers(0, 256, (8, 8), dtype=np.uint8)
    found = answer_all(both(image_files), image)
    logits = predict(image_files.variants[0], "cpu-onnxruntime", image[None])[0].astype(float)
    weights = np.exp(logits - logits.max())
    assert found[1]["probabilities"] == pytest.approx(weights / weights.sum(), abs=1e-6)


def test_a_logit_that_is_no_number_is_no_answer():
    assert probabilities(np.array([1.0, np.nan], dtype=np.float32)) == []
    assert probabilities(np.array([1000.0, 1000.0], dtype=np.float32)) == [0.5, 0.5]


def test_the_kept_inputs_are_those_texts(text_files):
    baseline, variant = both(text_files)
    inputs = read_inputs(text_files.inputs)
    answers = [baseline.answered(feed) for feed in baseline.feeds(inputs, variant)]
    assert answers == predict(text_files.baseline, "cpu-onnxruntime", text_split().inputs).argmax(1).tolist()


def test_inputs_of_a_trimmed_vocabulary_are_numbered_anew(text_files):
    """The variant counts its words backwards; the baseline must still get the same words."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {f"w{i}": WORDS + 1 - i for i in range(2, WORDS)}
    _save_tokenizer(text_files.variants[0], vocabulary)
    inputs_before = read_inputs(text_files.inputs)
    swapped = inputs_before.tensors["input_ids"].copy()
    words = swapped > 1
    swapped[words] = WORDS + 1 - swapped[words]
    inputs_before.tensors["input_ids"][:] = swapped
    baseline, variant = both(text_files)
    answers = [baseline.answered(feed) for feed in baseline.feeds(inputs_before, variant)]
    assert answers == predict(text_files.baseline, "cpu-onnxruntime", text_split().inputs).argmax(1).tolist()


def test_another_tokenizer_is_refused(text_files):
    _save_tokenizer(text_files.variants[0], {"[PAD]": 0, "[UNK]": 1, "strange": 2})
    baseline, variant = both(text_files)
    with pytest.raises(ExplorerError, match="different tokenizers"):
        baseline.feeds(read_inputs(text_files.inputs), variant)


def test_a_broken_file_is_one_sentence(text_files):
    (text_files.variants[0] / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(
        ExplorerError, match=r"^The variant's file cannot be loaded on CPU, ONNX Runtime .*run the recipe again"
    ):
        both(text_files)


def test_an_infinite_weight_is_no_answer(tmp_path):
    graph = text_graph(0)
    bias = next(one for one in graph.graph.initializer if one.name == "second.bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(3, np.inf, dtype=np.float32), "second.bias"))
    onnx.checker.check_model(graph)
    contestant = Contestant("variant", save_text(tmp_path / "variant", graph), TARGET, 1)
    assert contestant.answered(contestant.preprocessor.encode([TEXT])) == -1


def _save_tokenizer(folder, vocabulary):
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    TextPreprocessor(tokenizer, max_length=16, input_names=["input_ids", "attention_mask"]).save(folder)


def test_the_same_file_answers_on_another_runtime(text_files):
    pytest.importorskip("openvino")
    contestant = Contestant("variant", text_files.variants[0], "cpu-openvino-fp32", 1)
    assert contestant.runner.provider == "OpenVINO CPU"
    (found,) = answer_all([contestant], TEXT)
    assert found["probabilities"] == pytest.approx(expected(text_files.variants[0], TEXT), abs=1e-4)


def test_a_runtime_that_cannot_take_the_file_says_why(text_files):
    with pytest.raises(ExplorerError) as refused:
        Contestant("variant 2", text_files.variants[0], "cpu-torch", 1)
    assert str(refused.value) == (
        "The variant 2 cannot run on CPU, PyTorch: this artefact has no PyTorch model; choose another runtime."
    )


def test_a_runtime_that_finds_out_at_the_first_call_says_why(text_files, monkeypatch):
    _, variant = both(text_files)

    def refuse(feed):
        raise Unavailable("it has no kernel for this")

    monkeypatch.setattr(variant, "runner", refuse)
    with pytest.raises(ExplorerError, match=r"^The variant cannot run on CPU, ONNX Runtime: it has no kernel"):
        answer_all([variant], TEXT)
