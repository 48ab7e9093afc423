"""How a variant is called where one is chosen."""

import json
from dataclasses import replace

import pytest

from explorer.store import Store
from pages.parts.comparing import variant_name


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [(["cuda-onnxruntime", "cuda-torch"], " · GPU · recorded"), (["cuda-torch", "cpu-torch"], " · recorded")],
)
def test_the_same_recipe_on_a_gpu_has_a_name_of_its_own(recorded, targets, wanted):
    row = Store().runs(states=("done",))[2]
    named = replace(row, recipe_text=json.dumps({**row.recipe, "targets": targets}))
    assert variant_name(named) == f"{row.label} · {row.model}{wanted}"
