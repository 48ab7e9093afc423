"""Exploring: the budget, the best that fits, the table, sweeps, presets, and what a recipe will probably give."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from explorer import presets
from explorer.home import runs_folder
from explorer.latest import Latest
from explorer.models import ModelCard
from explorer.quantities import QUANTITIES
from explorer.recipe import Recipe
from explorer.rundir import RunFolder
from explorer.store import Store
from explorer.technique import build
from explorer.texts import t
from pages.parts import data, tradeoffs
from tests.pages.conftest import words
from tests.support.sample_results import OTHER_HOST, sample_runs, write_recorded, write_runs

CARD = ModelCard(
    "vit-digits", "Small vision transformer", "image", "vit", "digits", "Reads digits.", 460_000, 1_900_000
)


def test_a_budget_names_the_best_that_fits_and_a_click_shows_it(open_page, own) -> None:
    app = open_page("3_Trade_offs")
    assert "The best of" in words(app)
    app.select_slider(key="budget-file").set_value("20").run()
    assert not app.exception and " variants fit. The best of them:" in words(app)
    app.button(key="best-cpu-smallest").click().run()
    (run,) = app.session_state["selected"]
    smallest = min((row for row in data.variants() if not row.baseline and row.available), key=lambda r: r.file_bytes)
    assert next(row for row in data.variants() if row.run == run).file_bytes == smallest.file_bytes


def test_a_chart_is_made_anew_only_where_it_shows_something_else(open_page, own, monkeypatch) -> None:
    made, make = [], tradeoffs.tradeoff_figure
    monkeypatch.setattr(tradeoffs, "tradeoff_figure", lambda *given: (made.append(given), make(*given))[1])
    monkeypatch.setattr(tradeoffs, "_drawn", Latest(2))  # other tests' charts may be remembered
    app = open_page("3_Trade_offs")
    app.select_slider(key="budget-file").set_value("20").run()
    specs = [chart.proto.spec for chart in app.get("plotly_chart")]
    before = len(made)
    app.run()
    assert len(made) == before and [chart.proto.spec for chart in app.get("plotly_chart")] == specs
    app.button(key="best-cpu-smallest").click().run()
    assert len(made) > before and [chart.proto.spec for chart in app.get("plotly_chart")] != specs


def test_each_task_has_its_own_best(open_page, own) -> None:
    app = open_page("3_Trade_offs", model=["minilm-tweets", "vit-digits"])
    rows = [row for row in data.variants() if not row.baseline and row.available and row.target == "cpu-onnxruntime"]
    models = {run: next(row.model for row in rows if row.run == run) for run in {row.run for row in rows}}
    assert set(models.values()) == {"minilm-tweets", "vit-digits"}
    chosen = set()
    for key in ("best-cpu-accurate", "best-cpu-1-accurate"):
        app.button(key=key).click().run()
        chosen.add(models[app.session_state["selected"][-1]])
    assert chosen == set(models.values())
    assert "**minilm-tweets.** The best of" in words(app) and "**vit-digits.** The best of" in words(app)


def test_where_what_fits_has_no_knee_it_says_so(open_page, own) -> None:
    app = open_page("3_Trade_offs", {"model": "minilm-tweets"})
    nothing = "**Knee of accuracy against file size** none"
    assert nothing not in words(app) and knees(app)
    app.select_slider(key="budget-file").set_value("20").run()
    assert "best-cpu-smallest" in [one.key for one in app.button]
    assert not knees(app) and nothing in words(app)
    assert [one.help for one in app.markdown if nothing in one.value] == [t("budget.knee.unfit")]
    app = open_page("3_Trade_offs", {"model": "minilm-tweets", "x": "accuracy"})
    assert [one.help for one in app.markdown if "** none" in one.value] == [t("chart.knee.none")]


def knees(app) -> list[str]:
    """What the list of the best calls a knee."""
    return [one.label for one in app.button if (one.key or "").startswith("best-cpu-knee")]


@pytest.mark.parametrize("axes", [{}, {"x": "latency"}, {"x": "zipped_size", "y": "difference"}])
@pytest.mark.parametrize("recorded_too", [False, True])
def test_the_chart_and_the_list_of_the_best_name_the_same_knee(open_page, own, place, axes, recorded_too) -> None:
    if recorded_too:
        write_recorded(place / "recorded", sample_runs(16, seed=1, recorded=True, host=OTHER_HOST))
    app = open_page("3_Trade_offs", axes if recorded_too else axes | {"model": "minilm-tweets"})
    (said,) = [one.value for one in app.caption if "The line bends most there" in one.value]
    of, names = said.partition("Knee of ")[2].partition(". The line bends")[0].split(": ")
    assert len(knees(app)) == len(names.split("; "))
    assert all(label.startswith(f"**Knee of {of}** ") for label in knees(app))
    for label in knees(app):
        assert label.partition("** ")[2].rpartition(" · ")[0] in names
    assert of.endswith(QUANTITIES[axes.get("x", "file_size")].title.lower())


def test_where_several_are_shown_the_best_and_the_table_say_the_model_and_what_was_recorded(
    open_page, recorded
) -> None:
    both = ["minilm-tweets", "vit-digits"]
    app = open_page("3_Trade_offs", model=both)
    labels = [one.label for one in app.button if (one.key or "").startswith("best-cpu")]
    assert labels and all(any(f" · {model} (recorded)" in label for model in both) for label in labels)
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    assert all(label.endswith(" (recorded)") for label in table.value["label"]) and set(table.value["model"]) == set(
        both
    )


def test_a_budget_that_nothing_keeps_says_what_to_do(open_page, own) -> None:
    app = open_page("3_Trade_offs")
    app.select_slider(key="budget-file").set_value("0.1").run()
    assert "fits this budget. Allow more of one thing" in words(app)


def test_the_speed_counts_on_the_target_of_ones_choice(open_page, place) -> None:
    runs = [run for run in sample_runs(16) if run.model == "minilm-tweets"]
    for number, run in enumerate(runs):
        for entry in run.result["latency"]:
            if entry["target"] != "cuda-onnxruntime":
                entry["speedup"] = 2.5 if (entry["target"] == "cpu-torch") == bool(number % 3) else 1.5
    write_runs(place / "home" / "runs", runs)
    app = open_page("3_Trade_offs", {"model": "minilm-tweets"})
    app.select_slider(key="budget-speed").set_value("2")
    label = {row.run: row.label for row in data.variants()}
    for key, fast in (("shown", runs[0::3]), ("cpu-torch", [run for run in runs if run not in runs[0::3]])):
        app.selectbox(key="budget-on").set_value(key).run()
        (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
        assert sorted(table.value[table.value["fits"]]["label"]) == sorted(label[run.run] for run in fast)


def test_the_table_has_a_row_for_every_variant_and_the_selection(open_page, own) -> None:
    app = open_page("3_Trade_offs", query={"selected": own[3].run})
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    shown = {row.label for row in data.variants() if row.target == "cpu-onnxruntime" and row.model == own[3].model}
    assert set(table.value["label"]) <= shown and len(table.value) > 3
    assert list(table.value.columns[:3]) == ["label", "model", "family"]


def test_the_table_takes_more_columns(open_page, own) -> None:
    added = ["latency_p95", "throughput", "memory", "cold_start"]
    app = open_page("3_Trade_offs")
    before = next(one.value.columns for one in app.dataframe if "accuracy" in one.value.columns)
    assert set(added).isdisjoint(before)
    next(one for one in app.button_group if one.key == "columns").set_value(added).run()
    (table,) = [one.value for one in app.dataframe if "accuracy" in one.value.columns]
    assert list(table.columns) == [*before[:-2], *added, *before[-2:]]
    rows = {row.run: row for row in data.variants() if row.target == "cpu-onnxruntime" and row.batch == 1}
    measured = {(row.label, row.p95_ms, row.throughput_per_s) for row in rows.values()}
    assert {(row.label, row.latency_p95, row.throughput) for row in table.itertuples()} <= measured


@pytest.mark.parametrize("view", ["parallel", "sweep", "progress"])
def test_every_view_opens(open_page, own, view) -> None:
    app = open_page("3_Trade_offs", view=view)
    assert not app.exception
    assert {"parallel": "Drag along an axis", "sweep": "Launch a sweep", "progress": "100 % would be"}[view] in words(
        app
    )


def test_the_results_on_parallel_axes_are_chosen(open_page, own) -> None:
    app = open_page("3_Trade_offs", {"view": "parallel", "axes": ["parameters", "zipped_size"]})
    assert axes_of(app) == ["Parameters (M)", "Download size (zip) (MB)"]
    app.multiselect(key="axes").set_value(["speedup"]).run()
    assert axes_of(app) == ["Speed-up (×)"] and app.query_params["axes"] in ("speedup", ["speedup"])
    app.multiselect(key="axes").set_value([]).run()
    assert "Choose at least one result to draw." in words(app) and not app.exception


def axes_of(app) -> list[str]:
    """What stands above the axes of results."""
    (lines,) = json.loads(app.get("plotly_chart")[-1].proto.spec)["data"]
    labels = [one["label"].replace("<br>", " ") for one in lines["dimensions"]]
    return [label for label in labels if "(" in label]


def test_runs_that_differ_in_one_number_are_a_sweep(open_page, place) -> None:
    runs = [run for run in sample_runs(12) if run.families and run.model == "minilm-tweets"][:3]
    steps = [[{"technique": "prune-magnitude", "sparsity": value}] for value in (0.3, 0.5, 0.7)]
    recipes = [Recipe.parse({"model": "minilm-tweets", "steps": one}) for one in steps]
    write_runs(
        place / "home" / "runs",
        [replace(run, recipe=recipe.plain()) for run, recipe in zip(runs, recipes, strict=True)],
    )
    app = open_page("3_Trade_offs", view="sweep")
    assert not app.exception
    assert "minilm-tweets · prune-magnitude · sparsity · 3" in app.selectbox(key="sweep").options


@pytest.fixture
def form(open_page, monkeypatch):
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": CARD})
    return open_page("1_Compress")


@pytest.mark.parametrize("wish", presets.WISHES, ids=lambda wish: wish.name)
def test_a_wish_fills_the_form(form, wish) -> None:
    app = form.run().button(key=f"preset-{wish.name}").click().run()
    steps = [step["technique"] for step in app.session_state["draft"]["steps"]]
    assert not app.exception and steps == [step["technique"] for step in wish.steps["vision transformer"]]


def test_steps_are_saved_as_a_preset_and_offered_again(form) -> None:
    app = form.run()
    app.selectbox(key="form-new").select("int8-dynamic").run()
    app.text_input(key="preset-name").set_value("My own <b>")
    next(one for one in app.button if one.label == "Save").click().run()
    (kept,) = presets.saved()
    assert kept.title == "My own <b>" and [step.name for step in kept.built()] == ["int8-dynamic"]
    app.button(key=f"form-{app.session_state['draft']['steps'][0]['id']}-remove").click().run()
    app.button(key=f"preset-{kept.name}").click().run()
    assert [step["technique"] for step in app.session_state["draft"]["steps"]] == ["int8-dynamic"]


def test_a_step_is_duplicated_behind_itself(form) -> None:
    app = form.run()
    app.selectbox(key="form-new").select("prune-magnitude").run()
    (step,) = app.session_state["draft"]["steps"]
    app.slider(key=f"form-{step['id']}-sparsity").set_value(0.25).run()
    app.button(key=f"form-{step['id']}-duplicate").click().run()
    first, second = app.session_state["draft"]["steps"]
    assert first["values"] == second["values"] and first["id"] != second["id"]
    assert second["values"]["sparsity"] == 0.25


def test_what_is_not_known_yet_is_said_plainly(form) -> None:
    app = form.run()
    app.selectbox(key="form-new").select("int8-dynamic").run()
    assert "not known yet" in words(app)


def test_what_was_measured_is_foreseen(open_page, place, monkeypatch) -> None:
    run = next(run for run in sample_runs(12) if run.families)
    recipe = Recipe(model="vit-digits", steps=(build({"technique": "int8-dynamic"}),), targets=("cpu-onnxruntime",))
    write_runs(place / "home" / "runs", [replace(run, model="vit-digits", recipe=recipe.plain())])
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": CARD})
    app = open_page("1_Compress")
    app.selectbox(key="form-new").select("int8-dynamic").run()
    said = words(app)
    assert "These very steps were measured before" in said and "accuracy (" in said
    assert "This very recipe" not in said, "the form measures in more places"
    assert "Not known yet" not in said


def test_which_figures_are_not_known_yet_is_said_beside_those_that_are(open_page, place, monkeypatch) -> None:
    run = next(run for run in sample_runs(12) if run.families)
    recipe = Recipe(model="vit-digits", steps=(build({"technique": "int8-dynamic"}),), targets=("cpu-onnxruntime",))
    write_runs(place / "home" / "runs", [replace(run, model="vit-digits", recipe=recipe.plain())])
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": CARD})
    monkeypatch.setattr(data, "missing", lambda name: None)
    app = open_page("1_Compress")
    app.selectbox(key="form-new").select("int8-dynamic").run()
    app.button_group(key="form-batches").set_value([16]).run()
    assert "**Not known yet** for CPU, ONNX Runtime: speed." in words(app)
    app.checkbox(key="form-target-cpu-openvino").check().run()
    for other in ("cpu-onnxruntime", "cpu-torch"):
        app.checkbox(key=f"form-target-{other}").uncheck().run()
    assert "measured before" in words(app)
    assert "**Not known yet** for CPU, OpenVINO: accuracy and speed." in words(app)


def test_a_recipe_that_is_done_is_said_to_be_done_and_not_to_take_time(open_page, place, monkeypatch) -> None:
    run = next(run for run in sample_runs(12) if run.families)
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": CARD})
    app = open_page("1_Compress")
    app.selectbox(key="form-new").select("int8-dynamic").run()
    assert words(app).count("How long it takes") == 2 and "This very recipe" not in words(app)
    drawn = app.session_state["draft"]
    (step,) = drawn["steps"]
    recipe = Recipe.parse(
        {
            **{name: drawn[name] for name in ("model", "targets", "measure", "seed")},
            "steps": [{"technique": step["technique"], **step["values"]}],
        }
    )
    write_runs(place / "home" / "runs", [replace(run, model="vit-digits", recipe=recipe.plain())])
    app.run()
    said = words(app)
    assert "This very recipe is done already, or at work" in said
    assert said.count("How long it takes") == 1, "that of a sweep"


def test_a_choice_that_nothing_fits_is_named(place, open_page) -> None:
    short, *others = (run for run in sample_runs(16) if run.result["kind"] == "text")
    for run in others:
        for entry in run.result["latency"]:
            entry["sequence"] = 128
    write_runs(place / "home" / "runs", [replace(short, studies=("short",)), *others])
    text = words(open_page("3_Trade_offs", query={"study": "short", "model": short.model}))
    assert f"No variant fits what is chosen (study short; model {short.model}; texts of 128 tokens; batch of 1)" in text


def test_what_is_left_out_in_the_legend_comes_back_by_its_button(open_page, own) -> None:
    address = {"left-out": "family:pruning,model:minilm-tweets,family:alchemy,host:cpu"}
    app = open_page("3_Trade_offs", address)
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    assert set(table.value["family"]) >= {"Quantization", "Baseline"} and "Pruning" not in set(table.value["family"])
    backs = [one.key for one in app.button if one.key and one.key.startswith("back-")]
    assert backs == ["back-family-pruning", "back-model-minilm-tweets"], "what is not there cannot be called back"
    app.button(key="back-family-pruning").click().run()
    assert "pruning" not in app.query_params["left-out"] and "minilm-tweets" in app.query_params["left-out"]
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    assert not app.exception and "Pruning" in set(table.value["family"])


def test_what_compares_with_a_baseline_knows_it_though_the_legend_took_it_away(open_page, own) -> None:
    given = {"model": "minilm-tweets", "view": "progress"}
    best, charts = [], []
    for away in ({}, {"left-out": "family:baseline"}):
        app = open_page("3_Trade_offs", {**given, **away})
        best.append([one.label for one in app.button if one.label.startswith("**")])
        charts.append([json.loads(one.proto.spec) for one in app.get("plotly_chart")])
    assert best[0] == best[1] and any("Best per megabyte" in words for words in best[0])
    (chart, progress), (without, same) = charts
    assert progress["data"] == same["data"]
    names = [{trace.get("name") for trace in figure["data"]} for figure in (chart, without)]
    assert "Baseline" in names[0] and "Baseline" not in names[1]


def test_marks_of_about_one_size_are_left_out(open_page, own) -> None:
    away = "size:file_size:..40,size:beauty:1..2,size:file_size:nothing"
    app = open_page("3_Trade_offs", {"model": "minilm-tweets", "left-out": away})
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    assert not app.exception and min(table.value["file_size"]) >= 40
    (back,) = [one for one in app.button if one.key and one.key.startswith("back-")]
    assert back.label == "File size below 40.0 MB"
    back.click().run()
    (table,) = [one for one in app.dataframe if "accuracy" in one.value.columns]
    assert not app.exception and min(table.value["file_size"]) < 40


def test_a_run_without_figures_says_what_became_of_it(open_page, own):
    folder = RunFolder.create(runs_folder(), {"recipe": own[1].recipe, "digest": "d", "study": "default"})
    app = open_page("3_Trade_offs", {"selected": folder.run})
    assert "has no figures yet: its run is queued." in words(app)
    folder.add_state("running")
    folder.add_state("failed", "the disk was full")
    Store().refresh(folder.run)
    app = open_page("3_Trade_offs", {"selected": folder.run})
    assert "has no figures: its run is failed." in words(app) and "the disk was full" in words(app)
    app = open_page("3_Trade_offs", {"selected": "20200101-000000-nobody"})
    assert "its run was deleted" in words(app)
