"""Building a technique from a step: whatever a file holds ends as a technique or as one sentence."""

from typing import ClassVar

import pytest

from explorer.errors import BadInput
from explorer.models import check_steps
from explorer.recipe import Recipe
from explorer.technique import ModelKind, Technique, build, check_suits


@pytest.mark.parametrize("key", [3, None, True, 0.5])
def test_a_parameter_whose_name_is_no_text_is_one_sentence(key) -> None:
    with pytest.raises(BadInput, match=rf"^int8-dynamic: {key!r} is no parameter \(known are ") as caught:
        build({"technique": "int8-dynamic", key: 1})
    assert str(caught.value).endswith(").") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "with 'model' and 'steps'; given was nothing"),
        ("[1, 2]", "with 'model' and 'steps'; given was [1, 2]"),
        ("model: m\nsteps:", "'steps' must be a list of techniques; given was nothing"),
        ("model: m\ntargets: []", "cpu-onnxruntime, .*; given was an empty list"),
        ("model: m\nsteps: [null]", "the name of a technique, as in 'technique: int8-dynamic'; given was nothing"),
        ("model: m\nmeasure: {batches: ''}", "given was nothing"),
        ("model: m\nsteps: [{technique: prune-neurons, sparsity: null}]", "'sparsity' is nothing but must be a number"),
        ("model: m\nsteps: {" + ", ".join(f"key{i}: {i}" for i in range(20)) + "}", "given was a mapping of 20"),
    ],
)
def test_what_was_given_is_said_in_words(text, words) -> None:
    with pytest.raises(BadInput, match=words.replace("[1, 2]", r"\[1, 2\]")):
        Recipe.from_yaml(text)


def test_such_a_name_in_a_recipe_file_is_the_same_sentence() -> None:
    with pytest.raises(BadInput, match=r"^prune-neurons: True is no parameter \(known are sparsity, "):
        Recipe.from_yaml("model: vit-digits\nsteps:\n  - technique: prune-neurons\n    on: 1\n")


class OnlyTexts(Technique):
    """Does nothing, and only to texts."""

    name: ClassVar[str] = "only-texts"
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer",)


def test_a_step_that_does_not_suit_the_model_is_refused() -> None:
    check_suits([OnlyTexts()], "text transformer", "minilm-tweets")
    with pytest.raises(BadInput, match="'only-texts' works on a text transformer; 'cnn-digits' is a CNN"):
        check_suits([OnlyTexts()], "CNN", "cnn-digits")
    with pytest.raises(BadInput, match="'vit-digits' is a vision transformer"):
        check_steps("vit-digits", [OnlyTexts()])
    check_steps("somebody/model", [OnlyTexts()])  # only the run itself can tell


class IntoText(OnlyTexts):
    """Takes images and leaves a text transformer, as far as the check of kinds can tell."""

    name: ClassVar[str] = "into-text"
    suits: ClassVar[tuple[ModelKind, ...]] = ("CNN",)
    turns_into: ClassVar[ModelKind | None] = "text transformer"


def test_steps_after_a_change_of_architecture_must_suit_the_new_one() -> None:
    check_suits([IntoText(), OnlyTexts()], "CNN", "cnn-digits")
    with pytest.raises(BadInput, match="'into-text' works on a CNN; what 'into-text' leaves is a text transformer"):
        check_suits([IntoText(), IntoText()], "CNN", "cnn-digits")
