"""The file of measurements made elsewhere: what is refused, and that what is read is what was written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explorer.errors import BadInput
from explorer.measure import elsewhere
from explorer.measure.accuracy import compare
from explorer.measure.elsewhere import parse, read
from tests.support.bundles import gpu_report

DIGEST = "ab" * 32


def refusal(report: Any) -> str:
    """The sentence with which a report is refused."""
    data = report if isinstance(report, bytes) else json.dumps(report).encode()
    with pytest.raises(BadInput) as caught:
        parse(data, "file.json")
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".") and "file.json" in sentence
    return sentence


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good report with one field put in place of another; None in ``value`` is null."""
    report = copy.deepcopy(gpu_report(DIGEST))
    *places, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = report
    for place in places:
        inner = inner[place]
    inner[last] = value
    return report


def test_a_report_survives_the_file(tmp_path) -> None:
    given = gpu_report(DIGEST)
    (tmp_path / "file.json").write_text(json.dumps(given))
    report = read(tmp_path / "file.json")
    assert report.device.name == "Imaginary GPU" and report.latency[0].speedup == 2.0
    assert parse(report.text().encode(), "again.json") == report
    assert report.text() == parse(json.dumps(given, indent=4).encode(), "spaced.json").text(), "spaces change nothing"


def test_paired_statistics_are_those_of_the_pipeline() -> None:
    labels = np.zeros(200, dtype=np.int64)
    baseline, variant = np.tile([1.0, 0.0], (200, 1)), np.tile([1.0, 0.0], (200, 1))
    baseline[160:], variant[158:] = [0.0, 1.0], [0.0, 1.0]  # 160 and 158 right
    variant[160:163], variant[150:153] = [1.0, 0.0], [0.0, 1.0]
    expected = compare(variant, baseline, labels, "cuda-onnxruntime", "validation")
    kept = ("target", "split", "samples", "value", "ci_low", "ci_high", "baseline", "flips")
    plain = {key: value for key, value in expected.model_dump(mode="json").items() if key in kept}
    (entry,) = parse(json.dumps(gpu_report(DIGEST, accuracy=[plain])).encode(), "file.json").accuracy
    for name in ("difference", "difference_low", "difference_high", "p_value", "within_noise"):
        assert getattr(entry, name) == getattr(expected, name)


@pytest.mark.parametrize("data", [b"", b"garbage", b"\xff\xfe\x00", b"[1, 2]", b"null", b"{}", b"[" * 100_000])
def test_what_is_not_a_report_is_refused(data) -> None:
    assert "is not a file of measurements" in refusal(data)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
def test_numbers_are_finite(number) -> None:
    text = json.dumps(gpu_report(DIGEST)).replace('"p50_ms": 0.5', f'"p50_ms": {number}')
    assert "is not a file of measurements: it holds" in refusal(text.encode())


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("extra", 1, "'extra' is not a field of it"),
        ("latency.0.extra", 1, "'latency.0.extra' is not a field of it"),
        ("version", 2, "has version 2; this program reads version 1"),
        ("format", "other", "its format is not 'compression-explorer-measurements'"),
        ("tool", "handmade", "'tool'"),
        ("model_sha256", "abc", "'model_sha256'"),
        ("model_sha256", DIGEST.upper(), "'model_sha256'"),
        ("measured_at", "yesterday", "'measured_at': expected is a date with time"),
        ("measured_at", "2026-11-21T09:00:00", "'measured_at': expected is a time with its zone"),
        ("device.name", "", "'device.name'"),
        ("device.name", "x" * 501, "it holds a text of 501 characters"),
        ("device.name", "a\u202eb", "characters that cannot be seen"),
        ("device.name", "a\nb", "characters that cannot be seen"),
        ("device.name", "a\ud800b", "it holds half a character, which no file can keep"),
        ("host", {}, "'host': expected are at least the processor's name 'cpu' and its 'cores'"),
        ("host.gpu", 5, "'host': expected is a 'gpu' with its 'name'"),
        ("host.gpu", None, "it has figures of cuda-onnxruntime and names no GPU"),
        ("latency", [], ""),
        ("latency.0.target", "tpu", "there is no target 'tpu'"),
        ("latency.0.kind", "estimated", "it holds an estimate, and only measurements are taken in"),
        ("latency.0.p50_ms", "0.5", "'latency.0.p50_ms'"),
        ("latency.0.p50_ms", None, "is measured but has no p50_ms"),
        ("latency.0.p50_ms", -0.5, "'latency.0.p50_ms' is -0.5, expected is at least 0"),
        ("latency.0.p50_ms", 0, "has p50_ms = 0.0, expected is more than 0"),
        ("latency.0.speedup", 0, "has speedup = 0.0, expected is more than 0"),
        ("latency.0.batch", 0, "has a batch below 1"),
        ("latency.0.batch", True, "'latency.0.batch'"),
        ("accuracy.0.value", 80.0, "is not a share from 0 to 1"),
        ("accuracy.0.value", 0.5, "lies outside of its own interval"),
        ("accuracy.0.value", None, "is measured but lacks its value"),
        ("accuracy.0.split", "train", "is of a split or a metric that is not known"),
        ("accuracy.0.flips.right_to_wrong", 50, "does not fit its flips"),
        ("agreement.0.same", 201, "201 of 200 answers cannot be the same"),
    ],
)
def test_one_wrong_field_is_named(path, value, expected) -> None:
    if path == "latency":  # without times there must at least be an accuracy
        parse(json.dumps(changed("latency", [])).encode(), "file.json")
        assert "holds neither latency nor accuracy" in refusal(changed("latency", []) | {"accuracy": []})
    else:
        assert expected in refusal(changed(path, value))


def test_what_is_missing_is_named() -> None:
    report = gpu_report(DIGEST)
    del report["host"]
    assert "'host' is missing" in refusal(report)


def test_a_large_file_is_refused_before_it_is_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b" " * (elsewhere.MOST_BYTES + 1))
    monkeypatch.setattr(Path, "read_bytes", None)
    with pytest.raises(BadInput, match=r"'file\.json' is larger than 5 MB"):
        read(path)
    assert "larger than 5 MB" in refusal(b" " * (elsewhere.MOST_BYTES + 1))


def test_a_missing_file_is_one_sentence(tmp_path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(BadInput, match="There is no readable file"):
            read(path)


def test_times_of_other_zones_are_kept_in_utc() -> None:
    report = parse(json.dumps(changed("measured_at", "2026-11-21T11:30:00+02:00")).encode(), "file.json")
    assert report.measured_at == "2026-11-21T09:30:00+00:00"
