"""Inputs that travel with an exported bundle, so that its accuracy can be measured where the task's data are not.

``inputs.npz`` lies beside an artefact, never in it: the artefact's digest does not cover it. It holds numbers only, as
the model takes them. Whoever has the tokenizer can turn token ids back into words.
"""

from __future__ import annotations

import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.errors import BadInput
from explorer.models.preprocess import Arrays, Preprocessor
from explorer.tasks.base import Split

INPUTS_FILE = "inputs.npz"
MOST_INPUTS = 200
MOST_BYTES = 32 << 20
"""Before compression: 200 small images or texts, fewer large images."""

HOME_TARGET = "cpu-onnxruntime"
_PREFIX = "input."


@dataclass(frozen=True)
class Travelling:
    """Preprocessed inputs ``tensors`` [N, ...] with ``labels`` [N] and the ``logits`` [N, classes] given at home.

    Texts are padded to the longest; ``lengths`` [N] are their tokens, None for images.
    """

    tensors: Arrays
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    lengths: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def alone(self, row: int) -> Arrays:
        """One input as a batch of its own, without padding."""
        end = None if self.lengths is None else int(self.lengths[row])
        return {
            name: np.ascontiguousarray(array[row : row + 1] if end is None else array[row : row + 1, :end])
            for name, array in self.tensors.items()
        }


def write_inputs(
    run_folder: Path, artefact: Path, split: Split, *, seed: int, logits: NDArray[np.float32] | None = None
) -> None:
    """Write ``inputs.npz`` into the run's folder: up to 200 inputs of ``split``, drawn by ``seed``.

    ``logits`` [len(split), classes] are the artefact's answers on the CPU in ONNX Runtime where they are known already;
    without them the drawn inputs are answered now.
    """
    from explorer.measure.accuracy import predict

    preprocessor = Preprocessor.load(artefact)
    rows = _rows(split, preprocessor, seed)
    chosen = split.take(rows)
    given = predict(artefact, HOME_TARGET, chosen.inputs) if logits is None else logits[rows]
    arrays = {_PREFIX + name: array for name, array in preprocessor.encode(chosen.inputs).items()}
    if preprocessor.kind == "text":
        lengths = [next(iter(preprocessor.encode([text]).values())).shape[1] for text in chosen.inputs]
        arrays["lengths"] = np.array(lengths, dtype=np.int64)
    arrays |= {"labels": chosen.labels, "logits": given.astype(np.float32)}
    _save(run_folder / INPUTS_FILE, arrays)


def read_inputs(path: Path) -> Travelling:
    """The inputs in a file that ``write_inputs`` wrote; raises ``BadInput`` for anything else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tensors = {name.removeprefix(_PREFIX): array for name, array in arrays.items() if name.startswith(_PREFIX)}
        found = Travelling(tensors, arrays["labels"], arrays["logits"], arrays.get("lengths"))
        counts = {len(array) for array in arrays.values()}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        raise BadInput(f"'{path.name}' does not hold inputs; expected is the file that came with the bundle.") from None
    if not tensors or len(counts) != 1 or not len(found):
        raise BadInput(f"'{path.name}' is incomplete; expected are as many inputs as labels and answers.")
    return found


def _rows(split: Split, preprocessor: Preprocessor, seed: int) -> NDArray[np.int64]:
    """Positions of the inputs that travel, in order: as many as fit."""
    bytes_of_one = sum(array.nbytes for array in preprocessor.encode(split.inputs[:1]).values())
    count = min(MOST_INPUTS, max(1, MOST_BYTES // bytes_of_one), len(split))
    return np.sort(np.random.default_rng(seed).permutation(len(split))[:count])


def _save(path: Path, arrays: Arrays) -> None:
    draft = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.npz")
    try:
        np.savez_compressed(draft, allow_pickle=False, **arrays)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
