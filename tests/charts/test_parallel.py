"""Parallel coordinates: settings that differ, results in their units, and a place for what has no setting."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from explorer.charts import Axes, parallel_figure, parallel_info
from explorer.charts.parallel import least_width_px
from explorer.charts.style import BACKGROUNDS, INK, Theme
from explorer.charts.tradeoff import front_runs
from explorer.texts import t
from explorer.variants import flatten
from tests.charts.test_style import contrast
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
        *("Techniques", "prune-magnitude: sparsity"),
        *("File size (MB)", "Latency p50 (ms)", "Speed-up (×)", "Accuracy (%)"),
    ]
    sparsity = info.dimensions[1]
    assert sparsity.values[:2] == (0.5, 0.7) and sparsity.values[2] < 0.5
    assert sparsity.ticks == ((sparsity.values[2], "without"), (0.5, "50 %"), (0.7, "70 %"))
    assert info.dimensions[-1].values == tuple(100 * row.accuracy for row in rows)
    assert len(parallel_figure(info).data[0].dimensions) == 6


def test_names_stand_at_ticks_of_their_own() -> None:
    rows = some(4)
    steps = [
        [{"technique": "weight-bits", "granularity": "channel", "symmetric": True}],
        [{"technique": "weight-bits", "granularity": "tensor", "symmetric": False}],
        [{"technique": "weight-bits", "granularity": "group"}, {"technique": "fine-tune"}],
        [],
    ]
    recipes = {row.run: {"steps": one} for row, one in zip(rows, steps, strict=True)}
    named = {one.title: one for one in parallel_info(rows, recipes).dimensions}
    read = {title: [dict(one.ticks).get(value) for value in one.values] for title, one in named.items()}
    assert read["Techniques"] == ["weight-bits", "weight-bits", "weight-bits → fine-tune", "Baseline"]
    assert read["weight-bits: granularity"] == ["channel", "tensor", "group", "without"]
    assert read["weight-bits: symmetric"] == ["yes", "no", "without", "without"]
    assert named["weight-bits: granularity"].ticks[0][0] == min(named["weight-bits: granularity"].values)


def test_of_more_names_than_can_be_read_families_are_left() -> None:
    rows = some(12)
    steps = [[{"technique": "weight-bits", "granularity": str(n)}, {"technique": f"other-{n}"}] for n in range(12)]
    info = parallel_info(rows, {row.run: {"steps": one} for row, one in zip(rows, steps, strict=False)})
    (technique,) = (one for one in info.dimensions if one.title == "Techniques")
    assert {words for _, words in technique.ticks} == {t(f"family.{row.family}") for row in rows} and len(rows) > 8
    assert not any("granularity" in one.title for one in info.dimensions)


def test_selected_lines_lie_on_the_front_and_that_on_what_others_beat() -> None:
    rows = some(8)
    recipes = {row.run: {"steps": []} for row in rows}
    front, selected = front_runs(rows, Axes()), {rows[2].run, rows[3].run}
    beaten = {row.run for row in rows} - front - selected
    assert front - selected and beaten
    for theme in ("light", "dark"):
        lines = parallel_figure(parallel_info(rows, recipes, "", front, selected), theme).data[0]
        number = dict(zip(lines.customdata, lines.line.color, strict=True))
        scale = {round(place, 9): colour for place, colour in lines.line.colorscale}
        assert lines.line.cmin == 0 and lines.line.cmax == 3
        assert all(number[run] >= 2 for run in selected) and scale[1.0] == INK[theme]
        assert all(1 <= number[run] < 2 for run in front - selected) and all(number[run] < 1 for run in beaten)
        most, least = (pick(beaten, key=lambda run: accuracy_of(rows, run)) for pick in (max, min))
        assert number[most] > number[least]


@pytest.mark.parametrize("theme", get_args(Theme))
def test_lines_of_every_accuracy_can_be_seen_on_the_ground(theme) -> None:
    rows = some(8)
    info = parallel_info(rows, {row.run: {"steps": []} for row in rows}, "", front_runs(rows, Axes()))
    for place, colour in parallel_figure(info, theme).data[0].line.colorscale:
        seen = contrast(as_hex(colour), BACKGROUNDS[theme])
        assert seen >= (1.8 if place < 1 / 3 else 3), (place, colour)


def as_hex(colour):
    parts = re.findall(r"\d+", colour) if colour.startswith("rgb") else []
    return "#" + "".join(f"{int(part):02x}" for part in parts) if parts else colour


def test_every_axis_has_room_for_its_words() -> None:
    rows = some(2)
    info = parallel_info(rows, {row.run: {"steps": []} for row in rows})
    for title, lines in {
        "weight-bits: granularity": ["weight-bits:", "granularity"],
        "Knowledge distillation: temperature": ["Knowledge distillation:", "temperature"],
        "幅度剪枝非结构化稀疏度": ["幅度剪枝非结构", "化稀疏度"],
    }.items():
        named = replace(info, dimensions=(*info.dimensions, replace(info.dimensions[0], title=title)))
        drawn = parallel_figure(named)
        labels = [one.label.split("<br>") for one in drawn.data[0].dimensions]
        assert labels[-1] == lines and max(len(label) for label in labels) <= 2, "more lines would lie on the axis"
        sides = drawn.layout.margin.l + drawn.layout.margin.r
        apart = (least_width_px(named) - sides) / (len(labels) - 1)
        wide = 12 if title > "z" else 6
        assert apart >= max(90, wide * max(len(line) for line in lines)), title


def test_names_at_an_axis_end_before_the_one_beside_it() -> None:
    rows = some(2)
    info = parallel_info(rows, {row.run: {"steps": []} for row in rows})
    named = replace(info.dimensions[0], ticks=((0.0, "a very long name of a setting"), (1.0, "short")))
    first, second, *_ = parallel_figure(replace(info, dimensions=(named, named, *info.dimensions))).data[0].dimensions
    assert first.ticktext == ("a very long name …", "short") and second.ticktext == ("a very long n…", "short")


def accuracy_of(rows, run):
    return next(row.accuracy for row in rows if row.run == run)


def test_ranges_stay_on_their_axes() -> None:
    rows = some(5)
    info = parallel_info(rows, {row.run: {"steps": []} for row in rows})
    drawn = parallel_figure(info, ranges={"Accuracy (%)": [[70, 80]], "Gone": [[0, 1]]}).data[0]
    kept = {one.label: one.constraintrange for one in drawn.dimensions}
    assert np.ravel(kept.pop("Accuracy (%)")).tolist() == [70, 80]
    assert set(kept.values()) == {None}


def test_one_variant_is_no_comparison() -> None:
    rows = some(1)
    assert parallel_info(rows, {rows[0].run: {"steps": []}}).empty
    assert parallel_info(some(3), {row.run: {"steps": []} for row in some(3)}, results=()).empty


def test_what_was_not_measured_has_no_line_and_is_counted_with_the_reason() -> None:
    rows = some(6)
    rows[1] = replace(rows[1], p50_ms=None, speedup=None)
    rows[2] = replace(rows[2], p50_ms=None)
    rows[3] = replace(rows[3], accuracy=None)
    info = parallel_info(rows, {row.run: {"steps": []} for row in rows})
    assert info.runs == tuple(row.run for row in (rows[0], *rows[4:])) and info.left_out == 3
    assert dict(info.missing) == {"latency": 2, "speedup": 1, "accuracy": 1}
    said = "3 variants have no line, since something was not measured: Latency p50 (2), Speed-up (1), Accuracy (1)."
    assert info.left_out_words == said
    assert parallel_info(some(6), {row.run: {"steps": []} for row in rows}).left_out_words == ""


def test_results_stand_on_the_axes_of_ones_choice_and_accuracy_colours_the_lines() -> None:
    rows = some(6)
    recipes = {row.run: {"steps": []} for row in rows}
    info = parallel_info(rows, recipes, results=("parameters", "zipped_size"))
    titles = [one.title for one in info.dimensions if "(" in one.title]
    assert [title.partition(" (")[0] for title in titles] == ["Parameters", "Download size"]
    usual = parallel_figure(parallel_info(rows, recipes)).data[0]
    assert parallel_figure(info).data[0].line.color == usual.line.color
