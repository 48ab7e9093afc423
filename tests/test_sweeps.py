"""Sweeps are found among runs, whoever launched them, and a curve's elbow is where it bends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from explorer.sweeps import elbow, sweeps


@dataclass
class Run:
    run: str
    recipe: dict[str, Any]
    model: str = "m"
    recorded: bool = False
    imported: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def run(name: str, *steps: dict[str, Any], **more: Any) -> Run:
    marks = {"model": "m", "recorded": False, "imported": False}
    marks = {key: more.pop(key, usual) for key, usual in marks.items()}
    return Run(name, {"steps": list(steps), **more}, **marks)


def prune(sparsity: float, **more: Any) -> dict[str, Any]:
    return {"technique": "prune", "sparsity": sparsity, "scope": "global", **more}


def bits(number: int) -> dict[str, Any]:
    return {"technique": "bits", "bits": number, "fast": True}


def test_one_number_that_changes_makes_a_curve() -> None:
    (found,) = sweeps([run(f"r{value}", prune(value)) for value in (0.5, 0.1, 0.3)])
    assert found.axes == ((0, "prune", "sparsity"),) and found.values(0) == (0.1, 0.3, 0.5)
    assert found.runs == {(0.5,): "r0.5", (0.1,): "r0.1", (0.3,): "r0.3"}
    assert found.techniques == ("prune",)


def test_two_numbers_make_a_grid_whose_lines_are_not_listed_again() -> None:
    grid = [run(f"{value}/{number}", prune(value), bits(number)) for value in (0.1, 0.3, 0.5) for number in (2, 4, 8)]
    (found,) = sweeps(grid)
    assert found.axes == ((0, "prune", "sparsity"), (1, "bits", "bits"))
    assert found.runs[0.3, 4.0] == "0.3/4" and len(found.runs) == 9


@pytest.mark.parametrize(
    "other",
    [
        run("x", prune(0.5, scope="layer")),
        run("x", prune(0.5), model="other"),
        run("x", prune(0.5), seed=1),
        run("x", prune(0.5), recorded=True),
        run("x", prune(0.5), imported=True),
        run("x", prune(0.5), bits(4)),
        run("x", prune(0.5), data="mine.csv"),
    ],
)
def test_what_differs_in_anything_else_is_no_part_of_it(other: Run) -> None:
    assert sweeps([run("a", prune(0.1)), run("b", prune(0.3)), other]) == []
    assert len(sweeps([run("a", prune(0.1)), run("b", prune(0.3)), run("c", prune(0.6)), other])) == 1


def test_a_curve_beside_a_grid_stays_where_it_goes_on() -> None:
    grid = [run(f"{value}/{number}", prune(value), bits(number)) for value in (0.1, 0.3) for number in (2, 4)]
    beyond = [run("0.5/4", prune(0.5), bits(4))]
    found = sweeps(grid + beyond)
    assert [len(sweep.axes) for sweep in found] == [2]
    assert found[0].runs[0.5, 4.0] == "0.5/4", "a hole in the grid is no reason to leave it out"


def test_the_elbow_is_where_the_curve_leaves_its_level() -> None:
    assert elbow([0, 1, 2, 3, 4], [80, 80, 80, 60, 20]) == 2
    assert elbow([0, 1, 2, 3], [0, 10, 20, 30]) is None, "a straight line has none"
    assert elbow([0, 1, 2], [5, 5, 5]) is None and elbow([0, 1], [0, 5]) is None
    assert elbow([0, 1, 2], [98, 97, 98]) is None, "the worst point is no elbow"
    assert elbow([0, 1, 2], [8, 2, 1], higher_is_better=False) == 1 and elbow([0, 1, 2], [8, 2, 1]) is None


def test_what_lies_within_its_interval_is_no_elbow() -> None:
    values = [90.0, 89.0, 84.0]
    assert elbow([0, 1, 2], values, intervals=[(89, 91), (88, 90), (83, 85)]) == 1
    assert elbow([0, 1, 2], values, intervals=[(87, 93), (86, 92), (81, 87)]) is None
    assert elbow([0, 1, 2], values, intervals=[None, None, None]) == 1
