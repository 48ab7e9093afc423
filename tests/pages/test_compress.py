"""The form: widgets come from declarations, the draft is a recipe, files come and go."""

from dataclasses import replace
from typing import get_args

import pytest

from explorer import cache, jobs
from explorer.models import KINDS, ModelCard, card_for
from explorer.pipeline import Bench
from explorer.quantities import file_size
from explorer.recipe import Measuring, Recipe
from explorer.technique import ModelKind, techniques
from pages.parts import data
from tests.pages.conftest import button, words
from tests.pages.test_pages import submitted  # noqa: F401
from tests.support.sample_results import sample_runs, write_runs

CARD = ModelCard(
    "vit-digits", "Small vision transformer", "image", "vit", "digits", "Reads digits.", 460_000, 1_900_000
)


@pytest.fixture
def form(open_page, monkeypatch):
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": CARD})
    return open_page("1_Compress")


def add(app, name):
    return app.selectbox(key="form-new").select(name).run()


def card_of(kind):
    """A card of a built-in model of this kind, under the form's one name."""
    return replace(CARD, architecture=next(name for name, one in KINDS.items() if one == kind))


@pytest.mark.parametrize("name", list(techniques()))
def test_every_technique_gets_a_widget_for_every_parameter(form, monkeypatch, name):
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": card_of(techniques()[name].suits[0])})
    app = add(form.run(), name)
    technique = techniques()[name]
    step = app.session_state["draft"]["steps"][0]
    assert not app.exception
    assert step["values"] == {parameter.name: parameter.default for parameter in technique.parameters()}
    for parameter in technique.parameters():
        widget = {
            "slider": app.slider, "stops": app.select_slider, "choice": app.selectbox, "flag": app.toggle,
            "text": app.text_input,
        }[parameter.kind]  # fmt: skip
        assert widget(key=f"form-{step['id']}-{parameter.name}").value == parameter.default


def test_only_techniques_that_fit_the_model_are_offered(form, monkeypatch):
    for kind in get_args(ModelKind):
        monkeypatch.setattr(data, "model_cards", lambda kind=kind: {"vit-digits": card_of(kind)})
        app = form.run()
        offered = app.selectbox(key="form-new").options
        for technique in techniques().values():
            assert any(f"({technique.name})" in option for option in offered) is (kind in technique.suits)
        others = [technique.title for technique in techniques().values() if kind not in technique.suits]
        assert (f"Not for a {kind}" in words(app)) is bool(others)


def test_a_step_says_which_data_it_takes(form):
    assert "takes the training data" in words(add(form, "fine-tune"))
    assert words(add(form, "prune-neurons")).count("may take gradients on training data") == 1
    assert words(add(form, "int8-dynamic")).count("takes the") == 1


def test_a_step_says_what_it_improves_and_costs_and_every_slider_what_moving_it_does(form):
    app = add(form, "weight-bits")
    said = words(app)
    assert "Meant to improve: file size, zipped size. Costs accuracy, hardly any in 8 bits and much in 2" in said
    assert "Reference: Round to nearest in groups" in said and "(https://arxiv.org/abs/2210.17323)" in said
    step = app.session_state["draft"]["steps"][0]
    moved = app.select_slider(key=f"form-{step['id']}-bits").help
    assert "Higher: a larger file, more accurate. Lower: a smaller file, less accurate." in moved
    assert "(https://arxiv.org/abs/2210.17323)" in moved


def test_sliding_changes_the_recipe_that_is_launched(form, submitted):  # noqa: F811
    app = add(form, "prune-neurons")
    step = app.session_state["draft"]["steps"][0]
    app.slider(key=f"form-{step['id']}-sparsity").set_value(0.7).run()
    assert "sparsity 70 %" in words(app)
    button(app, "Launch").click().run()
    recipe, study, fresh = submitted[0]
    assert recipe.model == "vit-digits"
    assert recipe.steps[0].sparsity == 0.7
    assert (study, fresh) == ("default", False)


@pytest.mark.parametrize("priority", ["high", "low"])
def test_a_run_is_launched_before_or_after_the_others(form, monkeypatch, priority):
    given = []
    monkeypatch.setattr(jobs, "submit", lambda recipe, **how: given.append(how["priority"]) or "sample-0001")
    app = add(form, "int8-dynamic")
    app.radio(key="launch-priority").set_value(priority).run()
    button(app, "Launch").click().run()
    assert given == [priority]


