"""Parallel coordinates: settings that differ, results in their units, and a place for what has no setting."""

from __future__ import annotations

from explorer.charts import parallel_figure, parallel_info
from explorer.variants import flatten
from tests.support.sample_results import sample_runs


def some(count):
    rows = [row for row in flatten(sample_runs(12)) if row.target == "cpu-onnxruntime" and row.batch == 1]
    return [row for row in rows if row.speedup is not None and row.accuracy is not None][:count]


def test_settings_that_differ_come_first_and_results_last() -> None:
    rows = some(3)
    steps = [
        [{"technique": "prune-magnitude", "sparsity": 0.5, "seed": 1}, {"technique": "weight-bits", "bits": 4}],
        [{"technique": "prune-magnitude", "sparsity": 0.7, "seed": 1}],
        [],
    ]
    recipes = {row.run: {"steps": one} for row, one in zip(rows, steps, strict=True)}
    info = parallel_info(rows, recipes, "here")
    assert [dimension.title for dimension in info.dimensions] == [
        *("prune-magnitude: sparsity", "File size (MB)", "Latency p50 (ms)", "Speed-up (×)", "Accuracy (%)")
    ]
    sparsity = info.dimensions[0]
    assert sparsity.values[:2] == (0.5, 0.7) and sparsity.values[2] < 0.5
    assert sparsity.ticks[0] == (sparsity.values[2], "without")
    assert info.dimensions[-1].values == tuple(100 * row.accuracy for row in rows)
    assert len(parallel_figure(info).data[0].dimensions) == 5


def test_one_variant_is_no_comparison() -> None:
    rows = some(1)
    assert parallel_info(rows, {rows[0].run: {"steps": []}}).empty
