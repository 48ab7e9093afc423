"""The process in which the host is calibrated: ``python -m explorer.measure.peak_process SPECIFICATION ANSWER``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from explorer.measure.host import pin
from explorer.measure.load import LoadMeter, bearable_cores
from explorer.measure.process import serve

Array = NDArray[np.float32]

WIDTHS = (512, 1024, 2048)
"""Products of these widths are tried: the more cores, the larger the one that keeps them busy."""

LONG_CALL_S = 0.05
STREAMED_SHAPE = (8192, 8192)
"""256 MB of fp32."""

SECONDS_EACH = 0.15
STREAM_SECONDS = 0.4
FEWEST_REPEATS = 3


def measure(specification: dict[str, Any]) -> dict[str, Any]:
    """Both peaks, and whether nobody else kept the cores busy meanwhile."""
    threads = specification["threads"]
    pin(threads)
    meter = LoadMeter()
    gflops, gbytes_per_s = best_gflops(threads, WIDTHS), best_gbytes_per_s(threads, STREAMED_SHAPE)
    quiet = meter.load().foreign_cores <= bearable_cores(threads)
    return {"gflops": gflops, "gbytes_per_s": gbytes_per_s, "quiet": quiet}


def best_gflops(threads: int, widths: tuple[int, ...]) -> float:
    """10^9 operations a second of the best product of two square matrices, 2 n^3 operations each.

    The second matrix is a weight of the graph, so that the runtime packs it once, as it does a model's.
    """
    best = 0.0
    for width in widths:
        matrix = np.full((width, width), 0.5, np.float32)
        run = _session("MatMul", matrix, [numpy_helper.from_array(matrix, "weight")], threads)
        seconds = _best_seconds(lambda run=run, matrix=matrix: run(matrix), SECONDS_EACH)  # type: ignore[misc]
        best = max(best, 2 * width**3 / seconds / 1e9)
        if seconds > LONG_CALL_S:
            break
    return best


def best_gbytes_per_s(threads: int, shape: tuple[int, int]) -> float:
    """10^9 bytes a second that summing the rows of a float32 matrix reads."""
    # A matrix of zeros would all be one page of memory, which stays in the cache.
    matrix = np.full(shape, 1.5, np.float32)
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    run = _session("ReduceSum", matrix, [axes], threads)
    return matrix.nbytes / _best_seconds(lambda: run(matrix), STREAM_SECONDS) / 1e9


def _session(operator: str, example: Array, others: list[TensorProto], threads: int) -> Callable[[Array], object]:
    """A graph of one operator whose further inputs are stored in it."""
    node = helper.make_node(operator, ["given", *(tensor.name for tensor in others)], ["found"])
    given = helper.make_tensor_value_info("given", TensorProto.FLOAT, example.shape)
    found = helper.make_tensor_value_info("found", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], operator, [given], [found], others)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda array: session.run(["found"], {"given": array})


def _best_seconds(call: Callable[[], object], for_seconds: float) -> float:
    call()
    best, repeats, end = float("inf"), 0, time.perf_counter() + for_seconds
    while repeats < FEWEST_REPEATS or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        repeats += 1
    return best


if __name__ == "__main__":
    serve(measure)
