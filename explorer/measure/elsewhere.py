"""A file of measurements made on another machine: what is in it, and reading it with suspicion.

The bundle's ``measure.py`` and ``python -m explorer measure`` write it, ``import-measurements`` takes it in. It is
JSON from somebody else: every field is known, every number finite, every text short and visible, or it is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from explorer import strict_json
from explorer.errors import BadInput
from explorer.measure.statistics import mcnemar_p, paired_difference
from explorer.measure.targets import targets
from explorer.result import Accuracy, Host, Latency, Moment, Record, TargetUse

FORMAT: Final = "compression-explorer-measurements"
VERSION: Final = 1
MOST_BYTES = 5_000_000
MOST_CHARACTERS = 500
SIGNIFICANT = 0.05
SPLITS = ("validation", "test")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Device(Record):
    """What ran the model: a processor or a GPU."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    driver: str | None = None
    memory_bytes: int | None = None


class Agreement(Record):
    """How many of the inputs that travelled along got the answer that they got at home (same class).

    ``largest_difference`` is that of a logit.
    """

    target: str
    samples: int = Field(ge=1)
    same: int = Field(ge=0)
    largest_difference: float | None = Field(None, ge=0)


class Report(Record):
    """One artefact (``model_sha256`` is that of its ``model.onnx``) measured on one machine at one time.

    ``measured_at`` is ISO 8601 in UTC. ``host`` is as ``explorer.measure.host.fingerprint`` gives it.
    """

    format: Literal["compression-explorer-measurements"] = FORMAT
    version: Literal[1] = VERSION
    tool: Literal["measure.py", "explorer"]
    model_sha256: Sha256
    baseline_sha256: Sha256 | None = None
    measured_at: Moment
    device: Device
    host: Host
    latency: list[Latency]
    accuracy: list[Accuracy]
    agreement: list[Agreement] = Field(default_factory=list)
    targets: list[TargetUse] = Field(default_factory=list)

    @field_validator("measured_at")
    @classmethod
    def _in_utc(cls, text: str) -> str:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")

    @model_validator(mode="after")
    def _check_figures(self) -> Report:
        for words in _mistakes(self):
            raise ValueError(words)
        return self

    def text(self) -> str:
        """As it is written to a file; equal reports give equal texts."""
        return self.model_dump_json(indent=1) + "\n"


