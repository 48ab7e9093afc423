"""The same variant on two targets: two marks, a line between them, one selection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explorer.charts import Axes, tradeoff_figure, tradeoff_info
from explorer.charts.tradeoff import labels
from explorer.twins import kin
from explorer.variants import choose, flatten, with_baselines
from tests.support.gpu_results import CPU, GPU, GPU_HOST, measured_on_gpu
from tests.support.sample_results import HOST, OTHER_HOST, sample_runs


def rows_of(runs, *targets):
    every = with_baselines(flatten(runs), runs)
    return [row for target in targets for row in choose(every, target, 1, ["minilm-tweets"])]


@pytest.fixture
def both():
    """Eight runs, each measured on both targets."""
    return [measured_on_gpu(run, beside_cpu=True) for run in sample_runs(8)]


@pytest.fixture
def apart():
    """Eight runs measured on the CPU here, and three of them recorded on a GPU under other names."""
    recorded = sample_runs(3, recorded=True, host=GPU_HOST)
    return [*sample_runs(8), *(measured_on_gpu(run, beside_cpu=False) for run in recorded)]


def test_each_variant_is_two_joined_marks(both):
    info = tradeoff_info(rows_of(both, CPU, GPU), Axes(x="latency"))
    assert info.targets == (CPU, GPU)
    assert len(info.marks) == 16 and sum(mark.ringed for mark in info.marks) == 8
    assert {(join.first.run, join.second.run) for join in info.joins} == {(run.run, run.run) for run in both}
    for join in info.joins:
        assert (join.first.target, join.second.target) == (CPU, GPU)
        assert join.second.x == pytest.approx(join.first.x / 4)


def test_one_target_has_nothing_to_join(both):
    info = tradeoff_info(rows_of(both, CPU), Axes(x="latency"))
    assert info.joins == () and not any(mark.ringed for mark in info.marks)
    assert [trace.name for trace in tradeoff_figure(info).data].count("rings") == 0


def test_both_marks_of_a_selected_variant_are_lit(both):
    chosen = both[2].run
    info = tradeoff_info(rows_of(both, CPU, GPU), Axes(x="latency"), selected=[both[1].run, chosen])
    assert sorted((mark.run, mark.target) for mark in info.marks if mark.shown) == [(chosen, CPU), (chosen, GPU)]
    assert sum(mark.selected for mark in info.marks) == 4
    assert {join.first.run for join in info.joins if join.selected} == {both[1].run, chosen}
    words = [" ".join(label.lines) for label in labels(info) if label.mark.shown]
    assert sorted(words) == sorted([f"{both[2].label}, CPU", "GPU"])


def test_two_targets_share_no_front(both):
    for x in ("file_size", "latency"):
        fronts = tradeoff_info(rows_of(both, CPU, GPU), Axes(x=x)).fronts
        assert sorted(front.target for front in fronts) == [CPU, GPU]
        assert set(fronts[0].runs) == set(fronts[1].runs)


def test_the_twin_lights_up_where_the_selected_run_was_not_measured(apart):
    known, gpu = kin(apart), rows_of(apart, GPU)
    info = tradeoff_info(gpu, Axes(), selected=["sample-0001", "sample-0002"], kin=known)
    assert [mark.run for mark in info.marks if mark.shown] == ["recorded-0002"]
    assert {mark.run for mark in info.marks if mark.selected} == {"recorded-0001", "recorded-0002"}
    assert not any(mark.selected for mark in tradeoff_info(gpu, Axes(), selected=["sample-0002"]).marks)
    assert not any(mark.selected for mark in tradeoff_info(gpu, Axes(), selected=["sample-0005"], kin=known).marks)


def test_a_run_that_was_measured_there_keeps_its_twin_dark(apart):
    rows = rows_of(apart, GPU) + [replace(row, target=GPU) for row in rows_of(apart[:8], CPU)]
    info = tradeoff_info(rows, Axes(), selected=["sample-0002"], kin=kin(apart))
    assert {mark.run for mark in info.marks if mark.selected} == {"sample-0002"}


def test_twins_are_joined_and_others_stay_alone(apart):
    info = tradeoff_info(rows_of(apart, CPU, GPU), Axes(x="latency"), kin=kin(apart))
    pairs = {(join.first.run, join.second.run) for join in info.joins}
    assert pairs == {(f"sample-{number:04d}", f"recorded-{number:04d}") for number in range(3)}
    assert {join.first.kin for join in info.joins} == {join.second.kin for join in info.joins}


def test_the_figure_has_a_line_for_each_pair_and_a_ring_for_each_second_mark(both):
    chosen = both[3].run
    info = tradeoff_info(rows_of(both, CPU, GPU), Axes(x="latency"), selected=[chosen])
    for theme in ("light", "dark"):
        data = tradeoff_figure(info, theme).data
        ends = [x for trace in data if trace.name == "joins" for x in trace.x or ()]
        assert ends.count(None) == len(info.joins) == 8
        rings = [x for trace in data if trace.name == "rings" for x in trace.x]
        assert sorted(rings) == sorted(mark.x for mark in info.marks if mark.ringed)
        drawn = [tuple(entry) for trace in data if trace.customdata is not None for entry in trace.customdata]
        assert sorted(drawn) == sorted((mark.run, mark.kin) for mark in info.marks)
        (lit,) = [trace for trace in data if trace.name == "joins" and trace.line.width == 2 and trace.x]
        pair = next(join for join in info.joins if join.selected)
        assert list(lit.x) == [pair.first.x, pair.second.x, None]


def test_a_hover_names_the_target_where_there_are_two(both):
    info = tradeoff_info(rows_of(both, CPU, GPU), Axes())
    assert all(("GPU" in mark.hover) == mark.ringed for mark in info.marks)
    assert not any("ONNX Runtime" in mark.hover for mark in tradeoff_info(rows_of(both, CPU), Axes()).marks)


def test_hosts_share_no_front_where_the_upright_axis_is_a_time():
    second = sample_runs(24, seed=2, host=OTHER_HOST)[16:]
    runs = sample_runs(8) + second
    assert HOST != OTHER_HOST
    fronts = tradeoff_info(rows_of(runs, CPU), Axes(x="file_size", y="latency")).fronts
    hosts = {row.run: row.host for row in rows_of(runs, CPU)}
    assert sorted(len({hosts[run] for run in front.runs}) for front in fronts) == [1, 1]
