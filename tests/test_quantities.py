import re
from dataclasses import replace

import pytest

from explorer.quantities import QUANTITIES, X_AXES, Y_AXES, Band, count, cut, duration, file_size, signed, significant
from explorer.result import Latency
from explorer.variants import flatten
from tests.support.sample_results import sample_runs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (22.7134, "22.7"),
        (0.05123, "0.0512"),
        (1234.5, "1,230"),
        (999.6, "1,000"),
        (9.996, "10.0"),
        (2, "2.00"),
        (-1.239, "-1.24"),
        (99.96, "100"),
    ],
)
def test_three_significant_digits(value, text):
    # above 999 the last digits are zeros, not noise
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "down", "up"),
    [
        (3.897, 3, "3.89", "3.90"),
        (3.9, 3, "3.90", "3.90"),
        (9.996, 3, "9.99", "10.0"),
        (1234.5, 3, "1,230", "1,240"),
        (1.96, 2, "1.9", "2.0"),
        (9.96, 2, "9.9", "10"),
        (0.0519, 2, "0.051", "0.052"),
        (0, 3, "0", "0"),
    ],
)
def test_cut_is_never_more_and_raised_never_less(value, digits, down, up):
    assert (cut(value, digits), cut(value, digits, up=True)) == (down, up)


def test_signs_are_true_minuses_and_zero_has_none():
    assert (signed(-1.26), signed(0.84), signed(-0.04)) == ("−1.3", "+0.8", "0.0")


def test_counts_in_words():
    assert [count(n) for n in (512, 9999, 175_300, 22_713_216)] == ["512", "9,999", "175 k", "22.7 M"]


def test_bytes_and_durations_in_words():
    assert [file_size(n) for n in (512, 3420, 23_400_000, 4.1e9)] == ["512 bytes", "3.42 kB", "23.4 MB", "4.10 GB"]
    assert [duration(s) for s in (0.2, 8.4, 125, 3840)] == ["under 1 s", "8 s", "2 min 5 s", "1 h 4 min"]


def test_a_band_holds_its_lower_end_and_not_its_upper():
    rows = flatten(sample_runs(8))
    small, *_, large = sorted(row.file_bytes / 1e6 for row in rows)
    held = [row.file_bytes / 1e6 for row in rows if Band(QUANTITIES["file_size"], small, large).holds(row)]
    assert small in held and large not in held
    assert not any(Band(QUANTITIES["memory"]).holds(replace(row, peak_rss_bytes=None)) for row in rows)


def test_a_band_is_read_as_it_was_written_and_anything_else_is_none():
    texts = ("file_size:2.5..40", "file_size:..40", "latency:0.125..")
    assert [str(Band.parse(text)) for text in texts] == list(texts)
    assert [Band.parse(text).title for text in texts] == [
        "File size from 2.50 MB to 40.0 MB",
        "File size below 40.0 MB",
        "Latency p50 from 0.125 ms on",
    ]
    for text in ("", "beauty:1..2", "file_size:1", "file_size:40..2", "file_size:a..b", "file_size:nan..1"):
        assert Band.parse(text) is None


def test_a_quantity_is_written_with_unit_and_interval():
    row = flatten(sample_runs(2))[0]
    assert QUANTITIES["accuracy"].write(row) == "80.0 % [78.3, 81.7]"
    assert QUANTITIES["file_size"].write(row) == "91.0 MB"
    assert QUANTITIES["speedup"].write(row) == "1.00× [0.950, 1.05]"


def test_what_follows_from_the_median_latency_has_its_interval_turned_round():
    row = next(row for row in flatten(sample_runs(2)) if row.available and row.batch == 8)
    low, high = QUANTITIES["throughput"].interval(row)
    assert low == pytest.approx(8000 / row.p50_high_ms) and high == pytest.approx(8000 / row.p50_low_ms)
    assert low < QUANTITIES["throughput"].of(row) < high


def test_an_older_result_has_no_interval_of_its_percentiles():
    row = flatten(sample_runs(2))[0]
    assert QUANTITIES["latency_p95"].interval(row) is None and "[" not in QUANTITIES["latency_p95"].write(row)


def test_what_was_not_measured_is_a_dash():
    gpu = next(row for row in flatten(sample_runs(2)) if not row.available)
    assert QUANTITIES["latency"].of(gpu) is None
    assert QUANTITIES["latency"].write(gpu) == "–"


def test_every_percentile_that_a_result_keeps_can_stand_on_an_axis():
    (run,) = sample_runs(1)
    (entry,) = (one for one in run.result["latency"] if (one["target"], one["batch"]) == ("cpu-onnxruntime", 1))
    (row,) = (one for one in flatten([run]) if (one.target, one.batch) == ("cpu-onnxruntime", 1))
    kept = [name for name in Latency.model_fields if re.fullmatch(r"p\d+_ms", name)]
    by_field = {quantity.field: key for key, quantity in QUANTITIES.items() if key in X_AXES and key in Y_AXES}
    assert len(kept) == 4
    assert {name: QUANTITIES[by_field[name]].of(row) for name in kept} == {name: entry[name] for name in kept}
    assert [QUANTITIES[by_field[name]].title for name in kept] == [f"Latency {name[:-3]}" for name in kept]
