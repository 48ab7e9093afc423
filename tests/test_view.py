"""A view of trade-offs: what it takes from the rows, and how fast is fast enough."""

from __future__ import annotations

import pytest

from explorer.left_out import LeftOut
from explorer.texts import t
from explorer.variants import choose, flatten
from explorer.view import View, runtimes
from tests.support.gpu_results import measured_on_gpu
from tests.support.sample_results import sample_runs


@pytest.fixture(scope="module")
def rows():
    return flatten([measured_on_gpu(run, beside_cpu=True) for run in sample_runs(16)])


def test_what_is_left_out_is_not_among_the_rows_of_any_device(rows):
    view = View(devices=("cpu", "cuda"), left_out=("family:distillation", "family:baseline", "model:vit-digits"))
    for device in view.devices:
        shown = view.rows(rows, device)
        assert shown and {row.target for row in shown} == {f"{device}-onnxruntime"}
        assert {row.model for row in shown} == {"minilm-tweets"}
        assert not {row.family for row in shown} & {"distillation", "baseline"}


def test_the_same_rows_are_the_same_list(rows):
    view = View(left_out=("family:baseline",))
    assert view.rows(rows, "cpu") is view.rows(rows, "cpu")


def test_speed_counts_on_the_charts_own_target_or_on_the_one_that_is_named(rows):
    own, named = View(speedup=2).budget(rows), View(speedup=2, fast_on="cuda-onnxruntime").budget(rows)
    gpu = choose(rows, "cuda-onnxruntime", 1)
    assert own.fast is None and own.speedup == 2
    assert named.fast == {row.run for row in gpu if row.speedup and row.speedup >= 2} != frozenset()
    assert not View(fast_on="cuda-onnxruntime").budget(rows).given


@pytest.mark.parametrize("text", ["family:pruning", "family:baseline", "model:a: b", "size:file_size:2.5..40"])
def test_what_is_left_out_is_read_as_it_was_written(text):
    assert str(LeftOut.read(text)) == text


@pytest.mark.parametrize("text", ["", "family:", "family:none", "model:", "size:big", "label:x"])
def test_anything_else_is_nothing(text):
    assert LeftOut.read(text) is None


def test_every_runtime_has_a_name():
    assert all(t(f"runtime.{runtime}") for runtime in runtimes()) and "torch-sparse" in runtimes()
