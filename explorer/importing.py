"""Taking in what another machine measured: the file must be about the very artefact that a run of one's own made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explorer.access import check_may_change
from explorer.artefacts import MODEL_FILE, baseline_file, model_sha256
from explorer.errors import BadInput
from explorer.home import runs_folder
from explorer.measure.elsewhere import Report
from explorer.quantities import short_date, significant
from explorer.rundir import RunFolder, open_run
from explorer.store import RunRow, Store
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import host_text


@dataclass(frozen=True)
class Imported:
    """The runs whose artefact a report is about; ``new`` are those that did not have it yet."""

    runs: tuple[str, ...]
    new: tuple[str, ...]


def take_in(report: Report, run: str | None = None) -> Imported:
    """Put a report into the folders of the finished runs that it is about, or of ``run`` alone.

    Raises ``BadInput`` where none has this artefact, or where it was measured beside another baseline.
    """
    check_may_change()
    rows = _candidates(run)
    found = [row for row in rows if _digest(row) == report.model_sha256]
    if not found:
        raise BadInput(_refusal(report, rows, run))
    for row in found:
        _check_baseline(report, row)
    folders = [RunFolder(runs_folder() / row.run) for row in found]
    new = [folder.run for folder in folders if folder.add_measurements(report.text())]
    for name in new:
        Store().refresh(name)
    return Imported(tuple(row.run for row in found), tuple(new))


def reported(result: dict[str, Any]) -> list[list[str]]:
    """What other machines measured of a run, newest first, in words.

    Each row: device, target, batch and length, p50, speed-up, answers as at home, day.
    """
    return [
        _words(report, entry)
        for report in reversed(result.get("elsewhere", ()))
        for entry in report["latency"]
        if entry.get("p50_ms") is not None
    ]


def _words(report: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    target, nothing, speed = entry["target"], t("number.none"), entry.get("speedup")
    real = entry.get("lengths") == "real"
    same = next((agreed for agreed in report["agreement"] if agreed["target"] == target), None)
    faster = f"{significant(speed)}×" if speed is not None else nothing
    return [
        sentence(host_text(report["host"], target.partition("-")[0])),
        target_title(target),
        t("elsewhere.shape.real" if real else "elsewhere.shape", batch=entry["batch"], length=entry["sequence"]),
        f"{significant(entry['p50_ms'])} ms",
        f"{faster} ({t('elsewhere.noisy')})" if entry.get("noisy") else faster,
        t("elsewhere.same", same=same["same"], samples=same["samples"]) if same else nothing,
        short_date(report["measured_at"]),
    ]


def _candidates(run: str | None) -> list[RunRow]:
    if run is None:
        return [row for row in Store().runs(states=("done",)) if not row.recorded]
    open_run(runs_folder(), run)  # a recorded run has no folder
    row = Store().run(run)
    if row.state != "done":
        raise BadInput(f"The run '{run}' is {row.state}; measurements can be added to one that is done.")
    return [row]


def _digest(row: RunRow) -> str | None:
    """The digest of a run's model file: from its result, else from the file; None where neither is there."""
    artefact: dict[str, Any] = (row.result or {}).get("artefact") or {}
    if artefact.get("model_sha256"):
        return str(artefact["model_sha256"])
    try:
        return model_sha256(runs_folder() / row.run / "artefact" / MODEL_FILE)
    except OSError:
        return None


def _check_baseline(report: Report, row: RunRow) -> None:
    path = baseline_file(runs_folder() / row.run) if report.baseline_sha256 else None
    if path is not None and model_sha256(path) != report.baseline_sha256:
        raise BadInput(
            f"The file's speed-ups are against another baseline: its digest begins with "
            f"{str(report.baseline_sha256)[:12]}, that of run '{row.run}' with {model_sha256(path)[:12]}."
        )


def _refusal(report: Report, rows: list[RunRow], run: str | None) -> str:
    given = f"The file is about a model whose digest begins with {report.model_sha256[:12]}"
    if not rows:
        return f"{given}, and there is no finished run of your own; expected is one that made this model."
    whose = f"run '{run}'" if run else f"the latest of your {len(rows)} finished runs"
    return f"{given}, that of {whose} begins with {(_digest(rows[-1]) or 'nothing known')[:12]}; they must be equal."
