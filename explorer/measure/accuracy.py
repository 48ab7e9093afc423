"""Accuracy of the reloaded artefact in a target's runtime, paired with the baseline's answers on the same inputs.

Each input gets the answer it would get alone. Padding and batches do not change the answers of an ordinary model, so
inputs of similar length run together. A dynamically quantized model takes the scale of its activations from the whole
batch, padding included: there an answer depends on the company it is in, and would change with the batch size and the
order. Such a model is therefore run one input at a time, without padding, which is also how a single request meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from explorer.measure import metrics
from explorer.measure.host import default_threads
from explorer.measure.metrics import Numbers
from explorer.measure.runners import MODEL_FILE, open_runner
from explorer.measure.statistics import mcnemar_p, paired_difference, wilson
from explorer.measure.targets import targets
from explorer.result import Accuracy, ClassScore, Flipped, Flips

BATCH_DEPENDENT = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "QAttention"})
SIGNIFICANT = 0.05
MOST_FLIPPED = 200
"""How many of the inputs whose answer changed sides are listed."""
MOST_CLASSES = 50
"""Confusion matrices of more classes are not kept: they would outweigh everything else in a result."""
EXAMPLES_NOT_FROM = "test"
"""The split whose inputs are not listed: a variant must not be chosen by looking at them."""


def predict(
    folder: str | Path,
    target: str,
    inputs: Any,
    batch: int = 64,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Logits [N, classes] of the artefact for ``inputs`` (texts, or images uint8 [N, H, W(, 3)]), in their order.

    At most ``batch`` inputs run at once, one where answers depend on the batch. ``on_progress`` gets the number done
    and the total after each batch. Raises ``Unavailable`` where the target is not there.
    """
    from explorer.models.preprocess import Preprocessor

    folder, threads = Path(folder), threads or default_threads()
    preprocessor = Preprocessor.load(folder)
    order = _by_length(inputs)
    alone = depends_on_batch(folder, target)
    # one input keeps one core busy at best, so where the runtime allows as many are asked beside one another as there
    # are threads
    beside = alone and target == "cpu-onnxruntime"
    runner = open_runner(folder, target, 1 if beside else threads)
    size, side_by_side = 1 if alone else batch, threads if beside else 1

    def answer(start: int) -> NDArray[np.float32]:
        return runner(preprocessor.encode(_pick(inputs, order[start : start + size])))

    pieces = []
    with ThreadPoolExecutor(side_by_side) as pool:
        for piece in pool.map(answer, range(0, len(order), size)):
            pieces.append(piece)
            if on_progress is not None:
                on_progress(min(len(pieces) * size, len(order)), len(order))
    logits = np.empty((len(order), pieces[0].shape[1]), dtype=np.float32)
    logits[order] = np.concatenate(pieces)
    return logits


def depends_on_batch(folder: str | Path, target: str) -> bool:
    """True when the artefact quantizes its activations by a scale taken from the whole batch."""
    import onnx

    if targets()[target].runtime == "torch":
        return False
    graph = onnx.load(str(Path(folder) / MODEL_FILE), load_external_data=False).graph
    return any(node.op_type in BATCH_DEPENDENT for node in graph.node)


def compare(
    logits: NDArray[Any],
    baseline_logits: NDArray[Any] | None,
    labels: NDArray[np.int64],
    target: str,
    split: str,
    metric: str = "accuracy",
    names: Sequence[str] = (),
    condition: Literal["clean", "typos", "noise"] = "clean",
) -> Accuracy:
    """Accuracy of ``logits`` [N, classes] with interval, and the paired difference to the baseline's where given.

    ``names`` are the classes' (their numbers where there are none), ``condition`` says what was done to the inputs. A
    row with a number that is not finite is a wrong answer; where it is listed, its class is -1. Inputs of the test
    split are not listed. Raises ``ValueError`` when lengths differ.
    """
    answers = _answers(logits, labels)
    right = answers == labels
    low, high = wilson(int(right.sum()), len(right))
    found = Accuracy(
        target=target,
        split=split,
        condition=condition,
        metric=metric,
        samples=len(right),
        value=float(right.mean()),
        ci_low=low,
        ci_high=high,
        **_by_class(answers, labels, logits.shape[1], names),
        calibration_error=metrics.calibration_error(logits, labels),
    )
    if baseline_logits is None:
        return found
    baseline = _answers(baseline_logits, labels)
    return found.model_copy(
        update={
            **_paired(right, baseline == labels),
            **_beside(answers, baseline, labels, logits.shape[1], split),
            "baseline_calibration_error": metrics.calibration_error(baseline_logits, labels),
        }
    )


