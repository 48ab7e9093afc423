"""Runs as plain rows for charts and tables: one row per run, target and batch size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

FALLBACK_TARGET = "cpu-onnxruntime"
SPLIT = "validation"
SAME_ANSWERS = 0.99
"""Share of answers as at home from which on the accuracy at home, over the whole split, stands for another machine."""


class RunLike(Protocol):
    """What is read of a run; ``explorer.store.RunRow`` has it."""

    @property
    def run(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def study(self) -> str: ...
    @property
    def recorded(self) -> bool: ...
    @property
    def families(self) -> tuple[str, ...]: ...
    @property
    def result(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant on one target at one batch size; fractions, bytes, milliseconds, None where not measured.

    ``available`` is False when the target was not there, ``reason`` says why. ``estimated`` marks a latency that
    was not measured. ``derived`` marks a baseline read off another run's result, which has no run of its own.
    ``reported`` marks what another machine, named in ``host``, measured and somebody took in here.
    """

    run: str
    model: str
    label: str
    study: str
    recorded: bool
    task: str
    family: str
    families: tuple[str, ...]
    host: str
    date: str
    file_bytes: int
    zipped_bytes: int
    parameters: int
    nonzero_parameters: int
    target: str
    batch: int
    sequence: int
    available: bool = True
    reason: str | None = None
    estimated: bool = False
    derived: bool = False
    reported: bool = False
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    accuracy_target: str | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    within_noise: bool | None = None
    baseline_accuracy: float | None = None
    p50_ms: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    p95_ms: float | None = None
    baseline_p50_ms: float | None = None
    throughput_per_s: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    noisy: bool = False
    noise_reason: str | None = None

    @property
    def baseline(self) -> bool:
        """True for the uncompressed model."""
        return self.family == "baseline"


# What a row says about its own variant and not about the baseline beside it.
_NOT_THE_BASELINES = [
    "accuracy_low",
    "accuracy_high",
    "difference_low",
    "difference_high",
    "within_noise",
    "p50_low_ms",
    "p50_high_ms",
    "p95_ms",
    "throughput_per_s",
    "speedup_low",
    "speedup_high",
    "noise_reason",
]
_SHARED_LATENCY = [
    "batch",
    "sequence",
    "p50_ms",
    "p50_low_ms",
    "p50_high_ms",
    "p95_ms",
    "baseline_p50_ms",
    "throughput_per_s",
    "speedup",
    "speedup_low",
    "speedup_high",
    "noise_reason",
]


def flatten(runs: Iterable[RunLike]) -> list[Variant]:
    """All rows of the runs that have a result, in the order of the runs."""
    return [row for run in runs if run.result for row in rows_of(run, run.result)]


def rows_of(run: RunLike, result: dict[str, Any]) -> list[Variant]:
    """The rows of one run: its targets in the order of the result, each batch size."""
    common = _common(run, result)
    targets = dict.fromkeys(entry["target"] for entry in (*result["latency"], *result["accuracy"]))
    rows = []
    for target in targets:
        accuracy = _accuracy(result, target)
        latencies = [entry for entry in result["latency"] if entry["target"] == target]
        for latency in latencies or [{"batch": 1, "sequence": 0}]:
            rows.append(Variant(**common, target=target, **_latency(latency), **accuracy))
    return rows + [row for report in reversed(result.get("elsewhere", ())) for row in _reported(common, result, report)]


def _reported(common: dict[str, Any], result: dict[str, Any], report: dict[str, Any]) -> list[Variant]:
    """The rows of what one other machine measured of this run's artefact."""
    place = {"reported": True, "date": report["measured_at"][:10]}
    return [
        Variant(
            **{**common, **place, "host": host_text(report["host"], latency["target"].partition("-")[0])},
            target=latency["target"],
            **_latency(latency),
            **_reported_accuracy(result, report, latency["target"]),
        )
        for latency in report["latency"]
        if latency.get("kind", "measured") == "measured"
    ]


def _reported_accuracy(result: dict[str, Any], report: dict[str, Any], target: str) -> dict[str, Any]:
    """The accuracy at home where the same answers came out, since it rests on more inputs; else the reported one."""
    home, there = _accuracy(result, FALLBACK_TARGET), _accuracy(report, target)
    same = next((entry for entry in report["agreement"] if entry["target"] == target), None)
    agrees = same is not None and same["same"] >= SAME_ANSWERS * same["samples"]
    return home if not there or (home and agrees) else there


def choose(
    rows: Iterable[Variant],
    target: str,
    batch: int,
    models: Collection[str] = (),
    families: Collection[str] = (),
    studies: Collection[str] = (),
    device: str | None = None,
) -> list[Variant]:
    """One row per run: on this target at this batch size; a filter that is empty lets everything through.

    A family lets every variant through that has it among others; baselines always stay, to compare with.
    What this machine measured goes before what others reported, and of those the one that reported most variants is
    taken; ``device`` names another one, and then only its reports are shown.
    """
    fitting = []
    for row in rows:
        fits = row.target == target and (row.batch == batch or not row.available)
        fits = fits and (not models or row.model in models) and (not studies or row.study in studies)
        if fits and (not families or row.baseline or set(families) & {row.family, *row.families}):
            fitting.append(row)
    chosen: dict[str, Variant] = {}
    for row in _of_one_device(fitting, target, device):
        if row.run not in chosen or (row.available and not chosen[row.run].available):
            chosen[row.run] = row
    return list(chosen.values())


