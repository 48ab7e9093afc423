"""Runs as plain rows for charts and tables: one row per run, target and batch size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from sys import intern
from typing import Any

from explorer.latest import Latest
from explorer.measure.statistics import wilson
from explorer.runlike import RunLike, remembered
from explorer.texts import t
from explorer.variant import Variant as Variant

FALLBACK_TARGET = "cpu-onnxruntime"
SPLIT = "validation"
SAME_ANSWERS = 0.99
"""Share of answers as at home from which on the accuracy at home, over the whole split, stands for another machine."""

_PERCENTILES = [f"{percentile}{part}_ms" for percentile in ("p90", "p95", "p99") for part in ("", "_low", "_high")]
# What a row says about its own variant and not about the baseline beside it.
_NOT_THE_BASELINES = [
    "difference_low",
    "difference_high",
    "within_noise",
    *_PERCENTILES,
    "throughput_per_s",
    "speedup_low",
    "speedup_high",
    "noise_reason",
    "peak_rss_bytes",
    "cold_start_ms",
]
_SHARED_LATENCY = [
    "batch",
    "sequence",
    "lengths",
    "p50_ms",
    "p50_low_ms",
    "p50_high_ms",
    *_PERCENTILES,
    "baseline_p50_ms",
    "baseline_p50_low_ms",
    "baseline_p50_high_ms",
    "throughput_per_s",
    "speedup",
    "speedup_low",
    "speedup_high",
    "noise_reason",
]


def flatten(runs: Iterable[RunLike]) -> list[Variant]:
    """All rows of the runs that have a result, in the order of the runs."""
    return [row for run in runs if run.finished for row in own_rows(run)]


def own_rows(run: RunLike) -> list[Variant]:
    """The rows of one finished run."""
    return remembered(run, "rows", lambda: rows_of(run, run.result or {}))


def rows_of(run: RunLike, result: dict[str, Any]) -> list[Variant]:
    """The rows of one run: its targets in the order of the result, each batch size."""
    common = common_fields(run, result)
    targets = dict.fromkeys(entry["target"] for entry in (*result["latency"], *result["accuracy"]))
    rows = []
    for target in targets:
        accuracy, host = accuracy_fields(result, target) | _use(result, target), host_of(result["host"], target)
        latencies = _wholly_or_partly(entry for entry in result["latency"] if entry["target"] == target)
        for latency in latencies or [{"batch": 1, "sequence": 0}]:
            rows.append(Variant(**{**common, "host": host}, target=target, **_latency(latency), **accuracy))
    return rows + [row for report in reversed(result.get("elsewhere", ())) for row in _reported(common, result, report)]


def _use(result: dict[str, Any], target: str) -> dict[str, Any]:
    """What a process of this target takes, as far as it was measured."""
    use: dict[str, Any] = next((use for use in result.get("targets") or () if use["target"] == target), {})
    start = use.get("cold_start") or {}
    return {"peak_rss_bytes": use.get("peak_rss_bytes"), "cold_start_ms": start.get("p50_ms")}


def _wholly_or_partly(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The latencies on one target, without sizes that the model does not take where others were measured."""
    found = list(entries)
    measured = [entry for entry in found if entry.get("kind", "measured") != "unavailable"]
    return measured or found


def _reported(common: dict[str, Any], result: dict[str, Any], report: dict[str, Any]) -> list[Variant]:
    """The rows of what one other machine measured of this run's artefact."""
    place = {"reported": True, "date": report["measured_at"][:10]}
    return [
        Variant(
            **{**common, **place, "host": host_of(report["host"], latency["target"])},
            target=latency["target"],
            **_latency(latency),
            **_reported_accuracy(result, report, latency["target"]),
        )
        for latency in report["latency"]
        if latency.get("kind", "measured") == "measured"
    ]


