"""What the literature lets one expect of the table of accuracies, held against its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.labels import label

Row = dict[str, Any]
Trial = tuple[str, str]


@dataclass(frozen=True)
class Expectation:
    """A claim about trials, each given as its model and its label.

    ``holds`` takes their differences to the baseline as shares of one, in the order of ``trials``; ``else_why`` says
    what explains a miss.
    """

    claim: str
    trials: tuple[Trial, ...]
    holds: Callable[[Sequence[float]], bool]
    else_why: str = ""


def _loses_at_most(points: float) -> Callable[[Sequence[float]], bool]:
    return lambda differences: min(differences) >= -points / 100


def _last_is_worst(differences: Sequence[float]) -> bool:
    return differences[-1] < min(differences[:-1])


def _last_is_not_best(differences: Sequence[float]) -> bool:
    return differences[-1] < max(differences[:-1])


TWEETS, VIT, CNN = "minilm-tweets", "vit-digits", "cnn-digits"
RECOVERED = "prune-magnitude 50 % → fine-tune {} epochs"
EXPECTATIONS = (
    Expectation(
        "8-bit integers lose at most 1 point.",
        (
            *((TWEETS, "int8-dynamic"), (CNN, "int8-dynamic"), (TWEETS, "int8-static percentile 99.99 %")),
            *((VIT, "int8-static percentile 99.99 %"), (CNN, "int8-static percentile 99.99 %")),
        ),
        _loses_at_most(1),
    ),
    Expectation(
        "Half of the weights can be set to zero by magnitude, with a short recovery, for at most 1 point.",
        ((TWEETS, RECOVERED.format(0.5)), (CNN, RECOVERED.format(3))),
        _loses_at_most(1),
    ),
    Expectation(
        "A distilled student with three of MiniLM's six layers loses at most 2 points.",
        ((TWEETS, "distill-student 50 % 0.5 epochs"),),
        _loses_at_most(2),
    ),
    Expectation(
        "In 4 bits, rounding that compensates its errors (GPTQ, HQQ) is better than rounding to the nearest.",
        (
            (TWEETS, "weight-bits 4 bits gptq"),
            (TWEETS, "weight-bits 4 bits hqq"),
            (TWEETS, "weight-bits 4 bits"),
        ),
        _last_is_worst,
    ),
    Expectation(
        "Static int8 of a vision transformer is better with ranges by percentile or entropy than by min-max.",
        (
            (VIT, "int8-static percentile 99.99 %"),
            (VIT, "int8-static entropy"),
            (VIT, "int8-static min-max"),
        ),
        _last_is_not_best,
        "Min-max suffers where activations have outliers, as those of large transformers behind GELU, softmax and "
        "layer normalisation do. Only the inputs of weighted products are quantized here, which leaves softmax and "
        "normalisation in float, and this small model has none: all ways are within noise of each other.",
    ),
    Expectation(
        "Weights that move towards zero while fine-tuning can be cut: at half of them movement pruning keeps up with "
        "magnitude pruning.",
        ((TWEETS, "prune-movement 50 % 0.5 epochs"),),
        _loses_at_most(2),
        "Movement tells what the task does not need while a pre-trained model learns it. This model knows its task "
        "already, so its weights hardly move and their signs are noise; Sanh et al. start from the pre-trained model "
        "and train for 6 to 10 epochs.",
    ),
    Expectation(
        "A student that imitates hidden states and attention is better than one that learns from the answers alone.",
        ((TWEETS, "distill-features tinybert 0.5 epochs"), (TWEETS, "distill-student 50 % 0.5 epochs")),
        _last_is_worst,
        "TinyBERT imitates for several epochs before it learns the answers; within half an epoch the imitation takes "
        "steps from the answers, and a student that starts from the teacher's own layers has less to gain from it.",
    ),
)

HEAD = """
## What the literature lets one expect

| expected | differences found, in points | |
|---|---|---|"""


def section(rows: Sequence[Row]) -> str:
    """The part of the page that holds each claim against its rows; claims whose rows are missing are left out."""
    found = {(row["recipe"]["model"], label(row["recipe"])): row for row in rows if row["recipe"]["seed"] == 0}
    lines, reasons = [HEAD], []
    for expectation in EXPECTATIONS:
        own = [found[trial] for trial in expectation.trials if trial in found]
        if len(own) < len(expectation.trials):
            continue
        differences = [float(row["validation"]["difference"]) for row in own]
        met = expectation.holds(differences)
        figures = "<br>".join(
            f"`{model}` {name}: {100 * difference:+.1f}"
            for (model, name), difference in zip(expectation.trials, differences, strict=True)
        )
        lines.append(f"| {expectation.claim} | {figures} | {'as expected' if met else 'missed'} |")
        if not met:
            reasons.append(f"- *{expectation.claim}* Missed. {expectation.else_why}".rstrip())
    return "\n".join([*lines, "", *reasons]) + "\n" if len(lines) > 1 else ""
