"""The table of accuracies: every technique is tried, and the page is that of its rows."""

from explorer import accuracy_table, trials
from explorer.technique import techniques


def test_every_technique_is_tried_on_a_model_it_suits() -> None:
    recipes = trials.recipes()
    assert {step.name for recipe in recipes for step in recipe.steps} == set(techniques())
    assert len(accuracy_table.missing([], recipes)) == len(recipes), "no trial occurs twice as one row"
    for name in trials.MOST_USED:
        seeds = {recipe.seed for recipe in recipes if recipe.steps[0].name == name}
        assert seeds == {0, *trials.MORE_SEEDS}


def test_what_is_done_is_not_done_again() -> None:
    recipes = trials.recipes()
    rows = [{"recipe": recipe.plain()} for recipe in recipes[:3]]
    assert accuracy_table.missing(rows, recipes) == recipes[3:]


def test_the_page_is_that_of_the_rows() -> None:
    rows = accuracy_table.load()
    assert accuracy_table.PAGE.read_text(encoding="utf-8") == accuracy_table.page(rows)
    assert rows and all(0 <= row["validation"]["value"] <= 1 for row in rows)
