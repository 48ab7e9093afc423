import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as reference_confusion
from sklearn.metrics import f1_score, precision_recall_fscore_support

from explorer.measure import metrics

CASES = [(2, 50, 0.9), (3, 400, 0.6), (10, 300, 0.3), (40, 60, 0.5)]


def draw(classes, count, share_right, seed=0):
    """Labels of uneven frequency, and answers of which about so many are right."""
    dice = np.random.default_rng(seed)
    labels = dice.choice(classes, count, p=dice.dirichlet(np.ones(classes)))
    guesses = dice.integers(0, classes, count)
    return labels, np.where(dice.random(count) < share_right, labels, guesses)


@pytest.mark.parametrize(("classes", "count", "share"), CASES)
def test_scores_are_those_of_scikit_learn(classes, count, share):
    labels, answers = draw(classes, count, share)
    confusion = metrics.confusion_matrix(labels, answers, classes)
    assert confusion.tolist() == reference_confusion(labels, answers, labels=range(classes)).tolist()
    found = metrics.class_scores(confusion, np.bincount(labels, minlength=classes))
    expected = precision_recall_fscore_support(labels, answers, labels=range(classes), zero_division=0)
    for own, reference in zip((found.precision, found.recall, found.f1, found.support), expected, strict=True):
        assert own == pytest.approx(reference)
    assert metrics.macro_f1(labels, answers, classes) == pytest.approx(
        f1_score(labels, answers, average="macro", zero_division=0)
    )


@pytest.mark.parametrize(("classes", "count", "share"), CASES)
def test_an_input_without_an_answer_is_wrong_everywhere(classes, count, share):
    labels, answers = draw(classes, count, share)
    answers[::7] = metrics.NO_ANSWER
    confusion = metrics.confusion_matrix(labels, answers, classes)
    assert confusion.sum() == (answers != metrics.NO_ANSWER).sum()
    found = metrics.class_scores(confusion, np.bincount(labels, minlength=classes))
    occurring = sorted({*labels.tolist(), *answers.tolist()} - {metrics.NO_ANSWER})
    expected = precision_recall_fscore_support(labels, answers, labels=occurring, zero_division=0)
    for own, reference in zip((found.precision, found.recall, found.f1, found.support), expected, strict=True):
        assert own[occurring] == pytest.approx(reference)
    assert metrics.macro_f1(labels, answers, classes) == pytest.approx(expected[2].mean())


def test_the_interval_is_that_of_resampled_inputs():
    """Against scikit-learn's F1 of inputs that are really drawn one by one."""
    labels, answers = draw(3, 500, 0.7)
    dice = np.random.default_rng(1)
    rows = (dice.integers(0, len(labels), len(labels)) for _ in range(300))
    drawn = [f1_score(labels[row], answers[row], average="macro") for row in rows]
    low, high = metrics.macro_f1_interval(labels, answers, 3)
    assert (low, high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.01)
    assert low < metrics.macro_f1(labels, answers, 3) < high
    assert (low, high) == metrics.macro_f1_interval(labels, answers, 3)


def test_many_small_classes_do_not_push_the_interval_off_its_value():
    labels, answers = draw(300, 900, 0.5)
    low, high = metrics.macro_f1_interval(labels, answers, 300)
    assert low < metrics.macro_f1(labels, answers, 300) < high


def test_the_interval_of_a_perfect_model_is_a_point():
    labels, _ = draw(3, 100, 1.0)
    assert metrics.macro_f1_interval(labels, labels, 3) == pytest.approx((1, 1))


def of_confidence(confidence, answers):
    """Logits of two classes whose softmax gives ``answers`` with this confidence."""
    confidence = np.asarray(confidence, dtype=np.float64)
    logits = np.zeros((len(confidence), 2))
    logits[np.arange(len(confidence)), answers] = np.log(confidence / (1 - confidence))
    return logits


def test_calibration_error_by_hand():
    """15 bins: 0.62 is in (0.600, 0.667], 0.85 and 0.86 in (0.800, 0.867], 0.95 in (0.933, 1]."""
    labels = np.array([0, 0, 0, 1, 0, 0, 0])
    logits = of_confidence([0.62, 0.85, 0.86, 0.86, 0.95, 0.95, 0.95], [0, 0, 0, 0, 0, 0, 1])
    # 1 of 1 right at 0.62; 2 of 3 right at 0.8567 on average; 2 of 3 right at 0.95
    by_hand = (1 * (1 - 0.62) + 3 * ((0.85 + 0.86 + 0.86) / 3 - 2 / 3) + 3 * (0.95 - 2 / 3)) / 7
    assert metrics.calibration_error(logits, labels) == pytest.approx(by_hand)


def test_a_bin_ends_with_its_upper_edge():
    """With two classes and two bins, 0.5 is in the lower one: together with 0.6 it would cancel."""
    logits = np.vstack([np.zeros((1, 2)), of_confidence([0.6], [0])])
    assert metrics.calibration_error(logits, np.array([0, 1]), bins=2) == pytest.approx((0.5 + 0.6) / 2)


def test_a_model_that_is_as_sure_as_it_is_right_has_no_calibration_error():
    labels = np.array([0] * 75 + [1] * 25)
    assert metrics.calibration_error(of_confidence([0.75] * 100, [0] * 100), labels) == pytest.approx(0)


def test_no_answer_is_wrong_with_full_confidence():
    logits = np.full((4, 3), np.nan)
    assert metrics.answers_of(logits).tolist() == [metrics.NO_ANSWER] * 4
    assert metrics.calibration_error(logits, np.zeros(4, int)) == 1
    logits[:, 0] = np.inf
    assert metrics.calibration_error(logits, np.zeros(4, int)) == 1


def test_large_logits_do_not_overflow():
    logits = np.array([[3e4, -3e4], [-3e4, 3e4]], dtype=np.float32)
    assert metrics.calibration_error(logits, np.array([0, 1])) == 0


def test_agreement_counts_equal_answers_right_or_wrong():
    assert metrics.agreement(np.array([0, 1, 2, -1]), np.array([0, 2, 2, -1])) == 0.5


def test_flipped_are_those_that_changed_sides():
    labels = np.array([0, 0, 0, 0, 0])
    answers, baseline = np.array([0, 1, 0, 1, -1]), np.array([0, 2, 1, 0, 0])
    assert metrics.flipped(labels, answers, baseline).tolist() == [2, 3, 4]
