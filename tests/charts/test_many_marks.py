"""Charts of very many marks: drawn and sent with as little as possible, and lit without being arranged anew."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from explorer.charts import Axes, tradeoff_figure, tradeoff_info
from explorer.charts.tradeoff import WEBGL_MARKS, drawing
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs


def many():
    rows = choose(flatten(sample_runs(16)), "cpu-onnxruntime", 1, ("minilm-tweets",))
    return [replace(row, run=f"{row.run}-{place}") for place in range(WEBGL_MARKS // len(rows) + 1) for row in rows]


def test_every_mark_of_many_carries_its_run_and_its_words():
    info = tradeoff_info(many(), Axes())
    traces = [trace for trace in json.loads(tradeoff_figure(info).to_json())["data"] if "customdata" in trace]
    told = {own[0]: words for trace in traces for own, words in zip(trace["customdata"], trace["text"], strict=True)}
    assert told == {mark.run: mark.hover for mark in info.marks}


def test_what_all_marks_of_a_layer_have_in_common_is_said_once():
    figure = tradeoff_figure(tradeoff_info(many(), Axes()))
    beaten = [trace for trace in figure.data if trace.customdata is not None and np.max(trace.marker.opacity) < 0.6]
    assert beaten and all(isinstance(trace.marker.size, (int, float)) for trace in beaten)
    sizes = tradeoff_figure(tradeoff_info(many(), Axes(size="latency")))
    assert any(not isinstance(trace.marker.size, (int, float)) for trace in sizes.data if trace.customdata is not None)


def test_a_selection_lights_its_marks_and_leaves_the_rest():
    rows = many()
    dark, lit = tradeoff_info(rows, Axes()), tradeoff_info(rows, Axes(), selected=[rows[3].run])
    assert [mark.run for mark in lit.marks if mark.selected and mark.shown] == [rows[3].run]
    assert not any(mark.selected for mark in dark.marks)
    assert {replace(mark, selected=False, shown=False) for mark in lit.marks} == set(dark.marks)
    assert lit.marks[-1].run == rows[3].run, "what is lit lies on top"


def test_only_very_many_marks_are_drawn_in_the_screens_own_pixels():
    rows = many()
    assert drawing(tradeoff_info(rows, Axes())) == {"plotGlPixelRatio": 1}
    assert drawing(tradeoff_info(rows[:20], Axes())) == {}
