"""Every page with an empty store, with runs of one's own, and with a recorded study."""

import json
import re
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from explorer import jobs, store
from explorer.errors import BadInput
from explorer.recipe import Recipe
from explorer.rundir import RunFolder
from tests.pages.conftest import button, run_tables, words
from tests.support.sample_results import sample_runs, write_runs

PAGES = ["", "1_Compress", "2_Runs", "3_Trade_offs", "4_Compare", "5_Export"]


@pytest.fixture
def submitted(monkeypatch):
    """What was submitted, without starting anything."""
    asked = []

    def submit(recipe, study="default", fresh=False, time_limit_min=None, priority="normal"):
        asked.append((recipe, study, fresh))
        return f"run-{len(asked)}"

    monkeypatch.setattr(jobs, "submit", submit)
    return asked


@pytest.mark.parametrize("page", PAGES)
def test_with_an_empty_store_a_page_says_what_to_do(open_page, page):
    app = open_page(page)
    assert len(app.title) == 1
    assert app.button, "there is nothing to click"


@pytest.mark.parametrize("page", PAGES)
def test_with_runs(open_page, own, recorded, page):
    app = open_page(page)
    assert "yet" not in words(app).split("Where to start")[0] or page in ("", "1_Compress", "4_Compare")


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_selection_in_the_url_does_no_harm(open_page, own, page):
    open_page(page, query={"selected": "gone,<script>", "compared": "gone,nothing"})


def test_the_overview_counts_own_and_recorded(open_page, own, recorded):
    app = open_page()
    assert any(metric.value == "14" for metric in app.metric)
    assert "7 of your own, 7 recorded" in words(app)


@pytest.mark.parametrize("has_own", [False, True])
def test_the_example_stands_above_the_chart_until_the_reader_has_runs(open_page, recorded, place, has_own):
    if has_own:
        write_runs(place / "home" / "runs", sample_runs(2))
    app = open_page()
    drawn = [getattr(element, "label", "") or element.type for element in app.main]
    assert drawn.count("Try an example") == 1
    chief = [one.label for one in app.button if one.proto.type == "primary"]
    assert chief == (["Compress a model"] if has_own else ["Try an example"]), "one thing to press"
    assert (drawn.index("Try an example") < drawn.index("plotly_chart")) is not has_own


def test_the_overview_says_which_of_the_best_were_recorded(open_page, recorded):
    def notes(app):
        return [line.value for line in app.caption if "input at a time" in line.value or "smaller" in line.value]

    assert len(notes(open_page())) == 2 and all("recorded" in note for note in notes(open_page()))


def test_the_overview_praises_the_readers_own_speed(open_page, place, recorded):
    (run,) = [run for run in sample_runs(3) if run.run == "sample-0002"]
    for entry in run.result["accuracy"][:2]:
        entry.update(within_noise=True)
    for entry in run.result["latency"][:4]:
        entry.update(noisy=False, speedup=1.01)
    write_runs(place / "home" / "runs", [run])
    (note,) = [line.value for line in open_page().caption if "input at a time" in line.value]
    assert "recorded" not in note and "int8-dynamic" in note


def test_a_selection_in_the_url_opens_its_details(open_page, own):
    app = open_page("3_Trade_offs", selected=["sample-0002"])
    assert "int8-dynamic" in app.subheader[0].value
    assert "measured 2026-11-20 on Imaginary CPU 9000, 2 cores" in words(app)
    assert "CPU, ONNX Runtime" in words(app)


def test_the_url_carries_the_selection(open_page, own):
    app = open_page("3_Trade_offs", selected=["sample-0002", "sample-0003"])
    assert app.query_params["selected"] == "sample-0002,sample-0003"
    button(app, "Compare them").click().run()
    assert app.session_state["compared"] == ["sample-0002", "sample-0003"]


def test_the_front_in_figures_says_what_was_recorded(open_page, own, recorded):
    app = open_page("3_Trade_offs", selected=["sample-0002"])
    front = next(line.value for line in app.markdown if line.value.startswith("| Techniques"))
    lines = [line.split(" | ")[0] for line in front.splitlines()[2:]]
    assert {True, False} == {line.endswith("(recorded)") for line in lines}


def test_a_knee_is_explained(open_page, own):
    said = words(open_page("3_Trade_offs", selected=["sample-0002"], model=["minilm-tweets"]))
    assert "The line bends most there: to either side, a small improvement in one costs much" in said