def test_steps_move_and_go_and_keep_their_values(form):
    app = add(add(form, "prune-neurons"), "fine-tune")
    first = app.session_state["draft"]["steps"][0]
    app.slider(key=f"form-{first['id']}-sparsity").set_value(0.3).run()
    button(app, "Move 2 up").click().run()
    assert [step["technique"] for step in app.session_state["draft"]["steps"]] == ["fine-tune", "prune-neurons"]
    assert app.slider(key=f"form-{first['id']}-sparsity").value == 0.3
    button(app, "Remove 1").click().run()
    assert [step["technique"] for step in app.session_state["draft"]["steps"]] == ["prune-neurons"]


def test_the_draft_survives_another_page(form):
    app = add(form, "prune-neurons")
    step = app.session_state["draft"]["steps"][0]
    app.slider(key=f"form-{step['id']}-sparsity").set_value(0.7).run()
    app.switch_page("pages/2_Runs.py").run()
    app.switch_page("pages/1_Compress.py").run()
    assert app.slider(key=f"form-{step['id']}-sparsity").value == 0.7


def test_an_impossible_order_is_one_sentence_and_cannot_be_launched(form):
    app = add(add(form, "int8-dynamic"), "prune-neurons")
    assert "cannot come after" in app.error[0].value
    assert button(app, "Launch").disabled


def test_a_sweep_launches_every_value(form, submitted):  # noqa: F811
    app = add(form, "prune-neurons")
    key = "sweep-first-prune-neurons-sparsity"
    app.number_input(key=f"{key}-low").set_value(0.2).run()
    app.number_input(key=f"{key}-high").set_value(0.4).run()
    app.number_input(key=f"{key}-by").set_value(0.1).run()
    button(app, "Launch a sweep of 3 runs").click().run()
    assert [recipe.steps[0].sparsity for recipe, _, _ in submitted] == [0.2, 0.3, 0.4]


def test_two_sliders_make_a_grid(form, submitted):  # noqa: F811
    app = add(add(form, "prune-neurons"), "weight-bits")
    app.toggle(key="sweep-grid").set_value(True).run()
    assert not app.exception
    key = "sweep-first-prune-neurons-sparsity"
    for end, value in (("low", 0.2), ("high", 0.4), ("by", 0.2)):
        app.number_input(key=f"{key}-{end}").set_value(value).run()
    app.selectbox(key="sweep-second").select((1, "bits")).run()
    app.select_slider(key="sweep-second-weight-bits-bits").set_value((4, 8)).run()
    button(app, "Launch a sweep of 4 runs").click().run()
    grid = [(recipe.steps[0].sparsity, recipe.steps[1].bits) for recipe, _, _ in submitted]
    assert grid == [(0.2, 4), (0.2, 8), (0.4, 4), (0.4, 8)]


def test_a_sweep_begins_with_a_few_sensible_values_and_lists_them(form, submitted):  # noqa: F811
    app = add(form, "prune-neurons")
    assert "Sparsity: 10 %, 30 %, 50 %, 70 %, 90 %" in words(app)
    button(app, "Launch a sweep of 5 runs").click().run()
    assert [recipe.steps[0].sparsity for recipe, _, _ in submitted] == [0.1, 0.3, 0.5, 0.7, 0.9]


def test_a_sweep_beyond_the_slider_is_one_sentence_and_cannot_be_launched(form):
    app = add(form, "prune-neurons")
    app.number_input(key="sweep-first-prune-neurons-sparsity-high").set_value(5.0).run()
    assert [error.value for error in app.error] == ["The sweep of 'sparsity' reaches 5; it must stay from 0 to 0.9."]
    assert button(app, "Launch a sweep").disabled


def test_a_sweep_of_a_wrong_recipe_says_to_mend_it(form):
    app = add(add(form, "int8-dynamic"), "prune-neurons")
    assert "First mend the recipe" in words(app)


def test_what_is_chosen_is_part_of_the_recipe_at_once(form):
    assert button(form, "Launch the baseline alone")
    app = add(form, "prune-neurons")
    assert "Neuron and channel pruning (sparsity 50 %" in words(app)
    assert app.selectbox(key="form-new").value is None, "and the box is empty again"


def test_without_distillation_its_sliders_rest(form):
    app = add(form, "fine-tune")
    step = app.session_state["draft"]["steps"][0]
    app.slider(key=f"form-{step['id']}-alpha").set_value(0.8).run()
    assert "epochs 1, learning rate usual, distill yes, alpha 80 %, temperature 2" in words(app)
    app.toggle(key=f"form-{step['id']}-distill").set_value(False).run()
    assert app.slider(key=f"form-{step['id']}-alpha").disabled
    assert "epochs 1, learning rate usual, distill no)" in words(app)


@pytest.fixture
def own_model(form):
    """The form after the reader chose to bring a model of their own."""
    return form.radio(key="form-model").set_value("own").run()


