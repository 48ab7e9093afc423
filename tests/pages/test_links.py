"""From page to page: what is selected goes along, filters stay where they belong and as they were."""

import pytest

from tests.pages.conftest import button
from tests.pages.test_pages import submitted  # noqa: F401

TRADE_OFFS = "3_Trade_offs"


@pytest.fixture
def filtered(open_page, own):
    """Trade-offs as a link with filters opens it, one variant selected."""
    return open_page(TRADE_OFFS, query={"model": "minilm-tweets", "x": "Latency p50", "selected": "sample-0002"})


def test_a_filter_does_not_hinder_compare(filtered):
    app = button(filtered, "Compare").click().run()
    assert not app.exception
    assert app.title[0].value == "Compare variants"
    assert app.session_state["compared"] == ["sample-0002"]


def test_a_filter_does_not_hinder_export(filtered):
    app = button(filtered, "Export").click().run()
    assert not app.exception
    assert app.title[0].value == "Export a variant"
    assert app.query_params.get("selected") in ("sample-0002", ["sample-0002"])


def test_a_filter_does_not_hinder_a_rerun(open_page, recorded, submitted):  # noqa: F811
    app = open_page(TRADE_OFFS, query={"x": "Latency p50", "selected": "recorded-0002"})
    app = button(app, "Re-run here").click().run()
    assert not app.exception
    assert len(submitted) == 1 and app.title[0].value == "Runs"
