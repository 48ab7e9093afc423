"""Runs that a study's file from another machine brought are marked wherever they are named."""

import json
from dataclasses import replace

import pytest

from explorer.charts.tradeoff import words as chart_words
from explorer.foreseeing import foresee
from explorer.labels import origin, where, with_origin
from explorer.planning import estimate
from explorer.recipe import Recipe
from explorer.store import Store
from explorer.variants import flatten
from pages.parts.naming import namer, short_names
from tests.pages.conftest import words
from tests.support.sample_results import OTHER_HOST, sample_runs, write_runs

HOST = "Other Imaginary CPU, 8 cores"


@pytest.fixture
def imported(place):
    """Eight own runs and one from another machine, the smallest of all, whose id it gives."""
    runs = sample_runs(9)
    result = runs[8].result
    small = {**result["size"], "file_bytes": 1, "zipped_bytes": 1}
    runs[8] = replace(runs[8], result={**result, "host": OTHER_HOST, "size": small})
    write_runs(place / "home" / "runs", runs)
    request = place / "home" / "runs" / runs[8].run / "request.json"
    request.write_text(json.dumps(json.loads(request.read_text()) | {"imported": True}))
    return runs[8].run


def test_a_row_of_the_index_says_so(imported) -> None:
    assert [row.run for row in Store().runs() if row.imported] == [imported]
    assert [row.run for row in Store().newest(20) if row.imported] == [imported]


def test_its_name_says_so(imported) -> None:
    rows = {row.run: row for row in Store().runs()}
    row, own = rows.pop(imported), next(iter(rows.values()))
    assert namer({row.run: row})(row.run) == f"{row.label} · {row.model} · imported"
    assert short_names([row, own]) == {
        row.run: f"{row.label} · {row.model} (imported)",
        own.run: f"{own.label} · {own.model}",
    }


def test_the_runs_page_says_so_and_where_it_was_measured(imported, open_page) -> None:
    app = open_page("2_Runs", selected=[imported])
    labels = app.dataframe[0].value["label"]
    assert sum(label.endswith(" (imported)") for label in labels) == 1
    assert f"imported, measured on {HOST}" in words(app)


def test_the_trade_offs_page_says_so_and_where_it_was_measured(imported, open_page) -> None:
    app = open_page("3_Trade_offs", selected=[imported])
    (table,) = [one.value for one in app.dataframe if "accuracy" in one.value.columns]
    assert f"{HOST} (imported)" in list(table["where"])
    assert f"Imported, measured on {HOST}, 2026-11-20." in words(app)
    assert f"imported, measured 2026-11-20 on {HOST}" in words(app)


def test_the_chart_says_so_and_where_it_was_measured(imported) -> None:
    row = next(row for row in flatten(Store().runs()) if row.run == imported and row.available)
    assert chart_words.hover(row).endswith(f"imported; measured on 2026-11-20 on {HOST}")
    assert (where(row), origin(row), with_origin("a", row)) == (f"{HOST} (imported)", "imported", "a (imported)")


def test_times_of_another_machine_foretell_none_of_this_one() -> None:
    base = sample_runs(2)[1]
    recipe = Recipe.parse(base.recipe)
    runs = [replace(base, recipe=recipe.plain())]
    elsewhere = [replace(run, imported=True) for run in runs]
    assert estimate(recipe, runs) is not None and estimate(recipe, elsewhere) is None
    assert foresee(recipe, runs).speedup and foresee(recipe, elsewhere).speedup is None
