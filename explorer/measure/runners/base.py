"""What every runner offers."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
Logits = NDArray[np.float32]
Call = Callable[[], object]

Clock = Literal["wall", "cuda events"]

MODEL_FILE = "model.onnx"
TORCH_FOLDER = "torch"
TORCH_REASON_FILE = "torch-unavailable.txt"


@dataclass(frozen=True)
class QueuedCall:
    """A call in two halves: ``queue`` hands the work to the GPU, ``wait`` returns when it is done."""

    queue: Call
    wait: Call

    def __call__(self) -> object:
        result = self.queue()
        self.wait()
        return result


class Runner(ABC):
    """A loaded artefact: call it with named arrays, get logits [N, classes].

    ``provider`` is the runtime's own word for what executes the model. ``precision`` is the number format in which its
    products are computed, several joined by ``+``, the most frequent first. ``clock`` says what ``timed`` reads.
    """

    clock: Clock = "wall"

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


def timed_by_events(call: Call, stream: Any = None) -> int:
    """Nanoseconds by the GPU's own clock between two events on ``stream``, by default PyTorch's current one.

    The first stands before what the call queues and the second right behind it; only then is the GPU waited for, so
    that waking up the processor is not part of the time.
    """
    import torch

    make: Any = torch.cuda.Event
    begin, end = make(enable_timing=True), make(enable_timing=True)
    begin.record(stream)
    (call.queue if isinstance(call, QueuedCall) else call)()
    end.record(stream)
    end.synchronize()
    return round(float(begin.elapsed_time(end)) * 1e6)


def joined(counts: Mapping[str, int]) -> str:
    """Names by frequency, joined by ``+``: ``{"fp32": 3, "bf16": 38}`` gives ``bf16+fp32``."""
    return "+".join(sorted(counts, key=lambda name: (-counts[name], name)))
