"""From page to page: what is selected goes along, filters stay where they belong and as they were."""

import pytest

from explorer.texts import texts_of
from tests.pages.conftest import button
from tests.pages.test_pages import submitted  # noqa: F401

TRADE_OFFS = "3_Trade_offs"


@pytest.fixture
def filtered(open_page, own):
    """Trade-offs as a link with filters opens it, one variant selected."""
    return open_page(TRADE_OFFS, query={"model": "minilm-tweets", "x": "latency", "selected": "sample-0002"})


def test_a_filter_does_not_hinder_compare(filtered):
    app = button(filtered, "Compare").click().run()
    assert not app.exception
    assert app.title[0].value == "Compare variants"
    assert app.session_state["compared"] == ["sample-0002"]


def test_a_filter_does_not_hinder_export(filtered):
    app = button(filtered, "Export").click().run()
    assert not app.exception
    assert app.title[0].value == "Export"
    assert app.query_params.get("selected") in ("sample-0002", ["sample-0002"])


def test_a_filter_does_not_hinder_a_rerun(open_page, recorded, submitted):  # noqa: F811
    app = open_page(TRADE_OFFS, query={"x": "latency", "selected": "recorded-0002"})
    app = button(app, "Re-run here").click().run()
    assert not app.exception
    assert len(submitted) == 1 and app.title[0].value == "Runs"


FILTERS = {
    "x": "latency",
    "y": "difference",
    "where": "both",
    "family": ["pruning", "quantization"],
    "budget-lost": "2",
    "columns": "memory",
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_link_holds_choices_by_their_keys_in_every_language(open_page, own, language):
    choices = FILTERS | {"columns": ["memory"]}
    sender = open_page(TRADE_OFFS, language=language, **choices)
    sent = {key: sender.query_params[key] for key in FILTERS}
    assert sent == FILTERS
    assert ("lang" in sender.query_params) == (language != "en")
    receiver = open_page(TRADE_OFFS, query=sent)
    assert {key: receiver.session_state[key] for key in FILTERS} == choices
    assert {key: receiver.query_params[key] for key in FILTERS} == FILTERS


def test_what_a_link_says_that_is_not_known_is_left_out_without_an_error(open_page, own):
    old = {"x": "Latency p50", "where": "Joined", "family": ["Pruning", "pruning"], "budget-lost": "2 points", "y": ""}
    app = open_page(TRADE_OFFS, query=old)
    assert not app.error
    assert app.query_params == {"family": "pruning"}
    assert app.session_state["x"] == "file_size" and app.session_state["budget-lost"] == "any"


def test_nothing_chosen_is_told_from_the_default(open_page, own):
    assert open_page(TRADE_OFFS, model=[]).query_params["model"] == ""
    app = open_page(TRADE_OFFS, query={"model": ""})
    assert app.session_state["model"] == []
    assert "model" not in open_page(TRADE_OFFS, query={"model": "gone"}).query_params


def test_a_choice_that_is_not_there_any_more_gives_way_to_the_default(open_page, own):
    app = open_page(TRADE_OFFS, study=["gone", "default"], runtime="gone")
    assert app.session_state["study"] == ["default"] and app.session_state["runtime"] == "onnxruntime"


def test_choices_come_back_with_the_page(open_page, own):
    app = open_page(TRADE_OFFS, query={"x": "latency", "view": "progress"})
    app.query_params.clear()
    app.switch_page("pages/2_Runs.py").run()
    assert "x" not in app.query_params
    app.switch_page(f"pages/{TRADE_OFFS}.py").run()
    assert (app.query_params["x"], app.query_params["view"]) == ("latency", "progress")


def test_the_language_goes_along_in_the_address(open_page, own):
    app = open_page()
    app.selectbox(key="language").set_value("zh").run()
    assert app.query_params["lang"] == "zh"
    assert open_page(query={"lang": "zh"}).title[0].value == texts_of("zh")["page.overview.title"]
    app.selectbox(key="language").set_value("en").run()
    assert "lang" not in app.query_params


def test_where_another_language_is_usual_english_is_said_in_the_address(open_page, monkeypatch):
    monkeypatch.setenv("EXPLORER_LANGUAGE", "zh")
    app = open_page("2_Runs")
    assert app.query_params["lang"] == "zh" and app.title[0].value == texts_of("zh")["page.runs.title"]
    app.selectbox(key="language").set_value("en").run()
    assert app.query_params["lang"] == "en" and app.title[0].value == "Runs"
    assert open_page("2_Runs", query={"lang": "en"}).title[0].value == "Runs"


def test_a_language_that_is_not_known_is_left_out(open_page):
    app = open_page(query={"lang": "tlh"})
    assert "lang" not in app.query_params and app.selectbox(key="language").value == "en"


def test_a_language_goes_along_to_other_pages(open_page, own):
    app = open_page(TRADE_OFFS, query={"lang": "zh", "selected": "sample-0002"})
    links = [link.proto.query_string for link in app.sidebar.get("page_link")]
    assert links and all("lang=zh" in link for link in links)
