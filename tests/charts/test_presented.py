"""The chart for a wall: the same marks, larger."""

import pytest

from explorer.charts import Axes, crowded, presented_figure, tradeoff_figure, tradeoff_info
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs


@pytest.fixture
def info():
    rows = choose(flatten(sample_runs(8)), "cpu-onnxruntime", 1)
    return tradeoff_info(rows, Axes(), "CPU, ONNX Runtime, batch of 1", ["sample-0002"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("size", "factor", "sizes"),
    [("normal", 1.4, (18, 21, 17)), ("large", 1.75, (23, 26, 21)), ("largest", 2.1, (27, 32, 25))],
)
def test_words_and_marks_are_as_many_times_as_large(info, theme, size, factor, sizes):
    usual, large = tradeoff_figure(info, theme), presented_figure(info, theme, size)
    assert (usual.layout.font.size, usual.layout.title.font.size, usual.layout.xaxis.tickfont.size) == (13, 15, 12)
    assert (large.layout.font.size, large.layout.title.font.size, large.layout.xaxis.tickfont.size) == sizes
    assert {note.font.size for note in large.layout.annotations} == {sizes[2]}
    for before, after in zip(usual.data, large.data, strict=True):
        assert (before.x, before.y, before.customdata) == (after.x, after.y, after.customdata)
        if before.mode == "lines":
            assert after.line.width == pytest.approx(factor * before.line.width)
        elif isinstance(before.marker.size, (int, float)):
            assert after.marker.size == pytest.approx(factor * before.marker.size)
        else:
            assert list(after.marker.size) == pytest.approx([factor * one for one in before.marker.size])


@pytest.mark.parametrize(("size", "letters"), [("normal", 40), ("largest", 27)])
def test_titles_are_broken_into_lines_that_fit(info, size, letters):
    title = presented_figure(info, size=size).layout.title
    assert max(map(len, title.text.split("<br>"))) <= letters and title.text.replace("<br>", " ") == info.title


def test_words_without_room_on_a_phone_are_named_by_their_place_in_the_figure():
    everything = choose(flatten(sample_runs(16)), "cpu-onnxruntime", 1)
    full = tradeoff_info(everything, Axes("latency"), "CPU, ONNX Runtime, batch of 1", ["sample-0002"])
    notes = presented_figure(full).layout.annotations
    spared = crowded(full)
    assert 0 < len(spared) < len(notes) and max(spared) < len(notes)
