"""Running a saved artefact on a target: the same code for accuracy, latency and memory, one module per runtime.

A runner never falls back: where the wanted device cannot be had it raises ``Unavailable``, so that a figure is never
one of another device. It says itself what executed the model and in which precision.
"""

from explorer.measure.runners.base import MODEL_FILE, TORCH_FOLDER, TORCH_REASON_FILE, Runner
from explorer.measure.runners.opening import open_runner, unavailable_reason

__all__ = ["MODEL_FILE", "TORCH_FOLDER", "TORCH_REASON_FILE", "Runner", "open_runner", "unavailable_reason"]
