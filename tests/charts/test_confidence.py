"""Confidence by class, for one input."""

import pytest

from explorer.charts.confidence import confidence_figure, confidence_info


def test_all_classes_in_their_order():
    info = confidence_info("Baseline", ["bad", "so", "good"], [0.2, 0.1, 0.7], "quantization")
    assert (info.labels, info.percent, info.best) == (("bad", "so", "good"), (20, 10, pytest.approx(70)), 2)
    assert info.alt == "Baseline: good 70 %, bad 20 %, so 10 %."


def test_of_very_many_classes_the_most_probable():
    info = confidence_info("x", [str(i) for i in range(30)], [i / 435 for i in range(30)], "pruning")
    assert info.labels == tuple(str(i) for i in range(10, 30)) and info.best == 19
    assert info.title == "Confidence in the 20 most probable classes"


def test_nothing_is_rounded_to_certainty():
    figure = confidence_figure(confidence_info("x", "abc", [0.9999, 0.0001, 0.0], "baseline"), "dark")
    assert list(figure.data[0].text) == ["> 99 %", "< 1 %", "0 %"]


def test_the_best_bar_stands_out_and_labels_are_no_html():
    figure = confidence_figure(confidence_info("x", ["<b>a</b>", "b"], [0.1, 0.9], "pruning"))
    assert list(figure.data[0].marker.opacity) == [0.45, 1.0]
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;a&lt;/b&gt;"
