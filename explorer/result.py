"""The result of a run as data: what ``result.json`` holds and what every page, chart and command reads.

A quantity's name carries its unit. ``kind`` is ``measured``, ``estimated`` or ``unavailable``; where it is
``unavailable`` the values are None and ``reason`` says why in one sentence.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected is a date with time, such as 2026-11-20T10:00:00+00:00") from None
    if moment.tzinfo is None:
        raise ValueError("expected is a time with its zone, such as 2026-11-20T10:00:00+00:00")
    return text


def _host(host: dict[str, Any]) -> dict[str, Any]:
    gpu = host.get("gpu")
    if not isinstance(host.get("cpu"), str) or not isinstance(host.get("cores"), int):
        raise ValueError("expected are at least the processor's name 'cpu' and its 'cores'")
    if gpu is not None and not (isinstance(gpu, dict) and isinstance(gpu.get("name"), str)):
        raise ValueError("expected is a 'gpu' with its 'name', or none")
    return host


Count = Annotated[int, Field(ge=0)]
"""How many, or how many bytes."""
Duration = Annotated[float, Field(ge=0)]
"""Seconds or milliseconds, as the field's name says."""
Moment = Annotated[str, AfterValidator(_moment)]
"""A date and time with its zone, in ISO 8601."""
Host = Annotated[dict[str, Any], AfterValidator(_host)]
"""A machine as ``explorer.measure.host.fingerprint`` gives it: at least ``cpu`` and ``cores``."""
Kind = Literal["measured", "estimated", "unavailable"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Size(Record):
    """Bytes of the artefact's model file, its bytes after zip, and its parameters."""

    file_bytes: Count
    zipped_bytes: Count
    parameters: Count
    nonzero_parameters: Count


class Flips(Record):
    """Inputs whose answer changed against the baseline."""

    right_to_wrong: Count
    wrong_to_right: Count


class ClassScore(Record):
    """How well one class is told from the others; fractions, ``support`` counts its inputs."""

    label: str
    precision: float
    recall: float
    f1: float
    support: Count


class Flipped(Record):
    """One input whose answer changed from right to wrong or back; numbers of classes, ``index`` within the split."""

    index: Count
    label: Count
    baseline: int
    variant: int


class Accuracy(Record):
    """A metric on one split in one target's runtime, with a 95 % interval (fractions, not percent).

    ``difference`` is paired with the baseline on the same inputs; ``within_noise`` says that McNemar's test
    does not tell the two apart (p > 0.05). ``agreement`` is the share of inputs that got the baseline's answer, right
    or wrong. ``calibration_error`` is the expected one over 15 bins of confidence. ``confusion`` counts inputs,
    [label][answer]. ``flipped`` lists the first inputs whose answer changed sides. ``condition`` says what was done to
    the inputs before: nothing, typing errors, or noise on the pixels.
    """

    target: str
    split: str
    condition: Literal["clean", "typos", "noise"] = "clean"
    kind: Kind = "measured"
    reason: str | None = None
    metric: str = "accuracy"
    higher_is_better: bool = True
    samples: Count = 0
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
    macro_f1: float | None = None
    macro_f1_low: float | None = None
    macro_f1_high: float | None = None
    per_class: list[ClassScore] = Field(default_factory=list)
    agreement: float | None = None
    calibration_error: float | None = None
    baseline_calibration_error: float | None = None
    confusion: list[list[int]] | None = None
    baseline_confusion: list[list[int]] | None = None
    flipped: list[Flipped] = Field(default_factory=list)


class Latency(Record):
    """Time of one call at one shape on one target; ``speedup`` is baseline over variant, measured beside it.

    ``control`` is the same ratio for a second copy of the baseline: how far from 1 it is shows the noise floor.
    ``sequence`` is tokens for text and pixels of a side for images; where ``lengths`` is ``real``, inputs are as long
    as those of the task's data and ``sequence`` is their mean. ``clock`` says what timed it.
    """

    target: str
    kind: Kind = "measured"
    reason: str | None = None
    batch: Count
    sequence: Count
    lengths: Literal["padded", "real"] = "padded"
    clock: Literal["wall", "cuda events"] = "wall"
    repeats: Count = 0
    threads: int | None = None
    p50_ms: Duration | None = None
    p90_ms: Duration | None = None
    p95_ms: Duration | None = None
    p99_ms: Duration | None = None
    p50_low_ms: Duration | None = None
    p50_high_ms: Duration | None = None
    p90_low_ms: Duration | None = None
    p90_high_ms: Duration | None = None
    p95_low_ms: Duration | None = None
    p95_high_ms: Duration | None = None
    p99_low_ms: Duration | None = None
    p99_high_ms: Duration | None = None
    throughput_per_s: float | None = None
    baseline_p50_ms: Duration | None = None
    baseline_p50_low_ms: Duration | None = None
    baseline_p50_high_ms: Duration | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    control: float | None = None
    noisy: bool | None = None
    noise_reason: str | None = None


class Memory(Record):
    """Peak resident bytes of the process that loaded and ran the artefact."""

    peak_rss_bytes: Count | None = None


class Start(Record):
    """Cold start: from the start of a process to its first answer, median of ``starts``, beside the baseline's."""

    p50_ms: Duration
    baseline_p50_ms: Duration
    starts: Count


class Energy(Record):
    """Energy per call by the operating system's counters (``source``), whole processor or GPU; else the reason."""

    kind: Kind
    reason: str | None = None
    source: str | None = None
    batch: Count = 0
    sequence: Count = 0
    millijoules: float | None = None
    baseline_millijoules: float | None = None


class TargetUse(Record):
    """How a target really ran: what was asked for and what was used, and what one process of it costs.

    ``provider`` is the runtime's own word for what executed the model. A runtime may compute the variant in another
    precision than the baseline: then their times differ for that reason too. ``processors`` counts the logical
    processors that the timing was pinned to. ``gpu`` holds name, driver, memory and clocks during the timing.
    """

    target: str
    provider: str
    precision_asked: str
    precision_used: str
    baseline_precision_used: str | None = None
    threads: int | None = None
    processors: int | None = None
    peak_rss_bytes: Count | None = None
    baseline_peak_rss_bytes: Count | None = None
    cold_start: Start | None = None
    energy: Energy | None = None
    gpu: dict[str, Any] | None = None


class Cost(Record):
    """Work of one call of the real graph at one shape, counted and not timed.

    ``operations`` holds, for each precision that multiplies (``fp32``, ``int8``, ...), floating-point or integer
    operations (two per multiply-add). ``weight_bytes`` are read as stored, ``activation_bytes`` are written and read
    between operators.
    """

    batch: Count
    sequence: Count
    operations: dict[str, float]
    weight_bytes: Count
    activation_bytes: Count


class OperatorTime(Record):
    """Time of one operator type, or of one layer, per call; None where that side does not have it."""

    name: str
    variant_ms: Duration | None = None
    baseline_ms: Duration | None = None
    variant_bytes: Count | None = None
    baseline_bytes: Count | None = None


class Profile(Record):
    """Where the time goes at one shape, by ONNX Runtime's profiler, variant and baseline side by side.

    ``by_operator`` has times, ``by_layer`` times and stored bytes of weights. The peaks are those of a quick
    calibration of this host; the shares say how much of them the variant's products reach.
    """

    batch: Count
    sequence: Count
    threads: int
    by_operator: list[OperatorTime]
    by_layer: list[OperatorTime]
    variant_total_ms: Duration
    baseline_total_ms: Duration
    peak_gflops: float | None = None
    peak_gbytes_per_s: float | None = None
    share_of_peak_flops: float | None = None
    share_of_peak_bandwidth: float | None = None


class Artefact(Record):
    """The files a user would deploy, relative to ``folder``, and a digest over their contents.

    ``model_sha256`` is that of ``model.onnx`` alone: what a measurement made elsewhere must name.
    """

    folder: str
    files: dict[str, Count]
    digest: str
    model_sha256: str | None = None


class StepReport(Record):
    """What a step really did, in plain words and figures."""

    technique: str
    seconds: Duration
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
    finished_at: Moment
    seconds: Duration
    steps: list[StepReport]
    findings: list[str] = Field(default_factory=list)
    size: Size
    baseline_size: Size
    accuracy: list[Accuracy]
    latency: list[Latency]
    memory: Memory
    targets: list[TargetUse] = Field(default_factory=list)
    cost: list[Cost] = Field(default_factory=list)
    profile: Profile | None = None
    host: Host
    artefact: Artefact