def _reported_accuracy(result: dict[str, Any], report: dict[str, Any], target: str) -> dict[str, Any]:
    """The accuracy at home where the same answers came out, since it rests on more inputs; else the reported one."""
    home, there = accuracy_fields(result, FALLBACK_TARGET), accuracy_fields(report, target)
    same = next((entry for entry in report["agreement"] if entry["target"] == target), None)
    agrees = same is not None and same["same"] >= SAME_ANSWERS * same["samples"]
    return home if not there or (home and agrees) else there


def choose(
    rows: list[Variant],
    target: str,
    batch: int,
    models: Collection[str] = (),
    families: Collection[str] = (),
    studies: Collection[str] = (),
    device: str | None = None,
    length: str | None = None,
) -> list[Variant]:
    """One row per run: on this target at this batch size; a filter that is empty lets everything through.

    ``length`` is that of ``length_of``; without it the length that a run was measured at first is taken. Images have
    one size only and always fit.

    A family lets every variant through that has it among others. Baselines always stay, to compare with: those of the
    variants that are shown, whatever study they were run in.
    The same list comes back for the same list of rows, neither of which anybody may change.
    What this machine measured goes before what others reported, and of those the one that reported most variants is
    taken; ``device`` names another one, and then only its reports are shown.
    """
    wishes = target, batch, tuple(models), tuple(families), tuple(studies), device, length
    return _chosen.of((rows,), wishes, lambda: _choose(rows, *wishes))


_chosen: Latest[list[Variant]] = Latest(4)


def _choose(
    rows: list[Variant],
    target: str,
    batch: int,
    models: Collection[str],
    families: Collection[str],
    studies: Collection[str],
    device: str | None,
    length: str | None,
) -> list[Variant]:
    fitting = []
    for row in rows:
        fits = row.target == target and (row.batch == batch or not row.available)
        fits = fits and (not models or row.model in models) and _has_length(row, length)
        if fits and (not families or row.baseline or set(families) & {row.family, *row.families}):
            fitting.append(row)
    fitting = _of_studies(fitting, studies) if studies else fitting
    chosen: dict[str, Variant] = {}
    for row in _of_one_device(fitting, target, device):
        if row.run not in chosen or (row.available and not chosen[row.run].available):
            chosen[row.run] = row
    return list(chosen.values())


def length_of(row: Variant) -> str:
    """The length of its inputs: ``real``, or tokens (pixels of a side) as digits."""
    return "real" if row.lengths == "real" else str(row.sequence)


def length_words(length: str) -> str:
    """A length of ``length_of`` in words."""
    return t("length.real") if length == "real" else t("length.tokens", tokens=length)


def _has_length(row: Variant, length: str | None) -> bool:
    return length is None or not row.available or row.kind == "image" or length_of(row) == length


def _of_studies(rows: list[Variant], studies: Collection[str]) -> list[Variant]:
    """The rows of these studies, and the baselines that stand beside them."""
    inside = [row for row in rows if set(row.studies) & set(studies)]
    places = {place_of(row) for row in inside}
    return [row for row in rows if set(row.studies) & set(studies) or (row.baseline and place_of(row) in places)]


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


def models_of_one_task(rows: list[Variant], shown: str | None = None) -> list[str]:
    """The models that share the task of the run ``shown``, else of the latest own one, else of the first."""
    if not rows:
        return []
    known = _places.of((rows,), None, lambda: _learn_places(rows))
    return list(known.models[known.of(shown)[1]])


def model_of(rows: list[Variant], shown: str | None = None) -> str:
    """The model of the run ``shown``, else of the latest own one, else of the first; raises ``ValueError`` for none."""
    if not rows:
        raise ValueError("there are no variants")
    return _places.of((rows,), None, lambda: _learn_places(rows)).of(shown)[0]


@dataclass(frozen=True)
class _Places:
    """Model and task of every run, and ``usual``: those of the latest own run, else of the first one.

    ``models`` has the models of each task in order.
    """

    usual: tuple[str, str]
    runs: dict[str, tuple[str, str]]
    models: dict[str, dict[str, None]]

    def of(self, run: str | None) -> tuple[str, str]:
        """Model and task of a run, or what is usual."""
        return self.runs.get(run or "", self.usual)


