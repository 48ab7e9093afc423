"""What the figures of a result mean, in plain sentences: each names its figures and, where there is one, a next step.

Nothing here is guessed: a sentence appears only when the numbers of this very result, or its file, say so. A rule is a
function from both to sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from explorer.measure.findings import accuracy, size, speed
from explorer.measure.findings.graph import GraphFacts, graph_facts
from explorer.measure.findings.words import Facts, steps

MOST = 7

Rule = Callable[[Facts, GraphFacts], Iterator[str]]

RULES: tuple[Rule, ...] = (
    speed.fallback,
    size.zeros,
    size.wide_values,
    size.unstorable_bits,
    accuracy.beyond_noise,
    speed.wider_than_baseline,
    speed.quantizing_costs,
    speed.slower,
    speed.no_speed_up,
    size.part_only,
    speed.odd_widths,
    speed.memory_bound,
    speed.overhead,
    speed.little_to_gain,
    size.embeddings,
    speed.noise,
    speed.chosen_precision,
    accuracy.within_noise,
)
"""The most surprising first."""

BASELINE_RULES: tuple[Rule, ...] = (speed.fallback, size.embeddings, speed.noise, speed.chosen_precision)
"""Those that apply where nothing was compressed."""


def findings(result: Facts, model_path: str | Path | None = None) -> list[str]:
    """At most seven sentences about one result (``Result.model_dump()``), the most surprising first.

    ``model_path`` is the ONNX file of the same artefact; without it nothing is said about how its weights are stored.
    Results of earlier versions may lack profile, cost and targets; then their rules are silent.
    """
    graph = graph_facts(model_path) if model_path else GraphFacts()
    rules = RULES if steps(result) else BASELINE_RULES
    return [sentence for rule in rules for sentence in rule(result, graph)][:MOST]
