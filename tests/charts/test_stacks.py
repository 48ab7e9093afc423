"""Stacked bars: the parts of each variant sum up to its total, the baseline leads, small parts are one."""

from __future__ import annotations

from typing import Any

import pytest

from explorer.charts import stacks_figure, stacks_info, without_profile


def result(scale: float, operators: int = 3, steps: int = 1) -> dict[str, Any]:
    row = {"variant_bytes": None, "baseline_bytes": None}
    by_operator = [
        row | {"name": f"Op{n}", "variant_ms": scale * (n + 1), "baseline_ms": 2.0 * (n + 1)} for n in range(operators)
    ]
    by_layer = [
        {"name": "embeddings", "variant_bytes": 1e6 * scale, "baseline_bytes": 4e6, "variant_ms": 0, "baseline_ms": 0},
        {"name": "other", "variant_bytes": 5e5, "baseline_bytes": None, "variant_ms": 0, "baseline_ms": 0},
    ]
    profile = {"batch": 1, "sequence": 128, "by_operator": by_operator, "by_layer": by_layer}
    sizes = {"size": {"file_bytes": 1e6 * scale + 8e5}, "baseline_size": {"file_bytes": 4_100_000}}
    return {**sizes, "kind": "text", "recipe": {"steps": [{"technique": "int8-dynamic"}] * steps}, "profile": profile}


def test_parts_sum_up_to_the_whole() -> None:
    operators, sizes = stacks_info(["a", "b"], [result(1.0), result(0.5)])
    assert operators.bars == ("Baseline", "a", "b") and list(operators.parts) == ["Op2", "Op1", "Op0"]
    sums = [sum(values[place] for values in operators.parts.values()) for place in range(3)]
    assert sums == pytest.approx([100, 50, 25]), "percent of the baseline's call"
    whole = {"embeddings": pytest.approx((4, 1, 0.5)), "other": pytest.approx((0.1, 0.8, 0.8))}  # the file's own bytes
    assert sizes.parts == whole
    assert [list(bar.x) for bar in stacks_figure(sizes, "dark").data] == list(whole.values())


def test_a_baseline_that_was_chosen_stands_there_once() -> None:
    operators, sizes = stacks_info(["a", "baseline"], [result(1.0), result(2.0, steps=0)])
    assert operators.bars == sizes.bars == ("a", "baseline")
    assert [sum(values[place] for values in operators.parts.values()) for place in range(2)] == pytest.approx([50, 100])


def test_the_shape_is_that_of_each_kind() -> None:
    image = {**result(1.0), "kind": "image"}
    assert stacks_info(["a"], [image])[0].subtitle == "Batch 1, 128 pixels a side; each beside a baseline of its own"
    assert stacks_info(["a", "b", "c"], [result(1.0), image, result(0.5)])[0].subtitle.count("; ") == 2


def test_many_small_operators_are_one_part() -> None:
    operators, _ = stacks_info(["a"], [result(1.0, operators=12)])
    assert len(operators.parts) == 8 and "other" in operators.parts
    assert sum(values[1] for values in operators.parts.values()) == pytest.approx(50)


def test_profiles_of_slow_and_of_quick_moments_are_compared_by_their_baselines() -> None:
    slow = result(1.0)
    for row in slow["profile"]["by_operator"]:
        row.update(variant_ms=1.5 * row["variant_ms"], baseline_ms=1.5 * row["baseline_ms"])
    for names, given in ((["a", "b"], [slow, result(1.0)]), (["baseline", "b"], [slow, result(1.0)])):
        operators, _ = stacks_info(names, given)
        totals = [sum(values[place] for values in operators.parts.values()) for place in range(3)]
        assert totals == pytest.approx([100, 50, 50])


def test_without_profiles_there_is_nothing_to_stack() -> None:
    assert stacks_info(["a", "b"], [{"profile": None}, {}]) == ()


def test_variants_without_a_profile_are_named() -> None:
    results = [result(1.0), {**result(1.0), "profile": None}, {}]
    assert without_profile(["a", "b", "c"], results) == "Without bars, since no profile was taken: b; c."
    assert without_profile(["a"], results[:1]) == ""
