import numpy as np
import pytest
from onnxruntime.quantization import quantize_dynamic
from sklearn.metrics import f1_score, precision_recall_fscore_support

from explorer.errors import Unavailable
from explorer.measure.accuracy import compare, depends_on_batch, predict, unavailable_accuracy
from explorer.measure.runners import open_runner
from explorer.models.preprocess import Preprocessor
from tests.measure.tiny import save_text, text_graph


def alone(folder, texts):
    runner, preprocessor = open_runner(folder, "cpu-onnxruntime", threads=1), Preprocessor.load(folder)
    return np.concatenate([runner(preprocessor.encode([text])) for text in texts])


@pytest.fixture
def int8_artefact(tmp_path):
    folder = save_text(tmp_path / "int8", text_graph())
    (folder / "model.onnx").rename(folder / "float.onnx")
    quantize_dynamic(folder / "float.onnx", folder / "model.onnx", op_types_to_quantize=["MatMul"])
    return folder


def test_logits_come_back_in_the_order_of_the_inputs(text_artefact, texts):
    found = predict(text_artefact, "cpu-onnxruntime", texts, batch=16, threads=1)
    assert found == pytest.approx(alone(text_artefact, texts), abs=1e-4)


def test_images_run_in_batches(image_artefact):
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8), dtype=np.uint8)
    seen = []
    found = predict(image_artefact, "cpu-onnxruntime", images, threads=1, on_progress=lambda *step: seen.append(step))
    expected = open_runner(image_artefact, "cpu-onnxruntime")(Preprocessor.load(image_artefact).encode(images))
    assert found == pytest.approx(expected, abs=1e-5)
    assert seen == [(64, 70), (70, 70)]


def test_a_dynamically_quantized_model_answers_each_input_as_if_alone(int8_artefact, texts):
    """Together it would answer otherwise, which shows why batches are not used."""
    together = open_runner(int8_artefact, "cpu-onnxruntime", 1)(Preprocessor.load(int8_artefact).encode(texts))
    expected = alone(int8_artefact, texts)
    assert np.abs(together - expected).max() > 1e-3
    assert depends_on_batch(int8_artefact, "cpu-onnxruntime")
    found = predict(int8_artefact, "cpu-onnxruntime", texts, threads=1)
    assert np.array_equal(found, expected)
    beside = predict(int8_artefact, "cpu-onnxruntime", texts, threads=3)
    assert np.array_equal(beside, expected)
    backwards = predict(int8_artefact, "cpu-onnxruntime", texts[::-1], batch=7, threads=1)[::-1]
    assert np.array_equal(backwards, expected)


def test_a_float_model_may_run_in_batches(text_artefact):
    assert not depends_on_batch(text_artefact, "cpu-onnxruntime")
    assert not depends_on_batch(text_artefact, "cpu-torch")


def test_a_target_that_is_not_there_is_an_error_not_a_number(text_artefact, texts):
    with pytest.raises(Unavailable, match="no PyTorch model"):
        predict(text_artefact, "cpu-torch", texts)


def logits_for(answers, classes=3):
    return np.eye(classes, dtype=np.float32)[answers]


def test_comparison_counts_flips_and_pairs():
    labels = np.zeros(100, int)
    baseline, variant = labels.copy(), labels.copy()
    baseline[:20] = 1  # 80 right
    variant[:15] = 2  # 5 of the wrong ones mended,
    variant[90:] = 1  # 10 right ones lost: 75 right
    found = compare(logits_for(variant), logits_for(baseline), labels, "cpu-onnxruntime", "validation")
    assert (found.value, found.baseline, found.samples) == (0.75, 0.8, 100)
    assert found.flips.model_dump() == {"right_to_wrong": 10, "wrong_to_right": 5}
    assert found.difference == pytest.approx(-0.05)
    assert found.difference_low < -0.05 < found.difference_high
    assert found.p_value == pytest.approx(0.3017578125)
    assert found.within_noise is True
    assert found.ci_low < 0.75 < found.ci_high


def test_a_clear_loss_is_not_noise():
    labels = np.zeros(400, int)
    variant = labels.copy()
    variant[:40] = 1
    found = compare(logits_for(variant), logits_for(labels), labels, "cpu-torch", "test")
    assert found.within_noise is False
    assert found.difference_high < 0


