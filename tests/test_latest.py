"""What is remembered between two looks at the same rows, and what rows hold where they lie packed."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from explorer.choices import choices
from explorer.latest import Latest
from explorer.variants import Variant, choose, flatten, models_of_one_task
from tests.support.sample_results import sample_runs


def test_the_same_things_give_the_same_value_until_others_push_it_out() -> None:
    latest: Latest[list[int]] = Latest(2)
    one, two, three = [1], [2], [3]
    first = latest.of((one,), "a", lambda: [10])
    assert latest.of((one,), "a", lambda: [11]) is first
    assert latest.of((one,), "b", lambda: [12]) == [12]
    assert latest.of((two,), "a", lambda: [13]) == [13]
    assert latest.of((one,), "a", lambda: [14]) == [14], "two are kept, and two others came after it"
    assert latest.of((three,), "a", lambda: [15]) == [15]


def test_equal_lists_are_not_the_same_list() -> None:
    latest: Latest[int] = Latest()
    assert latest.of(([1],), None, lambda: 1) == 1
    assert latest.of(([1],), None, lambda: 2) == 2


def test_rows_are_chosen_once_for_the_same_list_and_the_same_wish() -> None:
    rows = flatten(sample_runs(16))
    chosen = choose(rows, "cpu-onnxruntime", 1)
    assert choose(rows, "cpu-onnxruntime", 1) is chosen and len(chosen) == 16
    assert {row.model for row in choose(rows, "cpu-onnxruntime", 1, ["vit-digits"])} == {"vit-digits"}
    assert choose(list(rows), "cpu-onnxruntime", 1) == chosen
    assert choose((row for row in rows), "cpu-onnxruntime", 1) == chosen


def test_what_rows_offer_to_choose_among() -> None:
    rows = flatten(sample_runs(16))
    found = choices(rows)
    assert found.models == ("minilm-tweets", "vit-digits")
    assert found.batches == (1, 8)
    assert found.targets == {row.target for row in rows if row.available}
    assert {"pruning", "quantization", "baseline"} <= found.families
    assert found.studies == ("default",)
    assert choices([]).models == () and models_of_one_task([]) == []


def packed(**more: object) -> Variant:
    fields = {"run": "r", "model": "m", "label": "l", "studies": ("s",), "recorded": False, "task": "t"}
    fields |= {"family": "pruning", "families": ("pruning",), "host": "h", "date": "2026-01-01", "file_bytes": 4}
    fields |= {"zipped_bytes": 3, "parameters": 2, "nonzero_parameters": 1, "target": "cpu-torch", "batch": 8}
    return Variant(**(fields | {"sequence": 128} | more))


def test_a_packed_row_gives_back_exactly_what_it_was_given() -> None:
    row = packed(p50_ms=0.1 + 0.2, accuracy=1 / 3, peak_rss_bytes=2**40 + 1, noisy=True, noise_reason="a busy core")
    assert (row.p50_ms, row.accuracy, row.peak_rss_bytes) == (0.1 + 0.2, 1 / 3, 2**40 + 1)
    assert isinstance(row.peak_rss_bytes, int) and row.speedup is None and row.lengths == "padded"
    assert (row.noisy, row.noise_reason, row.studies, row.batch) == (True, "a busy core", ("s",), 8)
    assert asdict(row)["p50_ms"] == row.p50_ms and Variant(**asdict(row)) == row
    assert replace(row, label="other").label == "other" and replace(row, p50_ms=None) != row
    assert hash(replace(row, label="l")) == hash(row)


def test_a_row_cannot_be_changed_and_takes_its_own_fields_only() -> None:
    row = packed()
    with pytest.raises(AttributeError):
        row.label = "other"  # type: ignore[misc]
    with pytest.raises(TypeError, match="speed"):
        packed(speed=2.0)
