"""Repeating a finished run's measurements on its saved artefact, and saying what differs.

Comparing is apart from measuring: the functions below take what was recorded and what was found. Answers of the same
file on the same computer are the same, so accuracies must agree to the last input; speed-ups agree when their intervals
overlap or within 5 %.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from explorer.access import check_may_change
from explorer.artefacts import MODEL_FILE, artefact_digest, model_sha256, recipe_of
from explorer.context import Report as Tell
from explorer.errors import BadInput, ExplorerError
from explorer.home import runs_folder
from explorer.recipe import Recipe
from explorer.result import Accuracy, Latency, Result
from explorer.rundir import RunFolder, open_run
from explorer.store import RunRow, Store

WITHIN = 0.05
SIZES = ("file_bytes", "zipped_bytes", "parameters", "nonzero_parameters")
HOST = ("cpu", "isa", "cores", "threads", "os", "gpu")

State = Literal["ok", "differs", "not possible"]


@dataclass(frozen=True)
class Check:
    """One comparison: ``name`` says what was compared, ``text`` what was found."""

    name: str
    state: State
    text: str


def verify(run: str, tell: Tell, rebuild: bool = False) -> list[Check]:
    """Measure a run's artefact again; with ``rebuild`` also make it again from scratch, in a temporary folder.

    Raises ``BadInput`` for a run that is not done, or whose artefact is not here and that is not rebuilt, and for a
    guest: it takes the machine, and what it computes on the way is kept in the cache.
    """
    check_may_change()
    row = Store().run(run)
    if row.state != "done" or row.result is None:
        raise BadInput(f"The run '{run}' is {row.state}; only one that is done can be verified.")
    if row.recorded:
        if not rebuild:
            raise BadInput(f"'{run}' is a recorded run and has no artefact here; add --rebuild to make it again.")
        return [*_computer_checks(row.result), *_rebuilt(row, Recipe.parse(row.recipe), tell)]
    folder = open_run(runs_folder(), run)
    checks = _saved(folder, row.result, rebuild, tell)
    return checks + (_rebuilt(row, recipe_of(folder.path), tell) if rebuild else [])


def _saved(folder: RunFolder, result: dict[str, Any], rebuild: bool, tell: Tell) -> list[Check]:
    """Everything about the artefact as it lies in the run's folder."""
    from explorer.remeasure import measure_run

    checks = _computer_checks(result)
    if not (folder.path / "artefact" / MODEL_FILE).is_file():
        if not rebuild:
            raise BadInput(f"The model file of run '{folder.run}' is gone; add --rebuild to make it again.")
        return [*checks, Check("saved artefact", "not possible", "its model file is gone")]
    files = list(file_checks(folder.path / "artefact", result))
    checks += files
    try:
        found = measure_run(folder.path, tell)
    except Exception as error:
        if not isinstance(error, ExplorerError) and all(check.state == "ok" for check in files):
            raise  # of a file that somebody changed anything can be expected, but this one is as it was
        return [*checks, Check("measuring again", "not possible", " ".join(str(error).split())[:200])]
    checks += accuracy_checks(result["accuracy"], found.accuracy)
    return checks + list(latency_checks(result["latency"], found.latency))


def _rebuilt(row: RunRow, recipe: Recipe, tell: Tell) -> list[Check]:
    """The recipe executed again, reusing nothing."""
    from explorer.pipeline import execute

    assert row.result is not None
    with tempfile.TemporaryDirectory(prefix="explorer-verify-") as place:
        found = execute(recipe, Path(place), tell, run=row.run, digest=row.digest, fresh=True)
    return list(rebuild_checks(row.result, found))


def _computer_checks(result: dict[str, Any]) -> list[Check]:
    from explorer.measure.host import fingerprint

    return list(computer_checks(result["host"], fingerprint()))


def computer_checks(recorded: dict[str, Any], found: dict[str, Any]) -> Iterator[Check]:
    """Host and versions, on which answers and times depend."""
    parts = [name for name in HOST if recorded.get(name) != found.get(name)]
    words = "; ".join(f"{name} was {_short(recorded.get(name))}, is {_short(found.get(name))}" for name in parts)
    yield Check("host", "differs" if parts else "ok", words or str(found.get("cpu")))
    before, now = recorded.get("versions", {}), found.get("versions", {})
    changed = [name for name in before if before[name] != now.get(name)]  # what came in addition changes nothing
    words = "; ".join(f"{name} was {before[name]}, is {now.get(name, 'absent')}" for name in changed)
    yield Check("versions", "differs" if changed else "ok", words or _listed(now))


def file_checks(artefact: Path, result: dict[str, Any]) -> Iterator[Check]:
    """Digests and sizes, from the files."""
    from explorer.measure.size import measure_size

    recorded = result["artefact"]
    yield _equal("artefact digest", recorded["digest"], artefact_digest(artefact))
    known, digest = recorded.get("model_sha256"), model_sha256(artefact / MODEL_FILE)
    if known:
        yield _equal("model digest", known[:16], digest[:16])
    else:
        yield Check("model digest", "not possible", f"the result does not name it; it is {digest[:16]}")
    try:
        size = measure_size(artefact / MODEL_FILE).model_dump()
    except ExplorerError as error:
        yield Check("size", "not possible", str(error))
        return
    yield from _sizes("", result["size"], size)


