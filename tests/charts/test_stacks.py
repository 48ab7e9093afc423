"""Stacked bars: the parts of each variant sum up to its total, the baseline leads, small parts are one."""

from __future__ import annotations

from typing import Any

import pytest

from explorer.charts import stacks_figure, stacks_info


def result(scale: float, operators: int = 3) -> dict[str, Any]:
    row = {"variant_bytes": None, "baseline_bytes": None}
    by_operator = [
        row | {"name": f"Op{n}", "variant_ms": scale * (n + 1), "baseline_ms": 2.0 * (n + 1)} for n in range(operators)
    ]
    by_layer = [
        {"name": "embeddings", "variant_bytes": 1e6 * scale, "baseline_bytes": 4e6, "variant_ms": 0, "baseline_ms": 0},
        {"name": "other", "variant_bytes": 5e5, "baseline_bytes": None, "variant_ms": 0, "baseline_ms": 0},
    ]
    return {"profile": {"batch": 1, "sequence": 128, "by_operator": by_operator, "by_layer": by_layer}}


def test_parts_sum_up_to_the_whole() -> None:
    operators, sizes = stacks_info(["a", "b"], [result(1.0), result(0.5)])
    assert operators.bars == ("Baseline", "a", "b") and list(operators.parts) == ["Op2", "Op1", "Op0"]
    sums = [sum(values[place] for values in operators.parts.values()) for place in range(3)]
    assert sums == pytest.approx([12, 6, 3])
    assert sizes.parts == {"embeddings": pytest.approx((4, 1, 0.5)), "other": pytest.approx((0, 0.5, 0.5))}
    assert [list(bar.x) for bar in stacks_figure(sizes, "dark").data] == [pytest.approx([4, 1, 0.5]), [0, 0.5, 0.5]]


def test_many_small_operators_are_one_part() -> None:
    operators, _ = stacks_info(["a"], [result(1.0, operators=12)])
    assert len(operators.parts) == 8 and "other" in operators.parts
    assert sum(values[1] for values in operators.parts.values()) == pytest.approx(sum(range(1, 13)))


def test_without_profiles_there_is_nothing_to_stack() -> None:
    assert stacks_info(["a", "b"], [{"profile": None}, {}]) == ()