def test_show_on_the_chart_shows_that_model_unfiltered(open_page, own):
    app = open_page("2_Runs", query={"selected": "sample-0010"}, model=["minilm-tweets"], family=["training"])
    app = button(app, "Show on the chart").click().run()
    assert app.title[0].value == "Trade-offs"
    assert app.button_group(key="model").value == ["vit-digits"]
    assert app.button_group(key="family").value == []


def test_the_gpu_panel_says_why_it_is_empty(open_page, own):
    app = open_page("3_Trade_offs", where="both")
    assert "Not measured: no NVIDIA GPU was found on this machine." in words(app)


def test_a_recorded_variant_can_be_run_again(open_page, recorded, submitted):
    app = open_page("3_Trade_offs", selected=["recorded-0002"])
    button(app, "Re-run here").click().run()
    recipe, _, fresh = submitted[0]
    assert fresh
    assert recipe == Recipe.parse(recorded[2].recipe)
    assert app.session_state["selected"] == ["run-1"]


def test_a_recorded_variant_has_no_files_to_export(open_page, recorded):
    app = open_page("5_Export", selected=["recorded-0002"])
    assert "its files are not" in app.info[0].value
    assert button(app, "Re-run here")


def test_export_lists_the_bundle_and_the_recipe(open_page, own):
    app = open_page("5_Export", selected=["sample-0002"])
    assert "model.onnx" in words(app) and "predict.py" in words(app)
    assert app.code[0].value == "python -m explorer run recipe.yaml"
    assert Recipe.from_yaml(app.code[1].value) == Recipe.parse(own[2].recipe)


def test_the_bundle_is_a_zip_of_what_was_listed(own, place):
    import io
    import zipfile

    from pages.parts.exporting import make_bundle

    content = make_bundle(place / "home" / "runs" / "sample-0002", "vit-digits-sample-0002")
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    wanted = {"model.onnx", "recipe.yaml", "results.json", "predict.py"}
    assert {f"vit-digits-sample-0002/{name}" for name in wanted} <= set(names)


def test_export_says_that_the_model_file_is_gone(open_page, own, place):
    (place / "home" / "runs" / "sample-0002" / "artefact" / "model.onnx").unlink()
    app = open_page("5_Export", selected=["sample-0002"])
    assert "is gone; run its recipe again" in app.error[0].value


def test_export_does_not_offer_a_run_whose_folder_is_gone(open_page, own, place):
    import shutil

    shutil.rmtree(place / "home" / "runs" / "sample-0002")
    app = open_page("5_Export", selected=["sample-0002"])
    assert app.selectbox(key="export-picker").value != "sample-0002"


def test_compare_shows_differences_in_words(open_page, own, recorded):
    app = open_page("4_Compare", compared=["sample-0001", "sample-0002", "recorded-0002"])
    written = words(app)
    assert "within sampling noise" in written or "more than sampling noise" in written
    assert "compare their speed-ups" in written
    assert "Step 1" in written
    assert written.count("no NVIDIA GPU was found on this machine") == 1, "the reason stands once in its row"


@pytest.mark.parametrize("by", ["link", "hand"])
def test_compare_takes_six_of_many_and_says_so(open_page, own, by):
    many = [run.run for run in own[:8]]
    given = {"query": {"compared": ",".join(many)}} if by == "link" else {"compared": many}
    app = open_page("4_Compare", **given)
    assert "these are the first 6 of the 8 that were chosen" in words(app)
    assert app.multiselect(key="compare-picker").value == many[:6]
    app.multiselect(key="compare-picker").set_value(many[:3]).run()
    assert "first 6" not in words(app)


def test_equal_recipes_of_different_models_are_told_apart(open_page, own):
    app = open_page("4_Compare", compared=["sample-0002", "sample-0010"])
    assert "| Quantity | int8-dynamic · minilm-tweets | int8-dynamic · vit-digits |" in words(app)


def test_compare_needs_two(open_page, own):
    assert "Pick at least two" in words(open_page("4_Compare", compared=["sample-0001"]))


def test_runs_shows_a_failure_in_one_sentence(open_page, place):
    reason = "The disk is full; free some space [and] *retry*."
    write_runs(place / "home" / "runs", [replace(sample_runs(2)[1], state="failed", result=None, reason=reason)])
    app = open_page("2_Runs")
    assert app.error[0].value == "The disk is full; free some space \\[and\\] \\*retry\\*."
    assert button(app, "Retry")


