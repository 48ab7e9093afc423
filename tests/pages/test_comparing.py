"""What the Compare page begins with."""

from tests.pages.conftest import words

PAGE = "4_Compare"


def chosen(app):
    return app.multiselect(key="compare-picker").value


def test_it_begins_with_what_is_selected_where_nothing_was_sent(open_page, own):
    app = open_page(PAGE, query={"selected": "sample-0002,gone,sample-0003,baseline-of-minilm-tweets"})
    assert chosen(app) == ["sample-0002", "sample-0003"]
    assert "Pick at least two" not in words(app)


def test_what_was_sent_comes_before_what_is_selected(open_page, own):
    app = open_page(PAGE, query={"selected": "sample-0002", "compared": "sample-0004,sample-0005"})
    assert chosen(app) == ["sample-0004", "sample-0005"]
    app = open_page(PAGE, query={"selected": "sample-0002,sample-0003", "compared": "gone"})
    assert chosen(app) == ["sample-0002", "sample-0003"]


def test_of_many_that_are_selected_the_first_six_stand_side_by_side(open_page, own):
    app = open_page(PAGE, selected=[run.run for run in own[1:9]])
    assert chosen(app) == [run.run for run in own[1:7]]
    assert "these are the first 6 of the 8" in words(app)


def test_one_that_is_selected_waits_for_another(open_page, own):
    app = open_page(PAGE, selected=["sample-0002"])
    assert chosen(app) == ["sample-0002"] and "Pick at least two" in words(app)


def test_what_is_taken_out_stays_out(open_page, own):
    app = open_page(PAGE, selected=["sample-0002", "sample-0003"])
    app.multiselect(key="compare-picker").set_value([]).run()
    assert chosen(app) == [] and not app.exception