def _by_class(answers: Numbers, labels: Numbers, classes: int, names: Sequence[str]) -> dict[str, Any]:
    """Macro F1 with its interval, the scores of each class that occurs, and the confusion matrix."""
    low, high = metrics.macro_f1_interval(labels, answers, classes)
    confusion = metrics.confusion_matrix(labels, answers, classes)
    scores = metrics.class_scores(confusion, np.bincount(labels, minlength=classes))
    occurring = np.flatnonzero(scores.support + confusion.sum(axis=0))
    return {
        "macro_f1": metrics.macro_f1(labels, answers, classes),
        "macro_f1_low": low,
        "macro_f1_high": high,
        "per_class": [
            ClassScore(
                label=names[number] if number < len(names) else str(number),
                precision=float(scores.precision[number]),
                recall=float(scores.recall[number]),
                f1=float(scores.f1[number]),
                support=int(scores.support[number]),
            )
            for number in occurring.tolist()
        ],
        "confusion": _kept(confusion),
    }


def _beside(answers: Numbers, baseline: Numbers, labels: Numbers, classes: int, split: str) -> dict[str, Any]:
    """Agreement with the baseline, its confusion matrix, and the first inputs whose answer changed sides."""
    places = metrics.flipped(labels, answers, baseline)[:MOST_FLIPPED] if split != EXAMPLES_NOT_FROM else ()
    return {
        "agreement": metrics.agreement(answers, baseline),
        "baseline_confusion": _kept(metrics.confusion_matrix(labels, baseline, classes)),
        "flipped": [
            Flipped(
                index=int(place),
                label=int(labels[place]),
                baseline=int(baseline[place]),
                variant=int(answers[place]),
            )
            for place in places
        ],
    }


def _kept(confusion: Numbers) -> list[list[int]] | None:
    return confusion.tolist() if len(confusion) <= MOST_CLASSES else None


def unavailable_accuracy(target: str, split: str, reason: str) -> Accuracy:
    """The entry for a target that is not there."""
    return Accuracy(target=target, split=split, kind="unavailable", reason=reason)


def _paired(right: NDArray[np.bool_], baseline: NDArray[np.bool_]) -> dict[str, Any]:
    gained, lost = int((right & ~baseline).sum()), int((~right & baseline).sum())
    both = int((right & baseline).sum())
    difference, low, high = paired_difference(both, gained, lost, len(right) - both - gained - lost)
    p_value = mcnemar_p(lost, gained)
    return {
        "baseline": float(baseline.mean()),
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
        "flips": Flips(right_to_wrong=lost, wrong_to_right=gained),
        "p_value": p_value,
        "within_noise": p_value > SIGNIFICANT,
    }


def _answers(logits: NDArray[Any], labels: NDArray[np.int64]) -> Numbers:
    if len(logits) != len(labels) or len(labels) == 0:
        raise ValueError(f"expected one row of logits for each label, got {len(logits)} rows and {len(labels)} labels")
    return metrics.answers_of(logits)


def _by_length(inputs: Any) -> NDArray[np.intp]:
    """Positions in the order in which inputs are run: texts by length, so that little is padded."""
    if len(inputs) and isinstance(inputs[0], str):
        return np.argsort([len(text) for text in inputs], kind="stable")
    return np.arange(len(inputs))


def _pick(inputs: Any, positions: NDArray[np.intp]) -> Any:
    return inputs[positions] if isinstance(inputs, np.ndarray) else [inputs[i] for i in positions]
