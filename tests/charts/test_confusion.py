import re

import pytest

from explorer.charts import confusion_figure, confusion_info
from explorer.charts.confusion import MOST_WRITTEN
from tests.charts.test_style import contrast

LABELS, COUNTS = ["no", "<b>yes</b>"], [[30, 10], [0, 5]]


def info():
    return confusion_info("int8-dynamic", "accuracy 77.8 %", LABELS, COUNTS)


def test_shares_are_of_each_labels_inputs():
    assert info().shares == ((0.75, 0.25), (0.0, 1.0))
    assert info().counts == ((30, 10), (0, 5))
    assert info().hovers[0][1].startswith("10 inputs with the label no got the answer &lt;b&gt;yes")
    assert info().hovers[0][1].endswith("25.0 % of that label")


def test_a_label_without_inputs_has_no_share():
    assert confusion_info("a", "", ["x", "y"], [[3, 0], [0, 0]]).shares == ((1.0, 0.0), (0.0, 0.0))


def test_the_figure_has_the_counts_in_the_cells_and_the_first_label_on_top():
    (heatmap,) = confusion_figure(info(), "dark").data
    assert [[int(re.sub("<.*?>", "", text)) for text in row] for row in heatmap.text] == COUNTS
    assert tuple(heatmap.y) == ("no", "&lt;b&gt;yes&lt;/b&gt;")
    assert confusion_figure(info()).layout.yaxis.autorange == "reversed"
    assert (heatmap.zmin, heatmap.zmax) == (0, 1)


def test_many_classes_are_drawn_without_numbers():
    many = MOST_WRITTEN + 1
    figure = confusion_figure(confusion_info("a", "", [str(i) for i in range(many)], [[1] * many] * many))
    assert figure.data[0].text is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_count_can_be_read_on_its_cell(theme):
    for share in range(101):
        figure = confusion_figure(confusion_info("a", "", ["x", "y"], [[share, 100 - share], [0, 0]]), theme)
        (_, low), (_, high) = figure.data[0].colorscale
        ends = [[int(end[place : place + 2], 16) for place in (1, 3, 5)] for end in (low, high)]
        cell = "#" + "".join(f"{round(a + share / 100 * (b - a)):02x}" for a, b in zip(*ends, strict=True))
        assert contrast(re.search("#[0-9A-F]{6}", figure.data[0].text[0][0]).group(), cell) >= 4.5, share


def test_long_titles_move_down_and_the_cells_of_panels_stand_side_by_side():
    short, long = (
        confusion_figure(confusion_info(name, "", ["x", "y"], [[1, 0], [0, 1]])) for name in ("a", "a " * 30)
    )
    assert long.layout.title.text.count("<br>") == 1
    assert long.layout.title.pad.t == short.layout.title.pad.t + 10
    assert long.layout.title.y == 1, "a tall chart has its title as near to its edge as a low one"
    assert short.layout.margin.t == long.layout.margin.t == 86
