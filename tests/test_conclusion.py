"""The sentence about a variant says what was measured, and never more."""

from __future__ import annotations

from typing import Any

import pytest

from explorer.conclusion import conclusion


def result(
    size: float = 0.25, speedup: float = 2.0, width: float = 0.01, difference: float = -0.001, noise: bool = True
) -> dict[str, Any]:
    return {
        "recipe": {"steps": [{"technique": "int8-dynamic"}]},
        "size": {"file_bytes": round(1_000_000 * size)},
        "baseline_size": {"file_bytes": 1_000_000},
        "latency": [
            {"target": "cpu-onnxruntime", "batch": batch, "speedup": speedup, "speedup_low": speedup - width,
             "speedup_high": speedup + width, "noisy": False, "lengths": "padded"}
            for batch in (1, 8)
        ],
        "accuracy": [
            {"target": "cpu-onnxruntime", "split": "validation", "condition": "clean", "value": 0.8,
             "difference": difference, "within_noise": noise}
        ],
    }  # fmt: skip


WHERE = "(CPU, ONNX Runtime, batch 1)"


def test_the_whole_sentence() -> None:
    expected = f"4.0 times smaller, 2.0 times faster {WHERE}, accuracy within noise."
    assert conclusion(result()) == expected
    assert "batch 8" in conclusion(result(), batch=8)


def test_a_baseline_is_not_compared_with_itself() -> None:
    assert (
        conclusion(result() | {"recipe": {"steps": []}}) == "The model as it was, which the others are compared with."
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [(1 / 3.99, "3.9 times smaller"), (1 / 12.9, "12 times smaller"), (0.98, "As large as before"),
     (1.51, "1.6 times larger"), (2.0, "2.0 times larger"), (0.95, "Slightly smaller"),
     (1.0, "As large as before"), (1.0005, "No smaller than before"), (1.049, "Slightly larger"),
     (1.06, "1.1 times larger")],
)  # fmt: skip
def test_sizes_are_never_rounded_in_its_favour(share: float, words: str) -> None:
    assert conclusion(result(size=share)).startswith(words)


@pytest.mark.parametrize(
    ("speedup", "words"),
    [(2.59, "2.5 times faster"), (1.06, "slightly faster"), (1.005, "no faster than before"),
     (0.5, "2.0 times slower"), (0.97, "slightly slower"), (0.66, "1.6 times slower"), (1 / 12.75, "13 times slower")],
)  # fmt: skip
def test_speeds_are_never_rounded_in_its_favour(speedup: float, words: str) -> None:
    assert f", {words} {WHERE}, " in conclusion(result(speedup=speedup))


@pytest.mark.parametrize(
    ("difference", "words"), [(-0.0101, "−1.1"), (-0.01, "−1.0"), (0.0199, "+1.9"), (-0.0349, "−3.5")]
)
def test_accuracy_beyond_noise_is_said_in_points(difference: float, words: str) -> None:
    assert conclusion(result(difference=difference, noise=False)).endswith(f"accuracy {words} points.")


def test_what_was_not_measured_or_disturbed_is_said() -> None:
    given = result()
    given["latency"][0]["noisy"] = True
    assert f"timing disturbed {WHERE}" in conclusion(given)
    given["latency"], given["accuracy"] = [], []
    assert conclusion(given) == "4.0 times smaller, speed not measured, accuracy not measured."


@pytest.mark.parametrize(
    ("difference", "noise", "words"),
    [
        (-0.0094, False, "accuracy within noise on the validation split but −1.0 points on the test split."),
        (-0.0094, True, "accuracy within noise."),
        (0.0094, False, "accuracy within noise."),
    ],
)
def test_a_loss_on_the_test_split_alone_is_said(difference, noise, words) -> None:
    found = result(difference=-0.001, noise=True)
    (validation,) = found["accuracy"]
    test = {**validation, "split": "test", "difference": difference, "within_noise": noise}
    disturbed = {**test, "condition": "noise", "difference": -0.2, "within_noise": False}
    elsewhere = {**test, "target": "cpu-torch", "difference": -0.2, "within_noise": False}
    found["accuracy"] += [test, disturbed, elsewhere]
    assert conclusion(found).endswith(words)


def test_the_speed_is_that_of_the_length_that_is_asked_for() -> None:
    given = result(speedup=2.0)
    for entry in given["latency"]:
        entry["sequence"] = 128
    given["latency"] += [
        {**given["latency"][0], "sequence": 512, "speedup": 0.5, "speedup_low": 0.49, "speedup_high": 0.51},
        {
            **given["latency"][0],
            "sequence": 21,
            "lengths": "real",
            "speedup": 3.0,
            "speedup_low": 2.9,
            "speedup_high": 3.1,
        },
    ]
    assert "2.0 times faster (CPU, ONNX Runtime, batch 1)," in conclusion(given)
    said = conclusion(given, "cpu-onnxruntime", 1, "512")
    assert "2.0 times slower (CPU, ONNX Runtime, batch 1, texts of 512 tokens)," in said
    said = conclusion(given, "cpu-onnxruntime", 1, "real")
    assert "3.0 times faster (CPU, ONNX Runtime, batch 1, texts as long as they are)," in said
    assert "speed not measured" in conclusion(given, "cpu-onnxruntime", 1, "64")
    assert "2.0 times faster (CPU, ONNX Runtime, batch 1)," in conclusion({**given, "kind": "image"}, length="512")
