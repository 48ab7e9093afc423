"""How a variant is called where one is chosen."""

import json
from dataclasses import replace

import pytest

from explorer.store import Store
from pages.parts.comparing import variant_name
from tests.support.sample_results import sample_runs, write_runs


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [(["cuda-onnxruntime", "cuda-torch"], " · GPU · recorded"), (["cuda-torch", "cpu-torch"], " · recorded")],
)
def test_the_same_recipe_on_a_gpu_has_a_name_of_its_own(recorded, targets, wanted):
    row = Store().runs(states=("done",))[2]
    named = replace(row, recipe_text=json.dumps({**row.recipe, "targets": targets}))
    assert variant_name(named) == f"{row.label} · {row.model}{wanted}"


def test_the_table_of_variants_shows_the_seed_where_they_differ_in_nothing_else(place, open_page):
    baseline, one, other = sample_runs(3)
    recipe = one.recipe | {"seed": 5}
    seeded = replace(one, run="sample-0009", recipe=recipe, result=one.result | {"recipe": recipe})
    write_runs(place / "home" / "runs", [baseline, one, other, seeded])
    labels = open_page("3_Trade_offs", {"view": "table"}).dataframe[0].value["label"]
    assert sorted(labels) == ["baseline", "int8-dynamic", "prune-neurons 50 % · seed 0", "prune-neurons 50 % · seed 5"]
