"""What a click on a chart does to the selection."""

import pytest
from streamlit.testing.v1 import AppTest


def after_picks(*picks, lit=(), collect=False):
    def page(picks):
        from pages.parts import state

        for runs in picks:
            state.pick(runs)

    app = AppTest.from_function(page, kwargs={"picks": picks})
    app.session_state["selected"] = list(lit)
    app.session_state["collect"] = collect
    app.run()
    assert not app.exception
    return app.session_state["selected"]


def test_a_click_selects_that_mark_alone():
    assert after_picks(["b"], lit=["a"]) == ["b"]


def test_collected_clicks_add_up_and_the_last_one_is_shown():
    assert after_picks(["b"], ["c"], lit=["a"], collect=True) == ["a", "b", "c"]


def test_a_collected_click_on_a_lit_mark_puts_it_out():
    assert after_picks(["a"], lit=["a", "b"], collect=True) == ["b"]


@pytest.mark.parametrize(("collect", "lit"), [(False, ["b", "c"]), (True, ["a", "b", "c"])])
def test_a_box_takes_all_that_is_in_it(collect, lit):
    assert after_picks(["b", "c"], lit=["a", "b"], collect=collect) == lit
