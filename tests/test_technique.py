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


def test_such_a_name_in_a_recipe_file_is_the_same_sentence() -> None:
    with pytest.raises(BadInput, match=r"^prune-neurons: True is no parameter \(known are sparsity, "):
        Recipe.from_yaml("model: vit-digits\nsteps:\n  - technique: prune-neurons\n    on: 1\n")
