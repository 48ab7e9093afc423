"""Whether the answers are worse, and what it takes to call them so."""

from __future__ import annotations

from collections.abc import Iterator

from explorer.measure.findings.graph import GraphFacts
from explorer.measure.findings.words import Facts, listed, points, step, steps
from explorer.technique import techniques

CONDITIONS = {"typos": " with typing errors", "noise": " with noise on the pixels"}


def beyond_noise(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Changes that are more than sampling noise."""
    for entries in _alike(result, within_noise=False):
        entry = entries[0]
        interval = f"95 % interval {points(entry['difference_low'])} to {points(entry['difference_high'])}"
        advice = _advice(result) if entry["difference"] < 0 else ""
        yield f"The change in accuracy of {_where(entries)} is more than sampling noise ({interval}).{advice}"


GENTLER = {
    "weight-bits": "More bits or smaller groups may lose less.",
    "int8-dynamic": "One scale per channel (per_channel) may lose less.",
}


def _advice(result: Facts) -> str:
    """What may win back what was lost: training, which must stand before the steps that change the exported file."""
    if step(result, "fine-tune", "distill-student"):
        return ""
    known = techniques()
    names = [given["technique"] for given in steps(result)]
    deployed = next((name for name in names if name in known and known[name].stage == "deploy"), None)
    if deployed is None:
        return " A fine-tune step after it may win some of it back."
    if names[0] == deployed:
        return f" {GENTLER[deployed]}" if deployed in GENTLER else ""
    return f" A fine-tune step before '{deployed}' may win some of it back."


def within_noise(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Changes that say nothing."""
    for entries in _alike(result, within_noise=True):
        p_value = f"p = {entries[0]['p_value']:.2g}"
        if points(entries[0]["difference"]) == points(0):
            yield f"The accuracy on {_place(entries)} is the baseline's to within 0.05 points."
        else:
            yield f"The change in accuracy of {_where(entries)} is within sampling noise ({p_value})."


def _alike(result: Facts, within_noise: bool) -> list[list[Facts]]:
    """Measured entries of one verdict; targets that give the same figures on a split stand together."""
    groups: dict[tuple[object, ...], list[Facts]] = {}
    for entry in result["accuracy"]:
        if entry["kind"] == "measured" and entry["difference"] is not None and entry["within_noise"] == within_noise:
            key = entry["split"], entry.get("condition"), *(points(entry[name]) for name in _SHOWN), entry["p_value"]
            groups.setdefault(key, []).append(entry)
    return list(groups.values())


_SHOWN = ("difference", "difference_low", "difference_high")


def _where(entries: list[Facts]) -> str:
    return f"{points(entries[0]['difference'])} points on {_place(entries)}"


def _place(entries: list[Facts]) -> str:
    entry = entries[0]
    targets = listed(entry["target"] for entry in entries)
    inputs = f"{entry['split']}, {entry['samples']:,} inputs{CONDITIONS.get(entry.get('condition', ''), '')}"
    return f"{targets} ({inputs})"
