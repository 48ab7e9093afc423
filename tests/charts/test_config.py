"""The buttons of a chart: a picture as PNG or as SVG, and its file's name."""

import plotly.graph_objects as go
import pytest

from explorer.charts import CONFIG, config, file_name


def test_the_camera_saves_what_was_chosen():
    assert config("png") == CONFIG
    assert config("png", "Accuracy")["toImageButtonOptions"] == {"format": "png", "scale": 2, "filename": "Accuracy"}
    assert config("svg", "Accuracy")["toImageButtonOptions"] == {"format": "svg", "scale": 1, "filename": "Accuracy"}


def test_more_may_be_set():
    assert config(displayModeBar=False)["displayModeBar"] is False
    assert "displayModeBar" not in CONFIG


@pytest.mark.parametrize(
    ("title", "subtitle", "name"),
    [
        ("Accuracy against<br>file size", "CPU, batch of 1", "Accuracy against file size CPU, batch of 1"),
        ("Mine &amp; yours: a/b", "", "Mine & yours a b"),
        ("../..\\x", "", "x"),
        ("精度与文件大小", "", "精度与文件大小"),
        (None, None, "chart"),
        ("l" * 200, "", "l" * 80),
    ],
)
def test_a_picture_is_named_by_the_title_of_its_chart(title, subtitle, name):
    assert file_name(go.Figure(layout={"title": {"text": title, "subtitle": {"text": subtitle}}})) == name