def reporting_devices(rows: Iterable[Variant], target: str) -> list[str]:
    """Other machines that reported figures of this target, the one with the most of them first."""
    hosts = Counter(row.host for row in rows if row.reported and not row.derived and row.target == target)
    return [host for host, _ in hosts.most_common()]


def _of_one_device(rows: list[Variant], target: str, device: str | None) -> list[Variant]:
    """The rows of this machine and what one other reported where this one measured nothing; or those of ``device``."""
    if device is not None:
        return [row for row in rows if row.reported and row.host == device]
    here = {row.run for row in rows if row.available and not row.reported}
    there = [row for row in rows if row.reported and row.run not in here]
    shown = next(iter(reporting_devices(there, target)), None)
    return [row for row in rows if not row.reported or (row.host == shown and row.run not in here)]


def models_of_one_task(rows: Iterable[Variant], shown: str | None = None) -> list[str]:
    """The models that share the task of the run ``shown``, else of the latest own one, else of the first."""
    known = list(rows)
    if not known:
        return []
    own = [row for row in known if not row.recorded and not row.derived]
    first = next((row for row in known if row.run == shown), max(own, key=lambda row: row.run) if own else known[0])
    task = first.task
    return list(dict.fromkeys(row.model for row in known if row.task == task))


def family_of(families: Iterable[str]) -> str:
    """The one family that decides a variant's colour.

    None is ``baseline``. Training only recovers what others lost, so it counts only when it stands alone.
    Two or more others together are ``combined``.
    """
    all_families = tuple(dict.fromkeys(families))
    compressing = [family for family in all_families if family != "training"]
    if len(compressing) > 1:
        return "combined"
    return compressing[0] if compressing else (all_families[0] if all_families else "baseline")


def host_text(host: dict[str, Any], device: str = "cpu") -> str:
    """The machine in a few words: CPU with its cores or, for ``cuda``, the GPU."""
    gpu = host.get("gpu")
    if device == "cuda" and gpu:
        return str(gpu.get("name"))
    return f"{host.get('cpu', '?')}, {host.get('cores', '?')} cores"


def with_baselines(rows: list[Variant], runs: Iterable[RunLike]) -> list[Variant]:
    """``rows`` and, for each model without a baseline run of its own, the baseline its results were compared with."""
    present = {_place(row) for row in rows if row.baseline}
    derived: dict[tuple[Any, ...], Variant] = {}
    sizes = {run.run: run.result["baseline_size"] for run in runs if run.result}
    for row in rows:
        if not row.baseline and row.available and _place(row) not in present and row.speedup is not None:
            derived[_place(row)] = _derived_baseline(row, sizes[row.run])
    return rows + list(derived.values())


def _place(row: Variant) -> tuple[Any, ...]:
    return row.model, row.task, row.recorded, row.reported, row.host, row.target, row.batch


def _derived_baseline(row: Variant, size: dict[str, int]) -> Variant:
    """The baseline measured beside ``row``: what the row's figures say about it, without intervals."""
    blank = dict.fromkeys(_NOT_THE_BASELINES)
    known: dict[str, Any] = {
        "run": f"baseline-of-{row.run}",
        "label": "baseline",
        "family": "baseline",
        "families": (),
        "derived": True,
        "accuracy": row.baseline_accuracy,
        "difference": 0.0,
        "p50_ms": row.baseline_p50_ms,
        "speedup": 1.0,
        "noisy": False,
    }
    return replace(row, **{**blank, **size, **known})


def _common(run: RunLike, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": run.run,
        "model": run.model,
        "label": run.label,
        "study": run.study,
        "recorded": run.recorded,
        "task": result["task"],
        "family": family_of(run.families),
        "families": tuple(run.families),
        "host": host_text(result["host"]),
        "date": result["finished_at"][:10],
        **result["size"],
    }


def _accuracy(result: dict[str, Any], target: str) -> dict[str, Any]:
    """The validation accuracy on ``target``, else the one on the fallback target; the same answers are expected."""
    measured = {
        entry["target"]: entry
        for entry in result["accuracy"]
        if entry["split"] == SPLIT
        and entry.get("condition", "clean") == "clean"
        and entry.get("kind", "measured") == "measured"
    }
    entry = measured.get(target) or measured.get(FALLBACK_TARGET)
    if entry is None:
        return {}
    return {
        "accuracy": entry["value"],
        "accuracy_low": entry.get("ci_low"),
        "accuracy_high": entry.get("ci_high"),
        "accuracy_target": entry["target"],
        "baseline_accuracy": entry.get("baseline"),
        **{key: entry.get(key) for key in ("difference", "difference_low", "difference_high", "within_noise")},
    }


def _latency(entry: dict[str, Any]) -> dict[str, Any]:
    kind = entry.get("kind", "measured")
    return {
        **{key: entry.get(key) for key in _SHARED_LATENCY},
        "available": kind != "unavailable",
        "reason": entry.get("reason"),
        "estimated": kind == "estimated",
        "noisy": bool(entry.get("noisy")),
    }