def test_a_finished_run_can_be_done_again(open_page, own, submitted):
    """A noisy measurement says 'measure again', so there must be a way to."""
    app = open_page("2_Runs")
    button(app, "Run again").click().run()
    (again,) = submitted
    assert again[2] is True and again[0].model in {run.model for run in own}


def test_runs_shows_progress_and_cancels(open_page, place, monkeypatch):
    write_runs(place / "home" / "runs", [replace(sample_runs(2)[1], state="running", result=None)])
    stopped = []
    monkeypatch.setattr(jobs, "cancel", stopped.append)
    app = open_page("2_Runs")
    button(app, "Cancel").click().run()
    assert stopped == ["sample-0001"]


def test_only_what_runs_has_a_rich_card_and_what_waits_a_line_with_all_its_buttons(open_page, place):
    runs = [replace(run, state="queued", result=None) for run in sample_runs(4)[1:]]
    write_runs(place / "home" / "runs", runs)
    folder = RunFolder(place / "home" / "runs" / "sample-0001")
    folder.claim({"pid": 1, "claimed_at": time.time()})
    folder.add_state("running")
    store.Store().refresh(folder.run)
    app = open_page("2_Runs")
    (bar,) = app.get("progress")
    assert "training" in bar.proto.text
    assert list(run_tables(app).values()) == [[2]], "of three the one at work is shown, not the newest"
    assert "**int8-dynamic** · minilm-tweets · queued" in words(app)
    labels = [one.label for one in app.button if (one.key or "").endswith("-sample-0002")]
    assert labels == ["First", "Up", "Down", "Last", "Pause", "Cancel"]


def test_where_the_time_left_is_not_known_it_says_so(open_page, place):
    run = replace(sample_runs(2)[1], state="queued", result=None)
    write_runs(place / "home" / "runs", [run])
    folder = RunFolder(place / "home" / "runs" / run.run)
    folder.add_progress(stage="measure", text="Measuring latency")
    folder.claim({"pid": 1, "claimed_at": time.time()})
    folder.add_state("running")
    store.Store().refresh(run.run)
    (bar,) = open_page("2_Runs").get("progress")
    assert "Measuring latency · time left not known yet" in bar.proto.text


def test_the_shown_run_is_ticked(open_page, own):
    app = open_page("2_Runs", selected=["sample-0013"])
    assert list(run_tables(app).values()) == [[2]], "the newest stands first"
    assert app.dataframe[0].value.iloc[2]["label"] == "prune-neurons 50 % → int8-dynamic"
    speedup = own[13].result["latency"][0]["speedup"]
    assert app.dataframe[0].value.iloc[2]["speedup"] == f"{speedup:.2f}×"


def test_rows_of_another_order_are_no_pick_in_a_table_that_has_a_run_more(open_page, place, own):
    app = open_page("2_Runs", selected=["sample-0013"])
    (former,) = run_tables(app)
    store.Store().refresh("sample-0001")
    app.run()
    assert list(run_tables(app)) == [former], "the same rows stay the same table, so that its order and search last"
    more = replace(sample_runs(17)[16], run="sample-9999")
    write_runs(place / "home" / "runs", [more])
    app.session_state["selected"] = [more.run]
    app.run()
    (now,) = set(run_tables(app)) - {former}
    assert run_tables(app)[now] == [0]
    assert app.session_state["selected"] == [more.run]


def test_the_card_of_a_run_that_ends_stays_where_it_is(open_page, place):
    run = sample_runs(3)[2]
    write_runs(place / "home" / "runs", [replace(run, state="running", result=None)])
    app = open_page("2_Runs")
    folder = place / "home" / "runs" / run.run
    (folder / "result.json").write_text(json.dumps(run.result))
    store.Store().refresh(run.run)
    app.run()
    assert "**int8-dynamic** · minilm-tweets · done" in words(app)
    assert not [one for one in app.button if one.label in ("Cancel", "Pause")], "it is over"
    assert not app.get("progress") and "took 30 s" in words(app).lower()
    app.switch_page("pages/1_Compress.py").run()
    app.switch_page("pages/2_Runs.py").run()
    assert "**int8-dynamic** · minilm-tweets" not in words(app), "it is gone once the reader was elsewhere"


