"""The size of marks by a third quantity: its scale, the marks that explain it, and its words."""

from __future__ import annotations

import math
from dataclasses import replace

import plotly.graph_objects as go
import pytest

from explorer.charts import Axes, presented_figure, tradeoff_figure, tradeoff_info
from explorer.charts.presented import FACTORS
from explorer.charts.style import base_layout
from explorer.charts.tradeoff.sizes import LARGEST, SMALLEST, add_size_legend, size_scale
from explorer.quantities import QUANTITIES, Band
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs

ROWS = choose(flatten(sample_runs(16)), "cpu-onnxruntime", 1, ("minilm-tweets",))


def of(*millions):
    return size_scale([replace(ROWS[0], parameters=int(one * 1e6)) for one in millions], "parameters")


def test_areas_are_in_proportion_while_the_least_can_be_seen():
    scale = of(2, 5, 20)
    areas = [scale.diameter(value) ** 2 for value in (2, 5, 20)]
    assert areas == pytest.approx([LARGEST**2 * share for share in (0.1, 0.25, 1)])
    assert scale.steps() == pytest.approx((2, ((math.sqrt(2) + math.sqrt(20)) / 2) ** 2, 20))


def test_over_decades_the_diameter_grows_by_the_factor():
    scale = of(0.1, 1, 100)
    found = [scale.diameter(value) for value in (0.1, 1, 10, 100)]
    assert found == pytest.approx([SMALLEST + (LARGEST - SMALLEST) * third / 3 for third in range(4)])
    assert [scale.diameter(step) for step in scale.steps()] == pytest.approx([8, 18, 28])


@pytest.mark.parametrize(("quantity", "field"), [("accuracy", "accuracy"), ("difference", "difference")])
def test_accuracies_differ_by_little_and_fill_all_sizes(quantity, field):
    rows = [replace(ROWS[0], **{field: value}) for value in (-0.02, 0.0, 0.02)]
    scale = size_scale(rows, quantity)
    assert [scale.diameter(value) for value in (-2, 0, 1, 2)] == pytest.approx([8, 18, 23, 28])
    assert scale.steps() == pytest.approx((-2, 0, 2))
    assert size_scale(rows[:1], quantity).diameter(-2) == pytest.approx(18)


def test_the_marks_that_explain_are_as_large_as_those_of_the_chart():
    info = tradeoff_info(ROWS, Axes(size="parameters"))
    figure = tradeoff_figure(info)
    explained = sorted(shape.x1 - shape.x0 for shape in figure.layout.shapes if shape.xsizemode == "pixel")
    drawn = [mark.diameter for mark in info.marks]
    assert len(explained) == 3 and (explained[0], explained[-1]) == pytest.approx((min(drawn), max(drawn)))
    written = [one.text for one in figure.layout.annotations if one.xref == "paper"]
    parameters = sorted(row.parameters for row in ROWS)
    number = QUANTITIES["parameters"].bare
    assert written[0] == "Size: Parameters (M)"
    assert (written[1], written[3]) == (number(parameters[0] / 1e6), number(parameters[-1] / 1e6))
    wall = sorted(one.x1 - one.x0 for one in presented_figure(info).layout.shapes if one.xsizemode == "pixel")
    assert wall == pytest.approx([FACTORS["normal"] * across for across in explained])
    assert [one.xref for one in tradeoff_figure(tradeoff_info(ROWS, Axes())).layout.annotations].count("paper") == 0


def test_one_size_is_explained_by_one_mark_and_none_by_none():
    assert len(of(5, 5).steps()) == 1
    assert size_scale(ROWS, "none") is None and size_scale(ROWS, "memory") is None


def test_a_mark_says_what_stands_on_the_axes_and_in_its_size():
    axes = Axes(x="latency_p99", y="zipped_size", size="throughput")
    for mark in tradeoff_info(ROWS, axes).marks:
        row = next(row for row in ROWS if row.run == mark.run)
        for key in (axes.x, axes.y, axes.size):
            assert f"{QUANTITIES[key].title}: {QUANTITIES[key].write(row)}" in mark.hover.split("<br>")


def test_many_marks_are_smaller_and_so_are_those_that_explain_them():
    many = tradeoff_info([replace(row, run=f"{row.run}-{n}") for n in range(60) for row in ROWS], Axes(size="latency"))
    few = tradeoff_info(ROWS, Axes(size="latency"))
    assert max(mark.diameter for mark in many.marks) < max(mark.diameter for mark in few.marks) == LARGEST
    explained = [one.x1 - one.x0 for one in tradeoff_figure(many).layout.shapes if one.xsizemode == "pixel"]
    assert max(explained) == pytest.approx(max(mark.diameter for mark in many.marks))


@pytest.mark.parametrize("ends", [(2, 20), (1, 100)])
def test_each_step_stands_for_the_marks_of_about_its_size(ends) -> None:
    scale = of(*ends)
    for value, band in zip(scale.steps(), scale.bands(), strict=True):
        assert band.low <= value < band.high
        for end in (band.low, band.high):  # half-way to the next diameter
            if math.isfinite(end):
                assert abs(scale.diameter(end) - scale.diameter(value)) == pytest.approx(
                    (scale.diameter(ends[1]) - scale.diameter(ends[0])) / 4
                )
    below, between, above = scale.bands()
    assert (below.low, below.high, above.low, above.high) == (-math.inf, between.low, between.high, math.inf)


def test_a_click_on_a_step_names_its_band_unless_all_are_alike() -> None:
    def named(*millions: float) -> list[str]:
        figure = go.Figure(layout=base_layout("light", "", ""))
        add_size_legend(figure, of(*millions), "light")
        return [note.name for note in figure.layout.annotations if note.captureevents]

    assert [str(Band.parse(name)) for name in named(1, 100)] == named(1, 100)
    assert named(1, 100) == ["parameters:..3.16228", "parameters:3.16228..31.6228", "parameters:31.6228.."]
    assert named(5, 5) == []
