from copy import deepcopy

import pytest

from explorer.measure.findings import findings
from explorer.result import Accuracy, Flips, Latency


def latency(speedup, low, high, **fields):
    given = {"target": "cpu-onnxruntime", "batch": 1, "sequence": 128, "noisy": False, **fields}
    entry = Latency(
        p50_ms=20.0 / speedup, baseline_p50_ms=20.0, speedup=speedup, speedup_low=low, speedup_high=high, **given
    )
    return entry.model_dump()


def accuracy(difference, within_noise):
    return Accuracy(
        target="cpu-onnxruntime",
        split="validation",
        samples=2000,
        value=0.8,
        baseline=0.8 - difference,
        difference=difference,
        difference_low=difference - 0.01,
        difference_high=difference + 0.01,
        flips=Flips(right_to_wrong=3, wrong_to_right=2),
        p_value=0.31 if within_noise else 1e-6,
        within_noise=within_noise,
    ).model_dump()


def size(file_mb, zipped_mb, nonzero=1.0):
    return {
        "file_bytes": int(file_mb * 1e6),
        "zipped_bytes": int(zipped_mb * 1e6),
        "parameters": 1000,
        "nonzero_parameters": int(1000 * nonzero),
    }


@pytest.fixture
def unremarkable():
    """Smaller, faster, equally accurate: only the accuracy needs a word."""
    return {
        "recipe": {"model": "m", "steps": [{"technique": "int8-dynamic"}]},
        "size": size(23.4, 18),
        "baseline_size": size(91.4, 85),
        "accuracy": [],
        "latency": [latency(2.1, 2.0, 2.2)],
    }


def test_nothing_remarkable_gives_no_sentence(unremarkable):
    assert findings(unremarkable, embedding_bytes=1_000_000) == []


def test_it_changes_nothing(unremarkable):
    before = deepcopy(unremarkable)
    findings(unremarkable)
    assert unremarkable == before


def test_zeros_that_do_not_shrink_the_file(unremarkable):
    unremarkable["size"] = size(91.4, 52.5, nonzero=0.5)
    assert findings(unremarkable) == [
        "50% of the parameters are zero, but the file is 91.4 MB against 91.4 MB of the baseline: zeros are stored as "
        "ordinary numbers. Zipped, it is 52.5 MB against 85 MB. To make the file itself smaller, remove whole neurons "
        "(prune-neurons) or use fewer bits."
    ]


def test_zeros_in_a_file_that_did_shrink_need_no_word(unremarkable):
    unremarkable["size"] = size(23.4, 12, nonzero=0.5)
    assert findings(unremarkable) == []


def test_slower_by_unpacking_names_the_bits(unremarkable):
    unremarkable["recipe"]["steps"] = [{"technique": "weight-bits", "bits": 4}]
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6), latency(0.8, 0.7, 0.9, batch=8)]
    assert findings(unremarkable) == [
        "Slower than the baseline on cpu-onnxruntime at batch 1: 40 ms against 20 ms, 2.00 times the time: its weights "
        "are unpacked from 4 bits at each call. int8-dynamic computes in integers."
    ]


def test_slower_without_known_cause_names_none(unremarkable):
    unremarkable["latency"] = [latency(0.8, 0.7, 0.9)]
    assert findings(unremarkable) == [
        "Slower than the baseline on cpu-onnxruntime at batch 1: 25 ms against 20 ms, 1.25 times the time."
    ]


def test_an_interval_that_includes_one(unremarkable):
    unremarkable["latency"] = [latency(1.02, 0.98, 1.06), latency(1.5, 1.4, 1.6, batch=8)]
    assert findings(unremarkable) == [
        "No clear speed-up on cpu-onnxruntime: 1.02 (0.98 to 1.06) at batch 1; the interval includes 1."
    ]


def test_noisy_entries_are_not_interpreted(unremarkable):
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6, noisy=True, noise_reason="other processes kept 0.80 cores busy")]
    assert findings(unremarkable) == [
        "Noisy timing for cpu-onnxruntime at batch 1: other processes kept 0.80 cores busy. "
        "Measure again on a quiet machine."
    ]


def test_unavailable_entries_are_skipped(unremarkable):
    unremarkable["latency"] = [
        Latency(target="cuda-torch", kind="unavailable", reason="no GPU", batch=1, sequence=1).model_dump()
    ]
    unremarkable["accuracy"] = [
        Accuracy(target="cuda-torch", split="validation", kind="unavailable", reason="no GPU").model_dump()
    ]
    assert findings(unremarkable) == []


def test_accuracy_within_and_beyond_noise(unremarkable):
    unremarkable["accuracy"] = [accuracy(-0.004, True), accuracy(-0.03, False)]
    assert findings(unremarkable) == [
        "The change in accuracy of −0.4 points on cpu-onnxruntime (validation, 2,000 inputs) is within sampling noise "
        "(p = 0.31).",
        "The change in accuracy of −3.0 points on cpu-onnxruntime (validation, 2,000 inputs) is more than sampling "
        "noise (95 % interval −4.0 to −2.0). A fine-tune step may win some of it back.",
    ]
    unremarkable["recipe"]["steps"].insert(0, {"technique": "fine-tune"})
    assert not any("may win" in sentence for sentence in findings(unremarkable))


def test_embeddings_that_dominate(unremarkable):
    unremarkable["size"] = size(59.2, 50)
    assert findings(unremarkable, embedding_bytes=46_900_000) == [
        "Embedding tables are 79% of the file (46.9 of 59.2 MB): what leaves them alone cannot make it much smaller."
    ]


def test_the_baseline_is_only_told_about_its_embeddings(unremarkable):
    unremarkable["recipe"].pop("steps")
    unremarkable["latency"] = [latency(1.0, 0.99, 1.01)]
    unremarkable["accuracy"] = [accuracy(0.0, True)]
    assert findings(unremarkable, embedding_bytes=20_000_000) == [
        "Embedding tables are 85% of the file (20 of 23.4 MB): what leaves them alone cannot make it much smaller."
    ]
