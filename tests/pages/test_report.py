"""The Report page: which variants it begins with, what it offers, and when it says what to do."""

import gc
import json
from datetime import date
from urllib.parse import SplitResult

import pytest

from tests.pages.conftest import button, words

PAGE = "8_Report"


def html_of(app):
    return app.get("iframe")[0].proto.srcdoc


def test_nothing_to_report_yet(open_page):
    app = open_page(PAGE)
    assert "Compress a model first" in words(app) and not app.get("iframe")
    assert button(app, "Compress a model")


def test_two_variants_are_needed(open_page, own):
    app = open_page(PAGE, compared=["sample-0001"])
    assert "Pick at least two variants" in words(app) and not app.get("iframe")


def test_it_begins_with_those_that_are_compared(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"], selected=["sample-0003", "sample-0004"])
    assert app.multiselect(key="report-picker").value == ["sample-0001", "sample-0002"]


def test_else_with_those_that_are_selected(open_page, own):
    app = open_page(PAGE, selected=["sample-0003", "gone", "sample-0004"])
    assert app.multiselect(key="report-picker").value == ["sample-0003", "sample-0004"]


def test_of_many_the_first_six(open_page, own):
    app = open_page(PAGE, compared=[run.run for run in own[:8]])
    assert app.multiselect(key="report-picker").value == [run.run for run in own[:6]]


def test_the_preview_is_the_report(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    app.text_input(key="report-title").set_value("<b>Ours</b>").run()
    text = html_of(app)
    assert "<h1>&lt;b&gt;Ours&lt;/b&gt;</h1>" in text and f"{date.today().isoformat()} · 2 variants" in text
    assert "A · prune-neurons" in text and "B · int8-dynamic" in text
    assert [one.proto.label for one in app.get("download_button")] == ["Download the report"]


def test_old_previews_are_not_kept(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    app.text_input(key="report-title").set_value("Another title").run()
    gc.collect()
    kept = [one for one in gc.get_objects() if isinstance(one, SplitResult) and max(map(len, one)) > 1e6]
    assert html_of(app) and not kept, "Python's parser of addresses remembers what it was given"


def test_the_preview_can_be_switched_off(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    app.toggle(key="report-preview").set_value(False).run()
    assert not app.get("iframe")


def test_axes_and_place_can_be_chosen(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    app.selectbox(key="report-x").set_value("latency").run()
    app.selectbox(key="report-place").set_value(3).run()
    assert not app.exception
    text = html_of(app)
    assert "Latency p50 (ms)" in text and "CPU, PyTorch, batch of 8" in text


def test_a_run_that_was_deleted_leaves_the_report(open_page, own, place):
    import shutil

    app = open_page(PAGE, compared=["sample-0001", "sample-0002", "sample-0003"])
    shutil.rmtree(place / "home" / "runs" / "sample-0002")
    app.run()
    assert not app.exception
    assert app.multiselect(key="report-picker").value == ["sample-0001", "sample-0003"]


@pytest.mark.parametrize("page", ["", "3_Trade_offs", "4_Compare", "6_Models", PAGE, "9_Present"])
def test_charts_can_be_saved_as_svg_from_every_page(open_page, own, page):
    app = open_page(page, compared=["sample-0001", "sample-0002"])
    choice = app.sidebar.get("button_group")[0]
    assert choice.key == "picture-format" and choice.value == "png"
    choice.set_value("svg").run()
    assert app.session_state["picture-format"] == "svg"
    app.switch_page("pages/4_Compare.py").run()
    app.run()  # AppTest sends no value along when it switches
    assert app.sidebar.get("button_group")[0].value == "svg"
    config = json.loads(app.get("plotly_chart")[0].proto.config)
    assert config["toImageButtonOptions"]["format"] == "svg"


@pytest.mark.parametrize(
    ("page", "explained"),
    [
        ("", ["Pareto front", "Knee", "Measurable loss, McNemar's test"]),
        ("6_Models", ["Attention heads", "p50 and p95", "Wilson interval"]),
        (PAGE, ["Wilson interval", "Measurable loss, McNemar's test", "Macro F1", "Calibration error", "p50 and p95"]),
    ],
)
def test_uncommon_words_are_explained_where_they_stand(open_page, own, page, explained):
    app = open_page(page, compared=["sample-0001", "sample-0002"])
    boxes = [one.proto.popover for one in app.get("popover")]
    assert [box.label for box in boxes if "glossary-" in box.id] == explained
