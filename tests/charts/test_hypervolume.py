"""The hypervolume grows with every run that moves the front, and never falls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explorer.charts import HypervolumeInfo, hypervolume_figure, hypervolume_info
from explorer.variants import flatten
from tests.support.sample_results import sample_runs


def test_shares_by_hand() -> None:
    rows = [row for row in flatten(sample_runs(6)) if row.target == "cpu-onnxruntime" and row.batch == 1]
    baseline = replace(next(row for row in rows if row.baseline), file_bytes=100, accuracy=0.9)
    other = next(row for row in rows if not row.baseline and row.model == baseline.model)
    made = [
        replace(other, run="late", file_bytes=20, accuracy=0.8),
        replace(other, run="early", file_bytes=50, accuracy=0.9),
        replace(other, run="worse", file_bytes=60, accuracy=0.85),
    ]
    finished = {"early": "2026-01-01", "worse": "2026-01-02", "late": "2026-01-03"}
    info = hypervolume_info([baseline, *made], finished)
    # of a rectangle of 1 x 20 points: half a file at full accuracy, then 30 % more of the file at half the points
    assert info.series == {baseline.model: (pytest.approx(50), pytest.approx(50), pytest.approx(65))}
    assert list(hypervolume_figure(info).data[0].y) == pytest.approx([50, 50, 65])
    zones = {"early": "2026-01-01T01:30:00+01:00", "worse": "2026-01-02T00:00:00+00:00", "late": "2026-01-03"}
    drawn = hypervolume_figure(hypervolume_info([baseline, *made], zones))
    assert drawn.data[0].x == ("2026-01-01T00:30:00", "2026-01-02T00:00:00", "2026-01-03T00:00:00")
    assert drawn.layout.xaxis.title.text == "Time at which a run finished (UTC)"
    at_once = hypervolume_figure(hypervolume_info([baseline, *made], dict.fromkeys(finished, "2026-01-01")))
    assert at_once.data[0].x == (1, 2, 3)
    assert at_once.layout.xaxis.title.text == "Runs in the order in which they finished"


def test_nights_in_which_nothing_ran_are_left_out() -> None:
    times = ("2026-01-01T10:00:00", "2026-01-01T10:30:00", "2026-01-02T09:00:00", "2026-01-02T10:00:00")
    info = HypervolumeInfo("", "", {"net": (1.0, 2.0, 3.0, 4.0)}, {"net": ("a", "b", "c", "d")}, {"net": times})
    drawn = hypervolume_figure(info)
    [left_out] = drawn.layout.xaxis.rangebreaks
    assert [end[:13] for end in left_out.bounds] == ["2026-01-01T11", "2026-01-02T08"]
    assert drawn.layout.xaxis.tickvals == (times[0], times[2]), "where work began"
    assert "Idle times are left out" in drawn.layout.title.subtitle.text
    steady = replace(info, moments={"net": tuple(f"2026-01-01T{hour:02}:00:00" for hour in (1, 2, 3, 4))})
    assert not hypervolume_figure(steady).layout.xaxis.rangebreaks
    assert "Idle" not in hypervolume_figure(steady).layout.title.subtitle.text


def test_times_are_level_and_those_too_close_to_be_read_are_left_out() -> None:
    days = [f"2026-01-{day:02}T{time}" for day in range(1, 9) for time in ("10:00:00", "10:10:00", "10:20:00")]
    values = tuple(float(place) for place in range(len(days)))
    info = HypervolumeInfo("", "", {"net": values}, {"net": tuple(days)}, {"net": tuple(days)})
    axis = hypervolume_figure(info).layout.xaxis
    assert len(axis.rangebreaks) == 7 and axis.tickangle == 0
    # eight mornings stand an eighth of the axis apart, and a time takes up to a quarter of it
    assert axis.tickvals == tuple(f"2026-01-0{day}T10:00:00" for day in (1, 3, 5, 7))


def test_the_legend_has_rows_of_its_own_above_the_axes() -> None:
    def drawn(*models):
        moments = {model: ("2026-01-01T10:00:00", "2026-01-01T11:00:00") for model in models}
        return hypervolume_figure(HypervolumeInfo("", "s", dict.fromkeys(models, (1.0, 2.0)), moments, moments)).layout

    one, two, three = drawn("a"), drawn("a", "b"), drawn("a", "b", "c")
    assert (one.showlegend, two.showlegend, two.legend.orientation) == (False, True, "v")
    assert (two.legend.y, two.legend.yanchor) == (1, "bottom")
    assert two.margin.t - one.margin.t >= 2 * 18 and three.margin.t - two.margin.t >= 18
    inner = {layout.height - layout.margin.t - layout.margin.b for layout in (one, two, three)}
    assert len(inner) == 1, "the axes stay as high"


def test_without_a_baseline_or_a_run_there_is_no_line() -> None:
    assert hypervolume_info([], {}).series == {}
