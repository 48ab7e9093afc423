"""Charts in a file: they open without a connection, and no text in them becomes part of the page."""

import html
import re

import plotly.graph_objects as go
import pytest

from explorer.charts.saved import charts_html
from tests.support.browser import complaints

NASTY = "</script><script>document.title = 'taken'</script>"


def figure() -> go.Figure:
    return go.Figure(go.Scatter(x=[1], y=[2], text=[NASTY], hovertext=[NASTY]), {"title": {"text": "<b>"}})


def test_it_loads_nothing_and_escapes_what_it_is_given():
    text = charts_html(f"Ours {NASTY}", [(f"A {NASTY}", figure(), f"One. {NASTY}"), ("B", figure(), "Two.")])
    assert NASTY not in text
    captions = re.findall("<figcaption>(.*)</figcaption>", text)
    assert [html.unescape(one) for one in captions] == [f"One. {NASTY}", "Two."], "each has its own"
    assert text.count("plotly.js v") == 1, "Plotly comes once"
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)


@pytest.mark.browser
def test_it_is_drawn_without_a_connection(chromium, tmp_path):
    path = tmp_path / "charts.html"
    path.write_text(charts_html("Ours", [("A", figure(), "One."), ("B", figure(), "")], form="svg"), encoding="utf-8")
    page = chromium.new_page()
    page.context.set_offline(True)
    with complaints(page) as said:
        page.goto(path.as_uri())
        page.locator(".scatterlayer .point").nth(1).wait_for()
        page.get_by_role("figure", name="A").hover()
        with page.expect_download() as waiting:
            page.locator(".modebar-btn[data-title*='ownload']").first.click(force=True)
        assert waiting.value.suggested_filename.endswith(".svg")
        assert page.locator("figcaption").all_inner_texts() == ["One."]
        assert (page.title(), said) == ("Ours", [])
    page.close()
