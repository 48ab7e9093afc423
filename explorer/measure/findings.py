"""What the figures of a result mean, in plain sentences: each names its figures and, where there is one, a next step.

Nothing here is guessed: a sentence appears only when the numbers of this very result say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

SHRANK = 0.02
MANY_ZEROS = 0.05
LARGE_SHARE = 0.4

Facts = dict[str, Any]


def findings(result: Facts, embedding_bytes: int | None = None) -> list[str]:
    """Sentences about one result (``Result.model_dump()``, ``findings`` not yet filled), the most surprising first.

    ``embedding_bytes`` is ``size.embedding_bytes`` of the same artefact; without it nothing is said about embeddings.
    """
    rules: tuple[Callable[[Facts], Iterator[str]], ...] = (_zeros, _slower, _no_speed_up, _accuracy, _noise)
    found = [sentence for rule in rules for sentence in rule(result)] if result["recipe"].get("steps") else []
    return found + list(_embeddings(result, embedding_bytes))


def _zeros(result: Facts) -> Iterator[str]:
    size, baseline = result["size"], result["baseline_size"]
    zeros = 1 - size["nonzero_parameters"] / max(1, size["parameters"])
    if zeros < MANY_ZEROS or size["file_bytes"] < (1 - SHRANK) * baseline["file_bytes"]:
        return
    sentence = (
        f"{zeros:.0%} of the parameters are zero, but the file is {_megabytes(size)} against {_megabytes(baseline)} of "
        "the baseline: zeros are stored as ordinary numbers."
    )
    if size["zipped_bytes"] < (1 - SHRANK) * baseline["zipped_bytes"]:
        sentence += f" Zipped, it is {_megabytes(size, 'zipped')} against {_megabytes(baseline, 'zipped')}."
    yield sentence + " To make the file itself smaller, remove whole neurons (prune-neurons) or use fewer bits."


def _slower(result: Facts) -> Iterator[str]:
    bits = _step(result, "weight-bits")
    for entries in _by_target(result):
        slow = [entry for entry in entries if entry["speedup_high"] < 1]
        if not slow:
            continue
        worst = min(slow, key=lambda entry: float(entry["speedup"]))
        cause = "."
        if bits is not None and worst["target"].endswith("onnxruntime"):
            cause = (
                f": its weights are unpacked from {bits['bits']} bits at each call. int8-dynamic computes in integers."
            )
        yield (
            f"Slower than the baseline on {worst['target']} {_at(worst)}: {_ms(worst['p50_ms'])} against "
            f"{_ms(worst['baseline_p50_ms'])}, {1 / worst['speedup']:.2f} times the time{cause}"
        )


def _no_speed_up(result: Facts) -> Iterator[str]:
    for entries in _by_target(result):
        unclear = [entry for entry in entries if entry["speedup_low"] <= 1 <= entry["speedup_high"]]
        if unclear:
            ratios = " and ".join(f"{_ratio(entry)} {_at(entry)}" for entry in unclear)
            yield f"No clear speed-up on {unclear[0]['target']}: {ratios}; the interval includes 1."


def _accuracy(result: Facts) -> Iterator[str]:
    for entry in result["accuracy"]:
        if entry["kind"] != "measured" or entry["difference"] is None:
            continue
        where = f"on {entry['target']} ({entry['split']}, {entry['samples']:,} inputs)"
        points = f"{_points(entry['difference'])} points {where}"
        if entry["within_noise"]:
            yield f"The change in accuracy of {points} is within sampling noise (p = {entry['p_value']:.2g})."
            continue
        interval = f"95 % interval {_points(entry['difference_low'])} to {_points(entry['difference_high'])}"
        sentence = f"The change in accuracy of {points} is more than sampling noise ({interval})."
        lost = (
            entry["difference"] < 0 and _step(result, "fine-tune") is None and _step(result, "distill-student") is None
        )
        yield sentence + (" A fine-tune step may win some of it back." if lost else "")


def _noise(result: Facts) -> Iterator[str]:
    noisy = [entry for entry in result["latency"] if entry["kind"] == "measured" and entry["noisy"]]
    if noisy:
        where = ", ".join(f"{entry['target']} {_at(entry)}" for entry in noisy)
        yield f"Noisy timing for {where}: {noisy[0]['noise_reason']}. Measure again on a quiet machine."


def _embeddings(result: Facts, embedding_bytes: int | None) -> Iterator[str]:
    total, tables = result["size"]["file_bytes"], embedding_bytes or 0
    if tables >= LARGE_SHARE * total:
        yield (
            f"Embedding tables are {tables / total:.0%} of the file ({tables / 1e6:.3g} of {total / 1e6:.3g} MB): "
            "what leaves them alone cannot make it much smaller."
        )


def _by_target(result: Facts) -> Iterator[list[Facts]]:
    """Measured entries that are not noisy, target by target."""
    usable = [entry for entry in result["latency"] if entry["kind"] == "measured" and not entry["noisy"]]
    for target in dict.fromkeys(entry["target"] for entry in usable):
        yield [entry for entry in usable if entry["target"] == target]


def _step(result: Facts, technique: str) -> Facts | None:
    steps: list[Facts] = result["recipe"].get("steps", [])
    return next((step for step in steps if step["technique"] == technique), None)


def _at(entry: Facts) -> str:
    return f"at batch {entry['batch']}"


def _ratio(entry: Facts) -> str:
    return f"{entry['speedup']:.2f} ({entry['speedup_low']:.2f} to {entry['speedup_high']:.2f})"


def _ms(value: float) -> str:
    return f"{value:.3g} ms"


def _megabytes(size: Facts, which: str = "file") -> str:
    return f"{size[f'{which}_bytes'] / 1e6:.3g} MB"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