def test_the_time_left_is_of_the_whole_run_where_runs_like_it_are_over(open_page, place):
    """The progress bar's text; a part of a step is all that is known before any run of its techniques is done."""
    before, run = sample_runs(16)[2::13][:2]
    write_runs(place / "home" / "runs", [replace(run, recipe=before.recipe, state="queued", result=None)])
    folder = RunFolder(place / "home" / "runs" / run.run)
    folder.claim({"pid": 1, "claimed_at": time.time() - 5})
    folder.add_state("running")
    folder.add_progress("train", "Training", fraction=0.5, seconds_left=2.0)
    store.Store().refresh(run.run)
    app = open_page("2_Runs")
    (bar,) = app.get("progress")
    assert re.search(r"2\s+s left of this step, the whole not known yet", bar.proto.text)
    result = {**before.result, "seconds": 65.0, "steps": [{**step, "seconds": 3} for step in before.result["steps"]]}
    write_runs(place / "home" / "runs", [replace(before, result=result)])
    store.Store().refresh(before.run)
    (bar,) = app.run().get("progress")
    assert re.search(r"about (1 min|\d\d)\s.*left", bar.proto.text), bar.proto.text


def test_a_run_that_takes_longer_than_expected_says_so(open_page, place):
    before, run = sample_runs(16)[2::13][:2]
    result = {**before.result, "seconds": 65.0, "steps": [{**step, "seconds": 3} for step in before.result["steps"]]}
    late = replace(run, recipe=before.recipe, state="queued", result=None)
    write_runs(place / "home" / "runs", [replace(before, result=result), late])
    folder = RunFolder(place / "home" / "runs" / run.run)
    folder.claim({"pid": 1, "claimed_at": time.time() - 600})
    folder.add_state("running")
    folder.add_progress("measure", "Measuring", fraction=0.5)
    (bar,) = open_page("2_Runs").get("progress")
    assert re.search(r"longer than expected \(10\s+min.* so far\)", bar.proto.text), bar.proto.text
    assert "left" not in bar.proto.text


def test_deleting_asks_first(open_page, own, monkeypatch):
    deleted = []
    monkeypatch.setattr(jobs, "delete", deleted.append)
    app = open_page("2_Runs", selected=["sample-0003"])
    button(app, "Yes, delete it").click().run()
    assert deleted == ["sample-0003"]
    assert app.session_state["selected"] == []


def test_a_mistake_is_one_sentence_without_a_traceback(open_page, own, monkeypatch):
    def refuse(run):
        raise BadInput("There is no run 'x'; known are none.")

    monkeypatch.setattr(jobs, "delete", refuse)
    app = open_page("2_Runs", selected=["sample-0003"])
    button(app, "Yes, delete it").click().run()
    assert [error.value for error in app.error] == ["There is no run 'x'; known are none."]
    assert not app.exception


@pytest.mark.parametrize("page", PAGES)
def test_a_home_that_cannot_be_used_is_one_sentence(open_page, place, monkeypatch, page):
    (place / "file").touch()
    monkeypatch.setenv("EXPLORER_HOME", str(place / "file"))
    app = open_page(page)
    (error,) = app.error
    assert error.value.startswith("EXPLORER\\_HOME, the folder of runs, cache and index, cannot be used")
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_an_index_that_the_disk_refuses_is_said_and_the_page_is_there(open_page, own, place, monkeypatch, page):
    (place / "home" / "index.sqlite-wal").mkdir()  # SQLite cannot open the database
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=587_000_000, used=0, free=0))
    app = open_page(page)
    said = "The disk is full, 0 MB of 587 MB are free, and the runs are read from their folders without an index;"
    assert [warning.value.startswith(said) for warning in app.warning].count(True) == 1
    assert not app.error and not app.exception


def test_a_mistake_while_runs_are_drawn_again_is_one_sentence(own, monkeypatch):
    def live():
        from unittest.mock import patch

        from explorer.errors import ExplorerError
        from pages.parts import data, run_list

        known, asked = data.runs(), []

        def runs():
            asked.append(1)
            if len(asked) > 1:  # the fragment's own look, which is repeated without the rest of the page
                raise ExplorerError("The index of runs cannot be used at the moment: disk I/O error.")
            return known

        with patch.object(data, "runs", runs):
            run_list.live()

    app = AppTest.from_function(live, default_timeout=30).run()
    assert not app.exception
    assert [error.value for error in app.error] == ["The index of runs cannot be used at the moment: disk I/O error."]
