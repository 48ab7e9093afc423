"""How a variant is called where one is chosen."""

import json
from dataclasses import replace

import pytest

from explorer.store import Store
from pages.parts import data
from pages.parts.naming import namer
from tests.pages.conftest import words
from tests.support.sample_results import sample_runs, write_runs


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [(["cuda-onnxruntime", "cuda-torch"], " · GPU · recorded"), (["cuda-torch", "cpu-torch"], " · recorded")],
)
def test_the_same_recipe_on_a_gpu_has_a_name_of_its_own(recorded, targets, wanted, monkeypatch):
    row = Store().runs(states=("done",))[2]
    named = replace(row, recipe_text=json.dumps({**row.recipe, "targets": targets}))
    monkeypatch.setattr(data, "finished", lambda: [named])
    assert namer({row.run: named})(row.run) == f"{row.label} · {row.model}{wanted}"


def test_all_readers_share_the_same_names(recorded):
    rows = {row.run: row for row in data.finished()}
    one, other = namer(rows), namer(dict(rows))
    assert all(one(run) is other(run) for run in rows)


@pytest.fixture
def seeded(place):
    """Three runs, and one of them with another seed."""
    baseline, one, other = sample_runs(3)
    recipe = one.recipe | {"seed": 5}
    more = replace(one, run="sample-0009", recipe=recipe, result=one.result | {"recipe": recipe})
    write_runs(place / "home" / "runs", [baseline, one, other, more])
    return one, more


def test_the_table_of_variants_shows_the_seed_where_they_differ_in_nothing_else(seeded, open_page):
    labels = open_page("3_Trade_offs", {"view": "table"}).dataframe[0].value["label"]
    assert sorted(labels) == ["baseline", "int8-dynamic", "prune-neurons 50 % · seed 0", "prune-neurons 50 % · seed 5"]


@pytest.mark.parametrize("page", ["4_Compare", "5_Export", "8_Report"])
def test_lists_to_choose_from_show_it_too(seeded, open_page, page):
    app = open_page(page, compared=[run.run for run in seeded])
    options = app.multiselect[0].options
    assert [name for name in options if "seed" in name] == [
        f"prune-neurons 50 % · seed {n} · {seeded[0].model}" for n in (0, 5)
    ]


def test_columns_side_by_side_show_it(seeded, open_page):
    told = words(open_page("4_Compare", compared=[run.run for run in seeded]))
    assert "prune-neurons 50 % · seed 0" in told and "prune-neurons 50 % · seed 5" in told
