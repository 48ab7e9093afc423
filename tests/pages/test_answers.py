"""The answers of variants on Compare, and what other seeds change on Trade-offs."""

import csv
from dataclasses import replace

import pytest

from explorer import answers, jobs
from explorer.tasks import user_task
from tests.pages.conftest import button, words
from tests.support.sample_results import sample_runs, write_runs

COMPARED = ["sample-0000", "sample-0001", "sample-0002"]


@pytest.fixture
def read(monkeypatch):
    """The results whose data were read."""
    seen, measured_split = [], answers.measured_split
    monkeypatch.setattr(
        answers, "measured_split", lambda result, folder: seen.append(result["run"]) or measured_split(result, folder)
    )
    return seen


def without_answers(run):
    """As it was measured before answers were kept."""
    accuracy = [dict(entry) for entry in run.result["accuracy"]]
    for entry in accuracy:
        for field in ("per_class", "confusion", "baseline_confusion", "flipped"):
            entry.pop(field, None)
    return replace(run, result=run.result | {"accuracy": accuracy})


def with_own_texts(run, folder):
    """The run with data of its own: 600 texts, of which the first and the third of validation changed sides."""
    path = folder / "mine.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *((f"text | number {i}", "abc"[i % 3]) for i in range(600))])
    split = user_task(path, "text", "abc").splits["validation"]
    first, third = int(split.labels[0]), int(split.labels[2])
    flipped = [
        {"index": 0, "label": first, "baseline": first, "variant": (first + 1) % 3},
        {"index": 2, "label": third, "baseline": -1, "variant": third},
    ]
    recipe = run.recipe | {"data": str(path)}
    accuracy = [
        entry | {"flipped": flipped, "samples": len(split), "flips": {"right_to_wrong": 1, "wrong_to_right": 1}}
        for entry in run.result["accuracy"]
        if entry["kind"] == "measured"
    ]
    return replace(run, recipe=recipe, result=run.result | {"recipe": recipe, "accuracy": accuracy}), split


def test_compare_shows_scores_by_class_and_reads_no_data(open_page, own, read):
    app = open_page("4_Compare", compared=COMPARED)
    written = words(app)
    assert "What each variant answers" in written
    assert "a (800)" in written and "precision" in written
    assert [box.label for box in app.expander if "flipped" in box.label] == [
        "prune-neurons 50 %: flipped inputs (40 right → wrong, 20 wrong → right)",
        "int8-dynamic: flipped inputs (40 right → wrong, 20 wrong → right)",
    ]
    assert read == []


def test_the_baseline_is_a_column_where_it_is_not_one_of_the_variants(open_page, own):
    table = next(
        text.value for text in open_page("4_Compare", compared=COMPARED[1:]).markdown if "a (800)" in text.value
    )
    assert table.splitlines()[0].split(" | ")[1] == "baseline"
    table = next(text.value for text in open_page("4_Compare", compared=COMPARED).markdown if "a (800)" in text.value)
    assert table.splitlines()[0].split(" | ")[1:3] == ["baseline", "prune-neurons 50 %"]


def test_old_results_say_how_to_get_their_answers(open_page, place):
    runs = sample_runs(3)
    write_runs(place / "home" / "runs", [without_answers(runs[1]), runs[2]])
    app = open_page("4_Compare", compared=["sample-0001", "sample-0002"])
    assert [info.value for info in app.info] == [
        "Measured before answers were kept: prune-neurons 50 %. Re-run or retry these runs here to see their answers."
    ]
    assert "a (800)" in words(app)


def test_without_any_answers_there_is_only_that_sentence(open_page, place):
    write_runs(place / "home" / "runs", [without_answers(run) for run in sample_runs(3)])
    app = open_page("4_Compare", compared=["sample-0001", "sample-0002"])
    assert "Measured before answers were kept" in app.info[0].value
    assert "What each variant answers" not in words(app)


