"""Made-up runs with made-up work, in the shape of real ones: for tests only, like the runs themselves."""

from typing import Any

from tests.support.sample_results import SampleRun, sample_runs

GFLOPS, GBYTES_PER_S = 200.0, 20.0


def sample_counted(count: int) -> list[SampleRun]:
    """``sample_runs`` with their work counted at the shapes of their latencies."""
    return [counted(run) for run in sample_runs(count)]


def counted(run: SampleRun) -> SampleRun:
    """The run with work that grows with its parameters and batch, and the peaks of its host."""
    result: dict[str, Any] = run.result or {}
    parameters = result["size"]["parameters"]
    result["cost"] = [
        {
            "batch": batch,
            "sequence": 32,
            "operations": {"fp32": 2.0 * parameters * 32 * batch},
            "weight_bytes": 4 * parameters,
            "activation_bytes": 1000 * parameters // 100 * batch,
        }
        for batch in (1, 8)
    ]
    result["profile"] = {
        "batch": 1,
        "sequence": 32,
        "threads": 2,
        "by_operator": [],
        "by_layer": [],
        "variant_total_ms": 1.0,
        "baseline_total_ms": 1.0,
        "peak_gflops": GFLOPS,
        "peak_gbytes_per_s": GBYTES_PER_S,
    }
    for entry in result["latency"]:
        entry["noisy"] = False if entry.get("noisy") is not None else None
    return run