def read(path: Path) -> Report:
    """The report in a file; raises ``BadInput`` with one sentence for anything that is not one."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(_too_large(path.name))
        data = path.read_bytes()
    except OSError:
        raise BadInput(f"There is no readable file '{path}'; expected is a file written by measure.py.") from None
    return parse(data, path.name)


def parse(data: bytes, name: str) -> Report:
    """The report in the content of a file called ``name``; raises ``BadInput`` as ``read`` does."""
    if len(data) > MOST_BYTES:
        raise BadInput(_too_large(name))
    refused = f"'{name[:80]}' is not a file of measurements"
    try:
        fields = strict_json.loads(data)
        _check_texts(fields)
    except ValueError as error:
        raise BadInput(f"{refused}: {error}; expected is what measure.py wrote.") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise BadInput(f"{refused}: its format is not '{FORMAT}'; expected is what measure.py wrote.")
    if fields.get("version") != VERSION:
        raise BadInput(
            f"'{name[:80]}' has version {str(fields.get('version'))[:20]}; this program reads version {VERSION}."
        )
    try:
        report = Report.model_validate(fields, strict=True)
    except ValidationError as error:
        raise BadInput(f"{refused}: {_sentence(error)}.") from None
    return report.model_copy(update={"accuracy": [_completed(entry) for entry in report.accuracy]})


def _mistakes(report: Report) -> Iterator[str]:
    """What no measurement can say, in words."""
    known = targets()
    entries: list[Latency | Accuracy] = [*report.latency, *report.accuracy]
    if not entries:
        yield "it holds neither latency nor accuracy"
    for entry in (*entries, *report.agreement, *report.targets):
        if entry.target not in known:
            yield f"there is no target '{entry.target[:40]}' (known are {', '.join(known)})"
        elif known[entry.target].device == "cuda" and not report.host.get("gpu"):
            yield f"it has figures of {entry.target} and names no GPU"
    for entry in entries:
        if entry.kind == "estimated":
            yield "it holds an estimate, and only measurements are taken in"
    for latency in report.latency:
        yield from _odd_latency(latency)
    for accuracy in report.accuracy:
        yield from _odd_accuracy(accuracy)
    for agreement in report.agreement:
        if agreement.same > agreement.samples:
            yield f"{agreement.same} of {agreement.samples} answers cannot be the same"


def _odd_latency(entry: Latency) -> Iterator[str]:
    where = f"the latency on {entry.target} at batch {entry.batch}"
    if entry.batch < 1:
        yield f"{where} has a batch below 1"
    numbers = {name: value for name, value in entry if isinstance(value, float)}
    for name, value in numbers.items():
        if value <= 0:
            yield f"{where} has {name} = {value}, expected is more than 0"
    if entry.kind == "measured" and (entry.p50_ms is None or entry.p95_ms is None):
        yield f"{where} is measured but has no p50_ms and p95_ms"


def _odd_accuracy(entry: Accuracy) -> Iterator[str]:
    where = f"the accuracy on {entry.target}"
    if entry.split not in SPLITS or entry.metric != "accuracy":
        yield f"{where} is of a split or a metric that is not known"
    shares = (entry.value, entry.ci_low, entry.ci_high, entry.baseline, entry.agreement, entry.p_value, entry.macro_f1)
    if any(share is not None and not 0 <= share <= 1 for share in shares):
        yield f"{where} is not a share from 0 to 1"
    if entry.kind != "measured":
        return
    if entry.value is None or entry.ci_low is None or entry.ci_high is None or entry.samples < 1:
        yield f"{where} is measured but lacks its value, its interval or its samples"
    elif not entry.ci_low <= entry.value <= entry.ci_high:
        yield f"{where} lies outside of its own interval"
    elif entry.flips is not None and entry.baseline is not None and min(_counts(entry)) < 0:
        yield f"{where} does not fit its flips"


def _completed(entry: Accuracy) -> Accuracy:
    """With the paired statistics, which ``measure.py`` leaves to us: they follow from its counts."""
    if entry.flips is None or entry.baseline is None or entry.p_value is not None:
        return entry
    _, gained, lost, _ = counts = _counts(entry)
    difference, low, high = paired_difference(*counts)
    p_value = mcnemar_p(lost, gained)
    paired = {"difference": difference, "difference_low": low, "difference_high": high, "p_value": p_value}
    return entry.model_copy(update=paired | {"within_noise": p_value > SIGNIFICANT})


def _counts(entry: Accuracy) -> tuple[int, int, int, int]:
    """Inputs that both got right, that flipped to right, to wrong, and that both got wrong; one below 0 if absurd."""
    assert entry.flips is not None and entry.value is not None and entry.baseline is not None
    gained, lost = entry.flips.wrong_to_right, entry.flips.right_to_wrong
    both = round(entry.value * entry.samples) - gained
    consistent = both + lost == round(entry.baseline * entry.samples)
    return (both, gained, lost, entry.samples - both - gained - lost) if consistent else (-1, gained, lost, 0)


def _check_texts(value: Any) -> None:
    """Refuse texts that are long or hold what cannot be seen; raises ``ValueError``."""
    if isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise ValueError(f"it holds a text of {len(value):,} characters")
        if any(unicodedata.category(character)[0] == "C" for character in value):
            raise ValueError("it holds a text with characters that cannot be seen")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(key)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


def _sentence(error: ValidationError) -> str:
    """The first mistake, with the place where it stands."""
    mistake = error.errors()[0]
    place = ".".join(str(part) for part in mistake["loc"])[:100]
    if mistake["type"] == "extra_forbidden":
        return f"'{place}' is not a field of it"
    if mistake["type"] == "missing":
        return f"'{place}' is missing"
    if mistake["type"] == "greater_than_equal":
        return f"'{place}' is {mistake['input']}, expected is at least {mistake['ctx']['ge']}"
    words = mistake["msg"].removeprefix("Value error, ")
    return f"'{place}': {words}" if place else words


def _too_large(name: str) -> str:
    return f"'{name[:80]}' is larger than {MOST_BYTES // 1_000_000} MB; expected is a file written by measure.py."
