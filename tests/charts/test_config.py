"""The buttons of a chart: a picture as PNG or as SVG."""

from explorer.charts import CONFIG, config


def test_the_camera_saves_what_was_chosen():
    assert config("png") == CONFIG
    assert config("png")["toImageButtonOptions"] == {"format": "png", "scale": 2}
    assert config("svg")["toImageButtonOptions"] == {"format": "svg", "scale": 1}


def test_more_may_be_set():
    assert config(displayModeBar=False)["displayModeBar"] is False
    assert "displayModeBar" not in CONFIG
