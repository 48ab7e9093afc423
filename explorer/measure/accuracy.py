"""Accuracy of the reloaded artefact in a target's runtime, paired with the baseline's answers on the same inputs.

Each input gets the answer it would get alone. Padding and batches do not change the answers of an ordinary model, so
inputs of similar length run together. A dynamically quantized model takes the scale of its activations from the whole
batch, padding included: there an answer depends on the company it is in, and would change with the batch size and the
order. Such a model is therefore run one input at a time, without padding, which is also how a single request meets it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.measure.host import default_threads
from explorer.measure.runners import MODEL_FILE, open_runner
from explorer.measure.statistics import mcnemar_p, paired_difference, wilson
from explorer.measure.targets import targets
from explorer.result import Accuracy, Flips

BATCH_DEPENDENT = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "QAttention"})
SIGNIFICANT = 0.05


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
    # one input keeps one core busy at best, so as many of them as there are threads are asked beside one another
    runner = open_runner(folder, target, 1 if alone else threads)
    size, side_by_side = (1, threads) if alone else (batch, 1)

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

    if targets()[target].runtime != "onnxruntime":
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
) -> Accuracy:
    """Accuracy of ``logits`` [N, classes] with interval, and the paired difference to the baseline's where given.

    A row with a number that is not finite is a wrong answer. Raises ``ValueError`` when lengths differ.
    """
    right = _right(logits, labels)
    low, high = wilson(int(right.sum()), len(right))
    found = Accuracy(
        target=target,
        split=split,
        metric=metric,
        samples=len(right),
        value=float(right.mean()),
        ci_low=low,
        ci_high=high,
    )
    if baseline_logits is None:
        return found
    return found.model_copy(update=_paired(right, _right(baseline_logits, labels)))


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


def _right(logits: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    if len(logits) != len(labels) or len(labels) == 0:
        raise ValueError(f"expected one row of logits for each label, got {len(logits)} rows and {len(labels)} labels")
    right = np.isfinite(logits).all(axis=1) & (logits.argmax(axis=1) == labels)
    return np.asarray(right, dtype=np.bool_)


def _by_length(inputs: Any) -> NDArray[np.intp]:
    """Positions in the order in which inputs are run: texts by length, so that little is padded."""
    if len(inputs) and isinstance(inputs[0], str):
        return np.argsort([len(text) for text in inputs], kind="stable")
    return np.arange(len(inputs))


def _pick(inputs: Any, positions: NDArray[np.intp]) -> Any:
    return inputs[positions] if isinstance(inputs, np.ndarray) else [inputs[i] for i in positions]