def accuracy_checks(recorded: Iterable[dict[str, Any]], found: Iterable[Accuracy]) -> list[Check]:
    """Right answers on every target and split, counted."""
    now = {(entry.target, entry.split, entry.condition): entry for entry in found}
    return [
        _accuracy_check(before, now.get((before["target"], before["split"], before.get("condition", "clean"))))
        for before in recorded
    ]


def _accuracy_check(before: dict[str, Any], now: Accuracy | None) -> Check:
    condition = before.get("condition", "clean")
    name = f"accuracy {before['target']}, {before['split']}" + (f", {condition}" if condition != "clean" else "")
    if before.get("value") is None:
        return Check(name, "not possible", f"it was unavailable: {before.get('reason')}")
    if now is None or now.value is None:
        return Check(name, "not possible", f"it is unavailable here: {now.reason if now else 'it was not measured'}")
    if before["samples"] != now.samples:
        return Check(name, "differs", f"{before['samples']:,} inputs then, {now.samples:,} now: the data changed")
    right, right_now = (round(value * now.samples) for value in (before["value"], now.value))
    if right == right_now:
        return Check(name, "ok", f"{right:,} of {now.samples:,} right")
    return Check(
        name, "differs", f"{right:,} of {now.samples:,} were right, {right_now:,} are ({right_now - right:+,})"
    )


def latency_checks(recorded: Iterable[dict[str, Any]], found: Iterable[Latency]) -> Iterator[Check]:
    """Speed-ups at every shape on every target."""
    now = {(entry.target, *_shape(entry.model_dump())): entry for entry in found}
    for before in recorded:
        yield _latency_check(before, now.get((before["target"], *_shape(before))))


def _latency_check(before: dict[str, Any], now: Latency | None) -> Check:
    tokens = "real lengths" if before.get("lengths") == "real" else str(before["sequence"])
    name = f"speed-up {before['target']}, {before['batch']} x {tokens}"
    if before.get("speedup") is None:
        return Check(name, "not possible", f"it was unavailable: {before.get('reason')}")
    if now is None or now.speedup is None:
        return Check(name, "not possible", f"it is unavailable here: {now.reason if now else 'it was not measured'}")
    low, high = before.get("speedup_low"), before.get("speedup_high")
    overlap = None not in (low, high, now.speedup_low, now.speedup_high) and (
        float(low or 0) <= float(now.speedup_high or 0) and float(now.speedup_low or 0) <= float(high or 0)
    )
    away = now.speedup / before["speedup"] - 1
    words = f"{before['speedup']:.2f} times the baseline then, {now.speedup:.2f} now ({away:+.1%})"
    noise = [when for when, noisy in (("then", before.get("noisy")), ("now", now.noisy)) if noisy]
    words += f"; marked as noisy {' and '.join(noise)}" if noise else ""
    return Check(name, "ok" if overlap or abs(away) <= WITHIN else "differs", words)


def rebuild_checks(recorded: dict[str, Any], found: Result) -> Iterator[Check]:
    """Digests, size and accuracy of an artefact that was made again from scratch."""
    yield _equal("rebuilt: artefact digest", recorded["artefact"]["digest"], found.artefact.digest)
    known = recorded["artefact"].get("model_sha256")
    if known:
        yield _equal("rebuilt: model digest", known[:16], str(found.artefact.model_sha256)[:16])
    yield from _sizes("rebuilt: ", recorded["size"], found.size.model_dump())
    for check in accuracy_checks(recorded["accuracy"], found.accuracy):
        yield Check(f"rebuilt: {check.name}", check.state, check.text)


def agrees(checks: Iterable[Check]) -> bool:
    """Whether nothing differs."""
    return all(check.state != "differs" for check in checks)


def lines(checks: Iterable[Check]) -> list[str]:
    """The checks as a table of text."""
    rows = list(checks)
    width = max((len(row.name) for row in rows), default=0)
    return [f"{row.name:<{width}}  {row.state:<12}  {row.text}" for row in rows]


def _sizes(prefix: str, recorded: dict[str, int], found: dict[str, int]) -> Iterator[Check]:
    for name in SIZES:
        yield _equal(f"{prefix}{name.replace('_', ' ')}", f"{recorded[name]:,}", f"{found[name]:,}")


def _equal(name: str, before: str, now: str) -> Check:
    return Check(name, "ok", now) if before == now else Check(name, "differs", f"was {before}, is {now}")


def _shape(entry: dict[str, Any]) -> tuple[int, int | str]:
    """Batch and length; a mean of real lengths is only a description."""
    return entry["batch"], "real" if entry.get("lengths") == "real" else entry["sequence"]


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