def test_the_reader_chooses_where_the_answers_were_given(open_page, own):
    app = open_page("4_Compare", compared=COMPARED)
    box = app.selectbox(key="answers-where")
    assert box.options == ["CPU, ONNX Runtime", "CPU, PyTorch"]
    box.select_index(1).run()
    assert not app.exception and "a (800)" in words(app)


def test_flipped_inputs_are_read_when_their_box_is_opened(open_page, place, read):
    runs = sample_runs(3)
    changed, split = with_own_texts(runs[1], place)
    write_runs(place / "home" / "runs", [changed, runs[2]])
    app = open_page("4_Compare", compared=["sample-0001", "sample-0002"], **{"flipped-sample-0001": True})
    table = app.dataframe[0].value
    assert table["input"].tolist() == [split.inputs[0], split.inputs[2]]
    assert table["index"].tolist() == [0, 2]
    assert table["baseline"][1] == "no answer"
    assert table["change"].tolist() == ["right → wrong", "wrong → right"]
    assert set(read) == {"sample-0001"}


def test_texts_that_are_not_ones_own_are_named_by_their_number(open_page, place, read):
    runs = sample_runs(3)
    changed, _ = with_own_texts(runs[1], place)
    built_in = replace(changed, recipe=runs[1].recipe, result=changed.result | {"recipe": runs[1].recipe})
    write_runs(place / "home" / "runs", [built_in, runs[2]])
    app = open_page("4_Compare", compared=["sample-0001", "sample-0002"], **{"flipped-sample-0001": True})
    assert list(app.dataframe[0].value.columns) == ["index", "label", "baseline", "variant", "change"]
    assert app.dataframe[0].value["index"].tolist() == [0, 2] and not read
    assert "named by their number" in app.info[0].value


def test_data_that_are_gone_leave_a_table_without_inputs(open_page, place):
    runs = sample_runs(3)
    changed, _ = with_own_texts(runs[1], place)
    write_runs(place / "home" / "runs", [changed, runs[2]])
    (place / "mine.csv").unlink()
    app = open_page("4_Compare", compared=["sample-0001", "sample-0002"], **{"flipped-sample-0001": True})
    assert "The inputs themselves cannot be shown. There is no" in app.info[0].value
    assert list(app.dataframe[0].value.columns) == ["index", "label", "baseline", "variant", "change"]


@pytest.fixture
def submitted(monkeypatch):
    """What was submitted, without starting anything."""
    asked = []
    monkeypatch.setattr(jobs, "submit", lambda recipe, **more: asked.append((recipe, more)) or f"run-{recipe.seed}")
    return asked


def test_a_recipe_is_repeated_with_further_seeds(open_page, own, submitted):
    app = open_page("3_Trade_offs", selected=["sample-0004"])
    button(app, "Repeat with 3 seeds").click().run()
    assert [(recipe.seed, more) for recipe, more in submitted] == [(1, {"study": "default"}), (2, {"study": "default"})]
    assert all(recipe.steps[0].sparsity == 0.5 for recipe, _ in submitted)
    assert app.session_state["selected"] == ["run-1"]


def test_neither_a_baseline_nor_a_recorded_run_is_repeated(open_page, own, recorded):
    for run in ("sample-0000", "recorded-0004"):
        app = open_page("3_Trade_offs", selected=[run])
        assert not [one for one in app.button if "seeds" in one.label]


def test_details_say_how_much_other_seeds_change(open_page, place):
    runs = sample_runs(5)[4:]
    recipe = runs[0].recipe | {"seed": 1}
    runs.append(replace(runs[0], run="sample-0005", recipe=recipe, result=runs[0].result | {"recipe": recipe}))
    write_runs(place / "home" / "runs", runs)
    written = words(open_page("3_Trade_offs", selected=["sample-0004"]))
    assert "are **sampling noise**: other inputs" in written
    assert "**Training noise** (other seeds)" in written and "over 2 seeds" in written
    write_runs(place / "home" / "runs", sample_runs(3)[2:])
    assert "Training noise" not in words(open_page("3_Trade_offs", selected=["sample-0002"]))
