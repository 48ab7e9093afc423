"""The result of a run as data: what ``result.json`` holds and what every page, chart and command reads.

A quantity's name carries its unit. ``kind`` is ``measured``, ``estimated`` or ``unavailable``; where it is
``unavailable`` the values are None and ``reason`` says why in one sentence.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["measured", "estimated", "unavailable"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Size(Record):
    """Bytes of the artefact's model file, its bytes after zip, and its parameters."""

    file_bytes: int
    zipped_bytes: int
    parameters: int
    nonzero_parameters: int


class Flips(Record):
    """Inputs whose answer changed against the baseline."""

    right_to_wrong: int
    wrong_to_right: int


class Accuracy(Record):
    """A metric on one split in one target's runtime, with a 95 % interval (fractions, not percent).

    ``difference`` is paired with the baseline on the same inputs; ``within_noise`` says that McNemar's test
    does not tell the two apart (p > 0.05).
    """

    target: str
    split: str
    kind: Kind = "measured"
    reason: str | None = None
    metric: str = "accuracy"
    higher_is_better: bool = True
    samples: int = 0
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    baseline: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    flips: Flips | None = None
    p_value: float | None = None
    within_noise: bool | None = None


class Latency(Record):
    """Time of one call at one shape on one target; ``speedup`` is baseline over variant, measured beside it.

    ``control`` is the same ratio for a second copy of the baseline: how far from 1 it is shows the noise floor.
    ``sequence`` is tokens for text and pixels of a side for images.
    """

    target: str
    kind: Kind = "measured"
    reason: str | None = None
    batch: int
    sequence: int
    repeats: int = 0
    threads: int | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    throughput_per_s: float | None = None
    baseline_p50_ms: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    control: float | None = None
    noisy: bool | None = None
    noise_reason: str | None = None


class Memory(Record):
    """Peak resident bytes of the process that loaded and ran the artefact."""

    peak_rss_bytes: int | None = None


class Artefact(Record):
    """The files a user would deploy, relative to ``folder``, and a digest over their contents."""

    folder: str
    files: dict[str, int]
    digest: str


class StepReport(Record):
    """What a step really did, in plain words and figures."""

    technique: str
    seconds: float
    cached: bool = False
    notes: list[str] = Field(default_factory=list)
    figures: dict[str, float] = Field(default_factory=dict)


class Result(Record):
    """Everything one run found out."""

    run: str
    state: Literal["done"] = "done"
    digest: str
    engine: str
    recipe: dict[str, Any]
    task: str
    labels: list[str]
    kind: Literal["text", "image"]
    finished_at: str
    seconds: float
    steps: list[StepReport]
    findings: list[str] = Field(default_factory=list)
    size: Size
    baseline_size: Size
    accuracy: list[Accuracy]
    latency: list[Latency]
    memory: Memory
    host: dict[str, Any]
    artefact: Artefact
