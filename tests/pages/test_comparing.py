"""What the Compare page begins with, and what it names where something has no bars."""

from pages.parts import data
from pages.parts.naming import short_names
from tests.charts.test_stacks import result as profiled
from tests.pages.conftest import words
from tests.support.sample_results import sample_runs, write_runs

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


def test_variants_without_a_profile_are_named_under_the_bars(open_page, place):
    runs = sample_runs(16)
    runs[2].result["profile"] = profiled(1.0)["profile"]
    write_runs(place / "home" / "runs", runs)
    app = open_page("4_Compare", compared=["sample-0002", "sample-0003"])
    (name,) = (
        name for run, name in short_names([data.find(run.run) for run in runs[2:4]]).items() if run == runs[3].run
    )
    assert f"Without bars, since no profile was taken: {name}." in words(app).replace("\\", "")
    app = open_page("4_Compare", compared=["sample-0001", "sample-0003"])
    assert "no profile was taken" not in words(app), "without any bars nothing is missing among them"
