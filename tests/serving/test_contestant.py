"""One model in the process: it answers as it was measured, whatever tokenizer made the inputs."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from explorer.errors import ExplorerError
from explorer.measure.accuracy import predict
from explorer.measure.travel import read_inputs
from explorer.models.preprocess import TextPreprocessor
from explorer.serving.contestant import Contestant, answer_both, probabilities
from tests.measure.tiny import WORDS, save_text, text_graph
from tests.support.bundles import text_split

TEXT = "w3 w9 w41"


def both(files):
    return [Contestant("baseline", files.baseline, 1), Contestant("variant", files.variant, 1)]


def expected(folder, given):
    logits = predict(folder, "cpu-onnxruntime", [given])[0].astype(float)
    return np.exp(logits) / np.exp(logits).sum()


def test_a_text_is_answered_as_it_was_measured(text_files):
    found = answer_both(both(text_files), TEXT)
    for name, folder in (("baseline", text_files.baseline), ("variant", text_files.variant)):
        assert found[name]["probabilities"] == pytest.approx(expected(folder, TEXT), abs=1e-6)
        assert 3 <= found[name]["calls"] <= 15 and found[name]["ms"] > 0


def test_an_image_is_answered_as_it_was_measured(image_files):
    image = np.random.default_rng(7).integers(0, 256, (8, 8), dtype=np.uint8)
    found = answer_both(both(image_files), image)
    logits = predict(image_files.variant, "cpu-onnxruntime", image[None])[0].astype(float)
    weights = np.exp(logits - logits.max())
    assert found["variant"]["probabilities"] == pytest.approx(weights / weights.sum(), abs=1e-6)


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
    _save_tokenizer(text_files.variant, vocabulary)
    inputs_before = read_inputs(text_files.inputs)
    swapped = inputs_before.tensors["input_ids"].copy()
    words = swapped > 1
    swapped[words] = WORDS + 1 - swapped[words]
    inputs_before.tensors["input_ids"][:] = swapped
    baseline, variant = both(text_files)
    answers = [baseline.answered(feed) for feed in baseline.feeds(inputs_before, variant)]
    assert answers == predict(text_files.baseline, "cpu-onnxruntime", text_split().inputs).argmax(1).tolist()


def test_another_tokenizer_is_refused(text_files):
    _save_tokenizer(text_files.variant, {"[PAD]": 0, "[UNK]": 1, "strange": 2})
    baseline, variant = both(text_files)
    with pytest.raises(ExplorerError, match="different tokenizers"):
        baseline.feeds(read_inputs(text_files.inputs), variant)


def test_a_broken_file_is_one_sentence(text_files):
    (text_files.variant / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ExplorerError, match=r"^ONNX Runtime cannot load the variant's file .*run the recipe again"):
        both(text_files)


def test_an_infinite_weight_is_no_answer(tmp_path):
    graph = text_graph(0)
    bias = next(one for one in graph.graph.initializer if one.name == "second.bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(3, np.inf, dtype=np.float32), "second.bias"))
    onnx.checker.check_model(graph)
    contestant = Contestant("variant", save_text(tmp_path / "variant", graph), 1)
    assert contestant.answered(contestant.preprocessor.encode([TEXT])) == -1


def _save_tokenizer(folder, vocabulary):
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    TextPreprocessor(tokenizer, max_length=16, input_names=["input_ids", "attention_mask"]).save(folder)
