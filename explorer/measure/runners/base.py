"""What every runner offers."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
Logits = NDArray[np.float32]
Call = Callable[[], object]

MODEL_FILE = "model.onnx"
TORCH_FOLDER = "torch"
TORCH_REASON_FILE = "torch-unavailable.txt"


class Runner(ABC):
    """A loaded artefact: call it with named arrays, get logits [N, classes].

    ``provider`` is the runtime's own word for what executes the model. ``precision`` is the number format in which its
    products are computed, several joined by ``+``, the most frequent first. ``clock`` says what ``timed`` reads.
    """

    clock: Literal["wall", "cuda events"] = "wall"

    @property
    @abstractmethod
    def provider(self) -> str: ...

    @property
    @abstractmethod
    def precision(self) -> str: ...

    @abstractmethod
    def bind(self, tensors: Tensors) -> Call:
        """Put the inputs in place and return the bare call, which ends when the result is there: what latency times."""

    @abstractmethod
    def __call__(self, tensors: Tensors) -> Logits:
        """Logits float32 [N, classes] for one batch."""

    def timed(self, call: Call) -> int:
        """Nanoseconds that a bound call takes."""
        start = time.perf_counter_ns()
        call()
        return time.perf_counter_ns() - start


def joined(counts: Mapping[str, int]) -> str:
    """Names by frequency, joined by ``+``: ``{"fp32": 3, "bf16": 38}`` gives ``bf16+fp32``."""
    return "+".join(sorted(counts, key=lambda name: (-counts[name], name)))
