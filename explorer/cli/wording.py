"""Runs and results in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.housekeeping import Removed
    from explorer.measure.elsewhere import Report
    from explorer.store import RunRow
    from explorer.variants import Variant


def measured(report: Report) -> list[str]:
    """A report in lines: each target with its accuracy and times."""
    lines = [report.device.name]
    for entry in (accuracy.model_dump() for accuracy in report.accuracy):
        lines.append(f"accuracy   {entry['target']}, {entry['split']}{condition(entry)}: {accuracy(entry)}")
    for entry in (latency.model_dump() for latency in report.latency):
        lines.append(f"latency    {entry['target']}, {shape(entry)}: {timing(entry)}")
    return lines


def summary(row: RunRow) -> list[str]:
    assert row.result is not None
    size, before = row.result["size"], row.result["baseline_size"]
    lines = [
        f"{row.run}  {row.model}  {row.label}",
        f"file size  {size['file_bytes'] / 1e6:.2f} MB (baseline {before['file_bytes'] / 1e6:.2f} MB), "
        f"zipped {size['zipped_bytes'] / 1e6:.2f} MB, {size['parameters']:,} parameters, "
        f"{size['nonzero_parameters']:,} of them not zero",
    ]
    for entry in row.result["accuracy"]:
        lines.append(f"accuracy   {entry['target']}, {entry['split']}{condition(entry)}: {accuracy(entry)}")
    for entry in row.result["latency"]:
        lines.append(f"latency    {entry['target']}, {shape(entry)}: {timing(entry)}")
    return lines + [str(finding) for finding in row.result.get("findings", [])]


def condition(entry: dict[str, Any]) -> str:
    """What was done to the inputs before, if anything was."""
    return {"typos": " with typing errors", "noise": " with noise"}.get(entry.get("condition", ""), "")


def shape(entry: dict[str, Any]) -> str:
    return f"batch {entry['batch']} x {'real lengths' if entry.get('lengths') == 'real' else entry['sequence']}"


def accuracy(entry: dict[str, Any]) -> str:
    if entry.get("value") is None:
        return f"unavailable: {entry.get('reason')}"
    text = f"{entry['value']:.1%} [{entry['ci_low']:.1%}, {entry['ci_high']:.1%}] of {entry['samples']}"
    if entry.get("difference") is None:
        return text
    from explorer.quantities import signed

    noise = ", within sampling noise" if entry.get("within_noise") else ""
    return f"{text}, {signed(100 * entry['difference'])} points against the baseline{noise}"


def timing(entry: dict[str, Any]) -> str:
    if entry.get("p50_ms") is None:
        return f"unavailable: {entry.get('reason')}"
    text = f"p50 {entry['p50_ms']:.3g} ms, p95 {entry['p95_ms']:.3g} ms"
    if entry.get("speedup") is not None:
        text += f", {entry['speedup']:.2f}× the baseline [{entry['speedup_low']:.2f}, {entry['speedup_high']:.2f}]"
    return text + (", noisy" if entry.get("noisy") else "")


def latency(row: Variant) -> str:
    speedup = f" ({row.speedup:.2f}× the baseline)" if row.speedup is not None else ""
    return f"{row.p50_ms:.3g} ms{speedup}" if row.p50_ms is not None else "no latency"


def line(row: RunRow, name: str, place: int | None, held: bool) -> str:
    """A run in one line; ``place`` is its place in the queue, None where it does not wait; ``held``: that is paused."""
    doing = f"  {row.text}" if row.state == "running" and row.text else waiting(row, place, held)
    done = f" {row.fraction:.0%}" if row.state == "running" and row.text and row.fraction is not None else ""
    why = f"  {row.reason}" if row.reason else ""
    who = f"  by {row.launched_by}" if row.launched_by else ""
    return f"{row.run}  {'paused' if row.paused else row.state:<9}  {row.model}  {name}{who}{doing}{done}{why}"


def waiting(row: RunRow, place: int | None, held: bool) -> str:
    """Which place in the queue a run has, and why it waits where it says so."""
    if place is None:
        return ""
    why = ", which is paused" if held else f", {row.text}" if row.stage == "wait" and row.text else ""
    return f"  place {place} in the queue{why}"


def removed(one: Removed) -> str:
    """What lies in the trash of a run in one line."""
    from explorer.quantities import file_size

    until = f"goes {one.until[:16].replace('T', ' ')} UTC"
    return f"{one.run}  {one.what:<11}  {one.model}  {one.label}  {file_size(one.bytes)}  {until}"


def parameter(parameter: dict[str, Any]) -> str:
    if parameter["kind"] == "slider":
        expected = f"{parameter['low']} to {parameter['high']} {parameter['unit']}".strip()
    elif parameter["kind"] in ("choice", "stops"):
        expected = " | ".join(str(option) for option in parameter["options"])
    elif parameter["kind"] == "text":
        expected = "text"
    else:
        expected = "true | false"
    default = "none" if parameter["default"] == "" else parameter["default"]
    return f"{parameter['name']}: {expected}, default {default}. {parameter['help']}"


def available(reason: str | None) -> str:
    return "available" if reason is None else f"unavailable: {reason}"
