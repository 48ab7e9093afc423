"""Curves and grids of sweeps: what stands where, in which unit, and what a click names."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from explorer.charts import sweep_figure, sweep_info
from explorer.sweeps import sweeps
from explorer.variants import flatten
from tests.support.sample_results import sample_runs


def rows():
    found = [row for row in flatten(sample_runs(9)) if row.target == "cpu-onnxruntime" and row.batch == 1]
    return {row.run: row for row in found if not row.baseline}


def swept(numbers, *techniques):
    """Sample runs in order, as if they had been made by these settings."""
    names = list(rows())
    runs = []
    for name, values in zip(names, numbers, strict=False):
        pairs = zip(techniques, values, strict=True)
        steps = [{"technique": technique, parameter: value} for (technique, parameter), value in pairs]
        runs.append(SimpleNamespace(run=name, model="m", recorded=False, imported=False, recipe={"steps": steps}))
    (found,) = sweeps(runs)
    return found


CURVE = ([(0.5,), (0.1,), (0.3,)], ("prune-magnitude", "sparsity"))
GRID = (
    [(0.1, 2), (0.1, 4), (0.3, 2), (0.3, 4)],
    ("prune-magnitude", "sparsity"),
    ("weight-bits", "bits"),
)


def test_a_curve_stands_in_order_with_intervals_and_percent() -> None:
    known = rows()
    info = sweep_info(swept(*CURVE), known, "accuracy", "here")
    assert info.places == ((0.1,), (0.3,), (0.5,)) and info.axis_titles == ("sparsity of Magnitude pruning (%)",)
    assert info.values == tuple(pytest.approx(100 * known[run].accuracy) for run in info.runs)
    assert all(low <= value <= high for (low, high), value in zip(info.intervals, info.values, strict=True))
    figure = sweep_figure(info)
    assert list(figure.data[0].x) == pytest.approx([10, 30, 50])
    assert [data[0] for data in figure.data[0].customdata] == list(info.runs)


def test_a_grid_has_a_cell_for_every_run_that_can_be_clicked() -> None:
    sweep = swept(*GRID)
    info = sweep_info(sweep, rows(), "file_size", selected=(sweep.runs[0.3, 2.0],))
    assert len(info.values) == 4 and info.selected == (False, False, True, False)
    heat, marks = sweep_figure(info, "dark").data
    assert list(heat.x) == ["10", "10", "30", "30"] and list(heat.y) == ["2", "4", "2", "4"]
    assert [data[0] for data in marks.customdata] == list(info.runs) and list(marks.text) == list(info.words)


def test_a_cell_without_a_run_has_a_mark_of_its_own_that_says_nothing() -> None:
    sweep = swept(*GRID)
    known = {run: row for run, row in rows().items() if run != sweep.runs[0.3, 2.0]}
    figure = sweep_figure(sweep_info(sweep, known, "file_size"))
    _, marks, nothing = figure.data
    assert len(marks.x) == 3 and (nothing.x, nothing.y, nothing.customdata) == (("30",), ("2",), None)
    assert figure.layout.hoverdistance == -1


def test_runs_without_the_quantity_are_left_out() -> None:
    known = rows()
    first = next(iter(known))
    del known[first]
    assert first not in sweep_info(swept(*CURVE), known, "accuracy").runs
