"""What a click on a chart does to the selection."""

import pytest
from streamlit.testing.v1 import AppTest


def after_picks(*picks, lit=(), collect=False, more=False):
    def page(picks, more):
        from pages.parts import state

        for runs in picks:
            state.pick(runs, more)

    app = AppTest.from_function(page, kwargs={"picks": picks, "more": more})
    app.session_state["selected"] = list(lit)
    app.session_state["collect"] = collect
    app.run()
    assert not app.exception
    return app.session_state["selected"]


def test_a_click_selects_that_mark_alone():
    assert after_picks(["b"], lit=["a"]) == ["b"]


def test_a_click_with_shift_adds_a_mark_or_puts_it_out():
    assert after_picks(["b"], lit=["a"], more=True) == ["a", "b"]
    assert after_picks(["a"], lit=["a", "b"], more=True) == ["b"]


def test_a_pick_is_told_once_and_only_to_the_page_it_was_made_on():
    def page():
        import streamlit as st

        from pages.parts import state

        state.arrive("overview")
        state.pick(["a"])
        st.session_state["told"] = [state.picked_on("overview"), state.picked_on("overview")]
        state.pick(["a"])
        st.session_state["told"] += [state.picked_on("trade_offs"), state.picked_on("overview")]

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert app.session_state["told"] == [True, False, False, False]


def test_collected_clicks_add_up_and_the_last_one_is_shown():
    assert after_picks(["b"], ["c"], lit=["a"], collect=True) == ["a", "b", "c"]


def test_a_collected_click_on_a_lit_mark_puts_it_out():
    assert after_picks(["a"], lit=["a", "b"], collect=True) == ["b"]


@pytest.mark.parametrize(("collect", "lit"), [(False, ["b", "c"]), (True, ["a", "b", "c"])])
def test_a_box_takes_all_that_is_in_it(collect, lit):
    assert after_picks(["b", "c"], lit=["a", "b"], collect=collect) == lit


def test_what_is_kept_comes_back_from_the_address_as_it_was():
    def keep(names):
        from pages.parts import state

        state.restore()
        state.leave_out(names)

    def restore():
        from pages.parts import state

        state.restore()

    names = ["family:pruning", "model:org/a model, 50 % & more"]
    first = AppTest.from_function(keep, kwargs={"names": names}).run()
    second = AppTest.from_function(restore)
    second.query_params["left-out"] = first.query_params["left-out"]
    second.run()
    assert not first.exception and not second.exception
    assert second.session_state["left-out"] == names


def test_a_selection_of_a_thousand_runs_has_a_short_address(tmp_path, monkeypatch):
    def select(runs):
        from pages.parts import state

        state.restore()
        state.select(runs)

    def restore():
        from pages.parts import state

        state.restore()

    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    runs = [f"20260102-030405-{place:06x}" for place in range(1000)]
    first = AppTest.from_function(select, kwargs={"runs": runs}).run()
    address = "".join(first.query_params["selected"])
    second = AppTest.from_function(restore)
    second.query_params["selected"] = address
    second.run()
    assert not first.exception and not second.exception
    assert len(address) < 2000
    assert second.session_state["selected"] == runs