def test_a_model_that_answers_nan_is_wrong():
    logits = np.full((10, 3), np.nan, np.float32)
    assert compare(logits, None, np.zeros(10, int), "cpu-onnxruntime", "validation").value == 0


def test_by_class_and_beside_the_baseline():
    labels = np.array([0, 0, 1, 1, 2, 2])
    baseline, variant = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 2, 0])
    names = ("no", "maybe", "yes")
    found = compare(logits_for(variant), logits_for(baseline), labels, "cpu-onnxruntime", "validation", names=names)
    assert found.confusion == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found.baseline_confusion == [[2, 0, 0], [0, 1, 1], [0, 0, 2]]
    assert [score.label for score in found.per_class] == list(names)
    scores = [(score.precision, score.recall, score.f1, score.support) for score in found.per_class]
    assert np.array(scores) == pytest.approx(np.array(precision_recall_fscore_support(labels, variant)).T)
    assert found.macro_f1 == pytest.approx(f1_score(labels, variant, average="macro"))
    assert found.macro_f1_low < found.macro_f1 < found.macro_f1_high
    assert found.agreement == 0.5
    assert [tuple(flip.model_dump().values()) for flip in found.flipped] == [(1, 0, 0, 1), (3, 1, 2, 1), (5, 2, 2, 0)]
    assert found.condition == "clean"


def test_calibration_stands_beside_the_baselines():
    """One-hot logits of 3 classes have the confidence e / (e + 2); of these answers 3 of 4 and all are right."""
    labels, confidence = np.zeros(4, int), np.e / (np.e + 2)
    variant, baseline = logits_for(np.array([0, 0, 0, 1])), logits_for(labels)
    found = compare(variant, baseline, labels, "cpu-torch", "validation", condition="typos")
    assert found.calibration_error == pytest.approx(abs(0.75 - confidence))
    assert found.baseline_calibration_error == pytest.approx(1 - confidence)
    assert found.condition == "typos"


def test_an_input_without_an_answer_is_wrong_and_listed_as_such():
    labels = np.array([0, 1, 2])
    logits = logits_for(labels)
    logits[1, 0] = np.nan
    found = compare(logits, logits_for(labels), labels, "cpu-torch", "validation")
    assert (found.value, found.agreement) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found.confusion == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert [(score.recall, score.support) for score in found.per_class] == [(1, 1), (0, 1), (1, 1)]
    assert found.flipped[0].model_dump() == {"index": 1, "label": 1, "baseline": 1, "variant": -1}


def test_the_list_of_flipped_inputs_ends_at_200():
    labels = np.zeros(500, int)
    found = compare(logits_for(labels + 1), logits_for(labels), labels, "cpu-torch", "validation")
    assert found.flips.right_to_wrong == 500
    assert [flip.index for flip in found.flipped] == list(range(200))


def test_inputs_of_the_test_split_are_not_listed():
    labels = np.zeros(50, int)
    found = compare(logits_for(labels + 1), logits_for(labels), labels, "cpu-torch", "test")
    assert (found.flips.right_to_wrong, found.flipped) == (50, [])


def test_many_classes_keep_scores_of_those_that_occur_and_no_matrix():
    labels = np.arange(10)
    found = compare(logits_for(labels, 1000), logits_for(labels, 1000), labels, "cpu-torch", "validation", names=["a"])
    assert (found.confusion, found.baseline_confusion) == (None, None)
    assert [score.label for score in found.per_class] == ["a", *map(str, range(1, 10))]
    assert found.macro_f1 == 1


def test_without_a_baseline_there_is_no_difference():
    found = compare(logits_for(np.zeros(10, int)), None, np.zeros(10, int), "cpu-onnxruntime", "validation")
    assert (found.value, found.difference, found.flips, found.within_noise) == (1, None, None, None)


def test_lengths_must_match():
    with pytest.raises(ValueError, match="2 rows and 3 labels"):
        compare(np.zeros((2, 3)), None, np.zeros(3, int), "cpu-onnxruntime", "validation")


def test_unavailable_entry_says_why():
    found = unavailable_accuracy("cuda-torch", "validation", "no GPU")
    assert (found.kind, found.reason, found.value) == ("unavailable", "no GPU", None)