_places: Latest[_Places] = Latest()


def _learn_places(rows: list[Variant]) -> _Places:
    own = [row for row in rows if not row.recorded and not row.derived]
    models: dict[str, dict[str, None]] = {}
    for row in rows:
        models.setdefault(row.task, {})[row.model] = None
    usual = max(own, key=lambda row: row.run) if own else rows[0]
    return _Places((usual.model, usual.task), {row.run: (row.model, row.task) for row in rows}, models)


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


def host_of(host: dict[str, Any], target: str) -> str:
    """The part of the machine that ran a target, in a few words: ``cuda-torch`` and its like run on the GPU."""
    return host_text(host, target.partition("-")[0])


def with_baselines(rows: list[Variant], runs: Iterable[RunLike]) -> list[Variant]:
    """``rows`` and, for each model without a baseline run of its own, the baseline its results were compared with."""
    present = {place_of(row) for row in rows if row.baseline}
    beside = {place_of(row): row for row in rows if not row.baseline and row.available and row.speedup is not None}
    missing = [row for place, row in beside.items() if place not in present]
    by_run = {run.run: run for run in runs if run.finished} if missing else {}
    return rows + [_derived_baseline(row, (by_run[row.run].result or {})["baseline_size"]) for row in missing]


def place_of(row: Variant) -> tuple[Any, ...]:
    """What a variant has in common with the baseline that it stands beside."""
    return row.model, row.task, row.recorded, row.reported, row.host, row.target, row.batch, length_of(row)


def _derived_baseline(row: Variant, size: dict[str, int]) -> Variant:
    """The baseline measured beside ``row``: what the row's figures say about it."""
    blank = dict.fromkeys(_NOT_THE_BASELINES)
    known: dict[str, Any] = {
        "run": f"baseline-of-{row.run}",
        "label": "baseline",
        "family": "baseline",
        "families": (),
        "derived": True,
        **{f"accuracy{end}": getattr(row, f"baseline_accuracy{end}") for end in ("", "_low", "_high")},
        **{f"p50{end}_ms": getattr(row, f"baseline_p50{end}_ms") for end in ("", "_low", "_high")},
        "difference": 0.0,
        "speedup": 1.0,
        "noisy": False,
    }
    return replace(row, **{**blank, **size, **known})


def common_fields(run: RunLike, result: dict[str, Any]) -> dict[str, Any]:
    """What all rows of a run have in common."""
    return {
        "run": run.run,
        "model": run.model,
        "label": run.label,
        "studies": run.studies,
        "recorded": run.recorded,
        "imported": run.imported,
        "task": intern(result["task"]),
        "kind": intern(result.get("kind", "text")),
        "family": family_of(run.families),
        "families": tuple(run.families),
        "host": host_text(result["host"]),
        "date": intern(result["finished_at"][:10]),
        **result["size"],
    }


def accuracy_fields(result: dict[str, Any], target: str) -> dict[str, Any]:
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
        **_baseline_accuracy(entry.get("baseline"), entry["samples"]),
        **{key: entry.get(key) for key in ("difference", "difference_low", "difference_high", "within_noise")},
    }


def _baseline_accuracy(value: float | None, samples: int) -> dict[str, float | None]:
    """The accuracy of the baseline, a share of as many inputs, with Wilson's interval."""
    if value is None:
        return {}
    low, high = wilson(round(value * samples), samples)
    return {"baseline_accuracy": value, "baseline_accuracy_low": low, "baseline_accuracy_high": high}


def _latency(entry: dict[str, Any]) -> dict[str, Any]:
    kind = entry.get("kind", "measured")
    return {
        **{key: entry.get(key) for key in _SHARED_LATENCY},
        "lengths": entry.get("lengths", "padded"),
        "available": kind != "unavailable",
        "reason": entry.get("reason"),
        "estimated": kind == "estimated",
        "noisy": bool(entry.get("noisy")),
    }
