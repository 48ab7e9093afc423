import pytest

from explorer.errors import BadInput
from explorer.recipe import Measuring, Recipe, digest
from explorer.technique import build, techniques

FULL = """
model: minilm-tweets
steps:
  - technique: prune-neurons
    sparsity: 0.5
    importance: taylor
  - technique: fine-tune
    epochs: 1
    distill: true
  - technique: int8-dynamic
targets: [cpu-onnxruntime]
seed: 0
"""


def test_yaml_is_read_and_written_back() -> None:
    recipe = Recipe.from_yaml(FULL)
    assert [step.name for step in recipe.steps] == ["prune-neurons", "fine-tune", "int8-dynamic"]
    assert recipe.steps[0].importance == "taylor"
    assert recipe.families == ("pruning", "training", "quantization")
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert recipe.baseline().steps == () and recipe.baseline().model == recipe.model


def test_the_digest_names_the_artefact() -> None:
    recipe = Recipe.from_yaml(FULL)
    name = digest(recipe, "m", "d")
    assert len(name) == 16 and name == digest(Recipe.from_yaml(FULL), "m", "d")
    same = recipe.model_copy(update={"targets": ("cpu-torch",)})
    assert digest(same, "m", "d") == name, "targets do not change the artefact"
    for changed in ({"seed": 1}, {"steps": recipe.steps[:2]}):
        assert digest(recipe.model_copy(update=changed), "m", "d") != name
    assert digest(recipe, "other", "d") != name != digest(recipe, "m", "other")


def test_recipes_that_begin_alike_share_the_prefix() -> None:
    recipe = Recipe.from_yaml(FULL)
    longer = recipe.model_copy(update={"steps": (*recipe.steps[:2], build({"technique": "weight-bits"}))})
    assert digest(recipe, "m", "d", steps=2) == digest(longer, "m", "d", steps=2)
    assert digest(recipe, "m", "d") != digest(longer, "m", "d")


@pytest.mark.parametrize(
    "text, words",
    [
        ("model: x\nsteps:\n  - technique: int8-dynamik", "no technique 'int8-dynamik'; did you mean 'int8-dynamic'"),
        ("model: x\nsteps:\n  - technique: prune-neurons\n    sparsity: 1.5", "'sparsity' is 1.5 but must be a number"),
        ("model: x\nsteps:\n  - technique: weight-bits\n    bits: 5", "'bits' is 5 but must be one of 2, 3, 4, 8"),
        ("model: x\nsteps: prune", "'steps' must be a list"),
        ("model: x\nsteps: [4]", "needs the name of a technique"),
        ("model: x\nstep: []", "'step' is not a field of a recipe"),
        ("steps: []", "'model' is missing"),
        ("model: ''", "'model' must be a built-in name"),
        ("model: x\nseed: -1", "'seed' must be a whole number"),
        ("model: x\ntargets: [cpu-abacus]", "cpu-abacus"),
        ("- a\n- b", "must be a mapping"),
        ("model: [", "not valid YAML"),
        (
            "model: x\nsteps: [{technique: int8-dynamic}, {technique: fine-tune}]",
            "'fine-tune' changes the PyTorch model and cannot come after 'int8-dynamic'",
        ),
        ("model: x\nsteps: [{technique: int8-dynamic}, {technique: weight-bits}]", "stored in another format already"),
        ("model: x\nsteps: [{technique: prune-magnitude}, {technique: distill-student}]", "would undo the zeros"),
    ],
)
def test_mistakes_are_one_sentence(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        Recipe.from_yaml(text)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message and message.endswith((".", "?")) and "Error" not in message


def test_several_mistakes_are_all_named() -> None:
    with pytest.raises(BadInput) as caught:
        build({"technique": "fine-tune", "epochs": 99, "alpha": "much", "lerning_rate": 1})
    assert all(name in str(caught.value) for name in ("epochs", "alpha", "lerning_rate"))


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(BadInput, match=r"no readable recipe file '.*nowhere.yaml'"):
        Recipe.load(tmp_path / "nowhere.yaml")


def test_a_recipe_cannot_be_changed() -> None:
    recipe = Recipe.from_yaml(FULL)
    with pytest.raises(Exception, match="frozen"):
        recipe.seed = 3
    with pytest.raises(Exception, match="frozen"):
        recipe.steps[0].sparsity = 0.1


def test_six_techniques_are_there() -> None:
    assert set(techniques()) >= {
        "prune-magnitude", "prune-neurons", "distill-student", "fine-tune", "int8-dynamic", "weight-bits",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({None: 1}, "None is not a field of a recipe"),
        ({1: 2}, "1 is not a field of a recipe"),
        (
            {"measure": {"batches": [0]}},
            "'measure.batches' must be a list of 1 to 8 whole numbers from 1 to 512; given was 0.",
        ),
        ({"measure": {"batches": []}}, "'measure.batches' must be a list"),
        ({"measure": {"lengths": ["long"]}}, "or the word 'real'; given was 'long'."),
        (
            {"measure": {"sizes": [7]}},
            "'measure.sizes' must be a list of 1 to 8 numbers of pixels from 8 to 1024, or the word 'own'; given was 7",
        ),
        ({"measure": {"sizes": [32.5]}}, "or the word 'own'; given was 32.5."),
        ({"measure": {"sizes": ["real"]}}, "or the word 'own'; given was 'real'."),
        ({"measure": {"wait_s": 9999}}, "'measure.wait_s' must be a number of seconds from 0 to 600; given was 9999."),
        (
            {"measure": {"speed": 1}},
            "'measure' must be a mapping with some of batches, lengths, sizes, robustness, wait_s",
        ),
        ({"measure": 3}, "'measure' must be a mapping"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_expected(fields, sentence):
    with pytest.raises(BadInput) as caught:
        Recipe.parse({"model": "vit-digits", **fields})
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_how_to_measure_survives_yaml_and_is_no_part_of_the_digest():
    usual = Recipe.parse({"model": "vit-digits"})
    how = {"batches": [1, 16], "lengths": [64, "real"], "sizes": ["own", 32]}
    other = Recipe.parse({"model": "vit-digits", "measure": how})
    assert Recipe.from_yaml(other.to_yaml()) == other
    assert "measure" not in usual.to_yaml(), "measuring as usual is not written out"
    assert digest(usual, "m", "d") == digest(other, "m", "d")


def test_a_result_serves_when_it_covers_the_grid_that_is_wanted():
    large = Measuring(batches=(1, 8), lengths=(128, "real"), robustness=True)
    assert large.covers(Measuring()) and large.covers(Measuring(lengths=("real",)))
    sizes = Measuring(sizes=(32, 56))
    assert sizes.covers(Measuring()) and sizes.covers(Measuring(sizes=("own", 56))), "the own size is always measured"
    assert not Measuring().covers(sizes) and not sizes.covers(Measuring(sizes=(64,)))
    assert not Measuring().covers(large) and not large.covers(Measuring(batches=(2,)))
