"""Building a technique from a step: whatever a file holds ends as a technique or as one sentence."""

import pytest

from explorer.errors import BadInput
from explorer.recipe import Recipe
from explorer.technique import build


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
