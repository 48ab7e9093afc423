"""Who measured and when, on the edge of a picture."""

from __future__ import annotations

from dataclasses import replace

from explorer.charts import Axes, add_credit, credit, tradeoff_figure, tradeoff_info
from explorer.charts.style import MUTED
from explorer.estimated_rows import estimated_rows
from explorer.variants import choose, flatten
from tests.support.counted import sample_counted
from tests.support.sample_results import OTHER_HOST, sample_runs


def rows_of(runs):
    return choose(flatten(runs), "cpu-onnxruntime", 1)


def test_every_machine_is_named_with_its_days():
    own, recorded = rows_of(sample_runs(3)), rows_of(sample_runs(3, seed=1, recorded=True, host=OTHER_HOST))
    assert credit(own) == "Measured on Imaginary CPU 9000, 2 cores, 2026-11-20."
    later = [*own, replace(own[0], date="2026-11-22")]
    assert credit(later) == "Measured on Imaginary CPU 9000, 2 cores, 2026-11-20 – 2026-11-22."
    assert credit([*own, *recorded]).count("; ") == 1 and recorded[0].host in credit([*own, *recorded])
    assert credit([]) == credit([replace(own[0], available=False)]) == ""


def test_estimates_are_not_said_to_be_measured():
    estimates = [row for row in estimated_rows(sample_counted(8), "apple-m2") if row.available]
    assert credit(estimates) == "Estimated for Apple M2 laptop, GPU."


def test_the_line_is_the_last_annotation_and_has_room_at_the_edge():
    info = tradeoff_info(rows_of(sample_runs(8)), Axes())
    figure = tradeoff_figure(info, "dark")
    before, room = len(figure.layout.annotations), figure.layout.margin.r
    assert add_credit(figure, info.credit) == add_credit(figure, info.credit) == before
    assert len(figure.layout.annotations) == before + 1
    line = figure.layout.annotations[-1]
    assert line.text.replace("<br>", " ") == info.credit
    assert (line.textangle, line.font.color) == (-90, MUTED["dark"])
    assert figure.layout.margin.r > room
    long = tradeoff_figure(info)
    place = add_credit(long, "; ".join([info.credit] * 4))
    lines = long.layout.annotations[place].text.count("<br>") + 1
    assert lines > 1 and long.layout.margin.r >= 14 * lines