def test_nothing_is_wrong_before_anything_was_typed(own_model):
    assert not own_model.error
    assert "Name your model and its data" in words(own_model)
    assert button(own_model, "Launch").disabled


@pytest.mark.parametrize(
    ("model", "content", "sentence"),
    [
        ("/gone", "text,label\n", "There is no model '/gone'; expected is a built-in name"),
        ("owner/name", None, "mine.csv'; expected is a CSV file with the columns text and label"),
        ("owner/name", "tweet,mood\n", "must have the columns text and label in its first line; found: tweet, mood."),
    ],
)
def test_what_files_show_to_be_wrong_is_said_at_once(own_model, tmp_path, model, content, sentence):
    if content is not None:
        (tmp_path / "mine.csv").write_text(content)
    own_model.text_input(key="form-own-model").set_value(model).run()
    app = own_model.text_input(key="form-own-data").set_value(str(tmp_path / "mine.csv")).run()
    (error,) = app.error
    assert sentence in error.value
    assert button(app, "Launch").disabled


def test_a_hub_model_with_data_can_be_launched(own_model, tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\n")
    own_model.text_input(key="form-own-model").set_value("owner/name").run()
    app = own_model.text_input(key="form-own-data").set_value(str(tmp_path / "mine.csv")).run()
    assert not app.error and not button(app, "Launch the baseline alone").disabled


@pytest.mark.parametrize(("state", "words_of"), [("done", "is done already"), ("running", "is at work already")])
def test_an_equal_recipe_is_shown_and_not_run_again(form, place, monkeypatch, state, words_of):
    run = sample_runs(3)[2]
    write_runs(place / "home" / "runs", [replace(run, state=state, result=run.result if state == "done" else None)])
    monkeypatch.setattr(jobs, "submit", lambda recipe, **how: "sample-0002")
    app = button(add(form, "int8-dynamic"), "Launch").click().run()
    assert app.title[0].value == "Runs"
    assert any(words_of in line.value for line in app.info)
    assert not any(words_of in line.value for line in app.run().info), "it is said once"


def test_a_sweep_says_how_many_were_done_already(form, own, monkeypatch):
    monkeypatch.setattr(jobs, "submit", lambda recipe, **how: f"sample-{round(recipe.steps[0].sparsity * 50):04d}")
    app = button(add(form, "prune-neurons"), "Launch a sweep of 5 runs").click().run()
    assert "2 of these 5 runs were done or at work already" in words(app)


def test_a_recipe_is_loaded_back_into_the_form(form):
    recipe = Recipe.parse(
        {"model": "vit-digits", "seed": 7, "steps": [{"technique": "prune-neurons", "sparsity": 0.6}]}
    )
    form.text_area[0].set_value(recipe.to_yaml())
    app = button(form, "Load into the form").click().run()
    step = app.session_state["draft"]["steps"][0]
    assert app.slider(key=f"form-{step['id']}-sparsity").value == 0.6
    assert app.number_input(key="form-seed").value == 7


@pytest.mark.parametrize("text", ["model: [", "steps: 3", "model: vit-digits\nsteps:\n  - technique: nonsense", "42"])
def test_a_wrong_recipe_file_is_one_sentence(form, text):
    form.text_area[0].set_value(text)
    app = button(form, "Load into the form").click().run()
    assert len(app.error) == 1
    assert not app.exception


def test_a_target_that_is_not_here_cannot_be_chosen_and_says_why(form, monkeypatch):
    monkeypatch.setattr(
        data, "missing", lambda name: "no NVIDIA GPU was found on this machine" if "cuda" in name else None
    )
    app = form.run()
    assert not [box for box in app.checkbox if box.key == "form-target-cuda-onnxruntime"]
    assert "**NVIDIA GPU, ONNX Runtime**: no NVIDIA GPU was found on this machine" in words(app)


def test_the_usual_targets_are_chosen_and_others_offered(form):
    assert form.checkbox(key="form-target-cpu-onnxruntime").value is True
    assert form.checkbox(key="form-target-cpu-openvino").value is False
    assert form.session_state["draft"]["targets"] == ["cpu-onnxruntime", "cpu-torch"]


def test_the_grid_of_measurements_is_part_of_the_recipe(form, submitted):  # noqa: F811
    app = add(form, "int8-dynamic")
    app.button_group(key="form-batches").set_value([1, 16]).run()
    app.toggle(key="form-robustness").set_value(True).run()
    app.slider(key="form-wait").set_value(30.0).run()
    assert "A vision transformer takes images of its own size only." in words(app), "it has no lengths to choose either"
    assert not [choice for choice in app.button_group if choice.key in ("form-lengths", "form-sizes")]
    button(app, "Launch").click().run()
    (recipe, *_) = submitted[0]
    assert recipe.measure == Measuring(batches=(1, 16), robustness=True, wait_s=30)


def test_texts_have_lengths(form, submitted):  # noqa: F811
    form.radio(key="form-model").set_value("own").run()
    form.button_group(key="form-lengths").set_value([64, "real"]).run()
    assert form.session_state["draft"]["measure"]["lengths"] == [64, "real"]
    form.button_group(key="form-lengths").set_value([]).run()
    assert form.session_state["draft"]["measure"]["lengths"] == [16], "one of them always stays"


def test_a_cnn_has_sizes_besides_its_own(form, submitted, monkeypatch):  # noqa: F811
    monkeypatch.setattr(data, "model_cards", lambda: {"vit-digits": card_of("CNN")})
    app = add(form.run(), "int8-dynamic" if "CNN" in techniques()["int8-dynamic"].suits else "weight-bits")
    assert app.session_state["draft"]["measure"]["sizes"] == ["own"], "none besides is usual"
    app.button_group(key="form-sizes").set_value([32, 56]).run()
    assert not [choice for choice in app.button_group if choice.key == "form-lengths"]
    button(app, "Launch").click().run()
    (recipe, *_) = submitted[0]
    assert recipe.measure == Measuring(sizes=("own", 32, 56))


def test_of_ones_own_model_the_data_tell_what_it_takes(form, tmp_path):
    form.radio(key="form-model").set_value("own").run()
    form.text_input(key="form-own-data").set_value(str(tmp_path)).run()
    keys = {choice.key for choice in form.button_group}
    assert "form-sizes" in keys and "form-lengths" not in keys, "a folder holds images"
    app = form.button(key="preset-small").click().run()
    chosen = [step["technique"] for step in app.session_state["draft"]["steps"]]
    assert chosen == ["prune-neurons", "fine-tune", "cluster-weights"], "what suits every model of images"


def test_nothing_known_means_no_guess_and_something_known_an_estimate(form, own):
    assert "not known yet" in words(add(form, "weight-bits"))
    button(form, "Remove 1").click().run()
    assert "judging by" in words(add(form, "int8-dynamic"))


def test_one_click_launches_the_example(form, submitted):  # noqa: F811
    button(form, "Try an example").click().run()
    recipe, _, _ = submitted[0]
    assert (recipe.model, [step.name for step in recipe.steps]) == ("vit-digits", ["int8-dynamic"])
    assert recipe.measure.batches == (1,), "it is to end soon"


def test_the_time_of_a_sweep_follows_its_sliders(form, own):
    def about(low, high):
        app.number_input(key=f"{key}-low").set_value(low).run()
        app.number_input(key=f"{key}-high").set_value(high).run()
        return next(line.value for line in app.markdown if line.value.startswith("**2 runs.**"))

    app = add(form, "fine-tune")
    app.selectbox(key="sweep-first").select((0, "epochs")).run()
    key = "sweep-first-fine-tune-epochs"
    app.number_input(key=f"{key}-by").set_value(1.0).run()
    # the made-up runs took 25 s besides their steps and 5 s for one epoch
    assert "**About 1 min 5 s**" in about(1.0, 2.0)
    assert "**About 1 min 25 s**" in about(3.0, 4.0)


def test_a_sweep_says_how_many_begin_with_steps_that_are_kept(form, own):
    app = add(add(form, "fine-tune"), "prune-neurons")
    app.selectbox(key="sweep-first").select((1, "sparsity")).run()

    def said():
        return next(line.value for line in app.markdown if line.value.startswith("**5 runs.**"))

    # the made-up runs took 25 s besides their steps and 5 s for each: the epoch that all begin with counts once
    assert "begin with steps" not in said() and "**About 2 min 35 s**" in said()
    size = card_for("vit-digits").file_bytes
    assert f"At most {file_size((5 * (2 + 1) + 1 + 2) * size)} of weights stay on the disk" in said()
    keep({"technique": "fine-tune"})
    app.run()
    assert "5 of those to be done begin with steps that were done before" in said()
    assert "**About 2 min 30 s**" in said()
    assert f"At most {file_size((5 * (2 + 1) + 2) * size)} of weights" in said()


def keep(*steps):
    """As if a run had kept what these steps make of the digits' vision transformer."""
    bench = Bench(Recipe.parse({"model": "vit-digits", "steps": steps}), lambda **news: None)
    cache.put("prefixes", bench.digest(len(steps)), lambda folder: None)
