"""Which runner a target takes."""

from __future__ import annotations

from pathlib import Path

from explorer.errors import Unavailable
from explorer.measure.host import default_threads
from explorer.measure.runners.base import TORCH_FOLDER, TORCH_REASON_FILE, Runner
from explorer.measure.targets import availability, check_target_names, targets


def open_runner(folder: str | Path, target: str, threads: int | None = None, by_events: bool = False) -> Runner:
    """Load the artefact in ``folder`` for ``target`` with a fixed number of threads.

    ``by_events`` lets ONNX Runtime on CUDA be timed by the GPU's own clock, which takes PyTorch into the process.
    Raises ``Unavailable`` with the reason where this machine or this artefact does not have the target, ``BadInput``
    for an unknown target.
    """
    folder = Path(folder)
    reason = unavailable_reason(folder, target)
    if reason is not None:
        raise Unavailable(reason)
    place, threads = targets()[target], threads or default_threads()
    if place.runtime == "openvino":
        from explorer.measure.runners.open_vino import OpenVinoRunner

        return OpenVinoRunner(folder, place, threads)
    if place.runtime == "torch":
        from explorer.measure.runners.pytorch import TorchRunner

        return TorchRunner(folder, place, threads)
    from explorer.measure.runners.onnx_runtime import BoundOnnxRunner, OnnxRunner

    if place.device == "cpu":
        return OnnxRunner(folder, place, threads)
    return BoundOnnxRunner(folder, place, threads, by_events)


def unavailable_reason(folder: str | Path, target: str) -> str | None:
    """Why the artefact cannot run on the target, in one sentence, or None; loads nothing."""
    (target,) = check_target_names([target])
    reason = availability(target)
    if reason is not None or targets()[target].runtime != "torch" or (Path(folder) / TORCH_FOLDER).is_dir():
        return reason
    try:
        return (Path(folder) / TORCH_REASON_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return "this artefact has no PyTorch model"
