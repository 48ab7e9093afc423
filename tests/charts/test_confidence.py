"""Confidence by class, for one input."""

import pytest

from explorer.charts.confidence import confidence_figure, confidence_info


def test_all_classes_in_their_order():
    info = confidence_info("Baseline", ["bad", "so", "good"], [0.2, 0.1, 0.7], "quantization")
    assert (info.labels, info.percent, info.best) == (("bad", "so", "good"), (20, 10, pytest.approx(70)), 2)
    assert info.alt == "Baseline: good 70 %, bad 20 %, so 10 %."


def test_of_many_classes_the_most_probable_and_the_sum_of_the_others():
    info = confidence_info("x", list("abcdef"), [0.05, 0.5, 0.04, 0.3, 0.01, 0.1], "pruning")
    assert (info.labels, info.best) == (("b", "d", "f", "3 others"), 0)
    assert info.percent == pytest.approx((50, 30, 10, 10)) and sum(info.percent) == pytest.approx(100)


def test_the_right_class_is_always_shown():
    shares = [0.05, 0.5, 0.04, 0.3, 0.01, 0.1]
    info = confidence_info("x", list("abcdef"), shares, "pruning", right=4)
    assert info.labels == ("b", "d", "e", "f", "2 others") and info.percent == pytest.approx((50, 30, 1, 10, 9))
    assert confidence_info("x", list("abcdef"), shares, "pruning", right=1).labels == ("b", "d", "f", "3 others")


def test_one_other_class_is_shown_itself():
    info = confidence_info("x", list("abcd"), [0.1, 0.2, 0.3, 0.4], "pruning")
    assert info.labels == tuple("abcd") and info.best == 3


def test_nothing_is_rounded_to_certainty():
    figure = confidence_figure(confidence_info("x", "abc", [0.9999, 0.0001, 0.0], "baseline"), "dark")
    assert list(figure.data[0].text) == ["> 99 %", "< 1 %", "0 %"]


def test_the_best_bar_stands_out_and_labels_are_no_html():
    figure = confidence_figure(confidence_info("x", ["<b>a</b>", "b"], [0.1, 0.9], "pruning"))
    assert list(figure.data[0].marker.opacity) == [0.45, 1.0]
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;a&lt;/b&gt;"


def test_beside_a_full_bar_there_is_room_for_its_words_in_a_narrow_chart() -> None:
    figure = confidence_figure(confidence_info("a", ["x", "y"], [0.999, 0.001], "pruning"))
    _, end = figure.layout.xaxis.range
    axis_px, words_px = 180, 50
    assert (end - 100) / end * axis_px >= words_px
