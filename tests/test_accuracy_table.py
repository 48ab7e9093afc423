"""The table of accuracies: every technique is tried, and the page is that of its rows."""

import pytest

from explorer import accuracy_table, expectations, trials
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


def test_claims_are_held_against_the_rows_and_misses_are_explained() -> None:
    rows = accuracy_table.load()
    section = expectations.section(rows)
    claims = [line for line in section.splitlines() if line.endswith((" as expected |", " missed |"))]
    assert len(claims) == len(expectations.EXPECTATIONS), "every claim finds its rows"
    missed = [one for one in expectations.EXPECTATIONS if f"*{one.claim}* Missed." in section]
    assert len(missed) == section.count("| missed |") and all(one.else_why for one in missed)


def test_a_claim_is_missed_when_its_differences_say_so() -> None:
    trial = {"model": "cnn-digits", "seed": 0, "steps": [{"technique": "int8-dynamic"}]}
    claim = expectations.Expectation(
        "Holds.", (("cnn-digits", "int8-dynamic"),), lambda found: found[0] >= -0.01, "So."
    )

    def verdict(difference: float) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(expectations, "EXPECTATIONS", (claim,))
            return expectations.section([{"recipe": trial, "validation": {"difference": difference}}])

    assert "| as expected |" in verdict(-0.009) and "So." not in verdict(-0.009)
    assert "| missed |" in verdict(-0.011) and "*Holds.* Missed. So." in verdict(-0.011)
    assert expectations.section([]) == ""
