"""How much faster one ONNX file is than another, timed as one does it by hand; uses nothing of this project.

``python plain_latency.py BASELINE.onnx VARIANT.onnx BATCH LENGTH THREADS`` prints the ratio. Each file has the machine
for itself for half a second, then the other one, sixteen times in turn; the median of the turns' ratios is taken.
"""

import statistics
import sys
import time

import numpy as np
import onnxruntime


def load(path: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs(session: onnxruntime.InferenceSession, batch: int, length: int) -> dict[str, np.ndarray]:
    made = {}
    for node in session.get_inputs():
        shape = [batch, *(size if isinstance(size, int) else length for size in node.shape[1:])]
        if "int" in node.type:
            made[node.name] = np.full(shape, {"attention_mask": 1, "token_type_ids": 0}.get(node.name, 2000), np.int64)
        else:
            made[node.name] = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return made


def main(baseline: str, variant: str, batch: str, length: str, threads: str) -> None:
    sessions = [load(path, int(threads)) for path in (baseline, variant)]
    feeds = [inputs(session, int(batch), int(length)) for session in sessions]
    ratios = []
    for turn in range(17):
        medians = [0.0, 0.0]
        for i in (0, 1) if turn % 2 else (1, 0):
            times, end = [], time.perf_counter() + 0.5
            while (start := time.perf_counter()) < end:
                sessions[i].run(None, feeds[i])
                times.append(time.perf_counter() - start)
            medians[i] = statistics.median(times[len(times) // 4 :])  # the first calls wake caches and threads
        ratios.append(medians[0] / medians[1])
    print(statistics.median(ratios[1:]))  # the first turn is the warm-up


main(*sys.argv[1:])
