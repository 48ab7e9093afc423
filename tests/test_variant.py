"""A row holds its figures packed and gives back what it was given."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from explorer.variant import Variant


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


def test_figures_that_were_not_measured_are_none_wherever_they_lie() -> None:
    bare, last = packed(), packed(p99_high_ms=3.0, accuracy=0.5)
    assert {value for name, value in asdict(bare).items() if "_ms" in name or "accuracy" in name} == {None}
    assert (last.accuracy, last.p50_ms, last.p99_low_ms, last.p99_high_ms) == (0.5, None, None, 3.0)
    assert Variant(**asdict(last)) == last != bare == replace(last, p99_high_ms=None, accuracy=None)


def test_a_row_cannot_be_changed_and_takes_its_own_fields_only() -> None:
    row = packed()
    with pytest.raises(AttributeError):
        row.label = "other"  # type: ignore[misc]
    with pytest.raises(TypeError, match="speed"):
        packed(speed=2.0)
