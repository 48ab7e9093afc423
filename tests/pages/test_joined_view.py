"""CPU and GPU on one chart, twins that light up together, and words explained."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.proto.Block_pb2 import Block as BlockProto
from streamlit.testing.v1.element_tree import Block

from explorer.charts import tradeoff, tradeoff_info
from explorer.charts.glossary import WORDS
from explorer.texts import t
from pages.parts import state, variant_table, view_charts
from tests.pages.conftest import words
from tests.support.gpu_results import CPU, GPU, GPU_HOST, measured_on_gpu
from tests.support.sample_results import sample_runs, write_recorded, write_runs

JOINED, BOTH = ({"model": "minilm-tweets", "where": words} for words in ("joined", "both"))


@pytest.fixture
def charts(monkeypatch):
    """What the page arranges, chart by chart."""
    made = []

    def arranged(*args, **named):
        made.append(tradeoff_info(*args, **named))
        return made[-1]

    for part in (view_charts, tradeoff.info):
        monkeypatch.setattr(part, "tradeoff_info", arranged)
    return made


@pytest.fixture
def twins(place):
    """Eight runs measured here, three of them recorded on a GPU under other names."""
    write_runs(place / "home" / "runs", sample_runs(8))
    write_recorded(
        place / "recorded",
        [measured_on_gpu(run, beside_cpu=False) for run in sample_runs(3, recorded=True, host=GPU_HOST)],
    )


@pytest.mark.parametrize(
    ("page", "given"),
    [
        ("", {"selected": "sample-0010"}),
        ("3_Trade_offs", {"model": "vit-digits"}),
        ("3_Trade_offs", {"model": "minilm-tweets,vit-digits"}),
        ("5_Export", {"compared": "sample-0009,sample-0010"}),
    ],
)
def test_a_model_has_the_same_symbol_on_every_page(open_page, own, charts, page, given):
    open_page(page, given)
    known = {model: symbol for info in charts for model, symbol in info.symbols.items()}
    assert known["vit-digits"] == "square" and known.get("minilm-tweets", "circle") == "circle"


def test_one_panel_joins_what_was_measured_on_both(open_page, twins, charts):
    app = open_page("3_Trade_offs", {**JOINED, "selected": "sample-0002"})
    assert app.session_state["where"] == "joined" and app.query_params["where"] == JOINED["where"]
    (info,) = [info for info in charts if len(info.targets) == 2]
    assert info.targets == (CPU, GPU)
    assert {(join.first.run, join.second.run) for join in info.joins} == {
        (f"sample-{number:04d}", f"recorded-{number:04d}") for number in range(3)
    }
    assert {mark.run for mark in info.marks if mark.shown} == {"sample-0002", "recorded-0002"}
    said = words(app)
    assert "**CPU.** The best of 7 variants:" in said and "**GPU.** The best of 2 variants:" in said


def test_side_by_side_the_twin_is_lit_on_the_other_chart(open_page, twins, charts):
    open_page("3_Trade_offs", {**BOTH, "selected": "sample-0001"})
    lit = [{mark.run for mark in info.marks if mark.selected} for info in charts]
    assert {"sample-0001"} in lit and {"recorded-0001"} in lit


@pytest.mark.parametrize("shown", [JOINED, BOTH], ids=["joined", "both"])
def test_the_table_has_the_rows_of_both_devices(open_page, twins, shown):
    app = open_page("3_Trade_offs", shown)
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    count = table.value["device"].value_counts()
    assert (count["CPU"], count["GPU"]) == (8, 3)
    assert table.proto.alt == t("table.alt.devices")
    only = open_page("3_Trade_offs", {"model": "minilm-tweets"})
    (table,) = [one for one in only.dataframe if "accuracy" in one.value.columns]
    assert "device" not in table.value.columns and table.proto.alt == t("table.alt")


@pytest.mark.parametrize("view", ["parallel", "progress"])
def test_the_other_views_show_the_device_of_ones_choice(open_page, twins, view):
    app = open_page("3_Trade_offs", {**BOTH, "view": view})
    assert subtitle_of_last(app).endswith("CPU, ONNX Runtime, batch of 1")
    next(one for one in app.button_group if one.key == "view-where").set_value("cuda").run()
    assert not app.exception and subtitle_of_last(app).endswith("NVIDIA GPU, ONNX Runtime, batch of 1")
    assert app.query_params["view-where"] in ("cuda", ["cuda"])
    alone = open_page("3_Trade_offs", {"model": "minilm-tweets", "view": view})
    assert "view-where" not in [one.key for one in alone.button_group]


def subtitle_of_last(app):
    """Below the title of the last chart on the page, in one line."""
    title = json.loads(app.get("plotly_chart")[-1].proto.spec)["layout"]["title"]
    return title["subtitle"]["text"].replace("<br>", " ")


@pytest.mark.parametrize(
    ("lit", "rows", "chosen"),
    [
        (["a"], [0], []),
        (["a"], [0, 1, 2], ["a", "b"]),
        ([], [1], ["a"]),
        (["elsewhere"], [2], ["elsewhere", "b"]),
        (["a", "b"], [], []),
    ],
)
def test_a_variant_goes_out_where_one_of_its_rows_is_unticked(monkeypatch, lit, rows, chosen):
    kept = {"selected": lit, "table-order": ["a", "a", "b"], "table": {"selection": {"rows": rows}}}
    monkeypatch.setattr(st, "session_state", kept)
    monkeypatch.setattr(state, "_publish", lambda: None)
    variant_table._pick("table")
    assert kept["selected"] == chosen


def test_one_panel_says_why_the_gpu_has_no_marks(open_page, own, charts):
    app = open_page("3_Trade_offs", JOINED)
    assert "Not measured: no NVIDIA GPU was found on this machine." in words(app)
    assert charts[0].targets == (CPU,) and charts[0].joins == ()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("3_Trade_offs", {"front", "knee", "interval", "latency"}),
        ("4_Compare", {"interval", "latency", "mcnemar", "macro_f1", "calibration"}),
    ],
)
def test_words_are_explained_where_they_are_used(open_page, own, page, expected):
    app = open_page(page, {"compared": "sample-0002,sample-0003"})
    assert t("glossary.title") in words(app)
    assert explained(app) == expected


def explained(app):
    """The words whose buttons are on the page."""
    labels = {block.proto.popover.label for block in blocks(app.main) if isinstance(block.proto, BlockProto)}
    return {name for name in WORDS if t(f"glossary.{name}.title") in labels}


def blocks(block):
    """A block and all blocks within."""
    if isinstance(block, Block):
        yield block
        for child in block.children.values():
            yield from blocks(child)


@pytest.mark.parametrize(
    ("reason", "advice", "changes"),
    [
        ("The file 'x.csv' has no column 'text'.", "advice.input", True),
        ("unexpected: ValueError: odd", "advice.unexpected", False),
    ],
)
def test_a_failed_run_says_what_to_try(open_page, place, reason, advice, changes):
    run = replace(sample_runs(3)[2], state="failed", reason=reason, result=None)
    write_runs(place / "home" / "runs", [run])
    app = open_page("2_Runs")
    assert [error.value for error in app.error] == [reason]
    assert t(advice) in words(app)
    assert (t("runs.change") in [button.label for button in app.button]) == changes


def test_the_recipe_of_a_failed_run_opens_on_the_compress_page(open_page, place):
    run = replace(sample_runs(3)[2], state="failed", reason="The file is missing.", result=None)
    write_runs(place / "home" / "runs", [run])
    app = open_page("2_Runs")
    app.button(key=f"change-{run.run}").click().run()
    assert not app.exception
    assert [step["technique"] for step in app.session_state["draft"]["steps"]] == ["int8-dynamic"]
    assert app.session_state["draft"]["model"] == run.model
