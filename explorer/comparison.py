"""A result in words: the facts of one variant, a table of several, their recipes' differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.answers import baseline_macro_f1
from explorer.charts.compare import Bars
from explorer.labels import value_words
from explorer.quantities import count, cut, file_size, signed, significant
from explorer.store import RunRow
from explorer.technique import parameters_of
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence, setting
from explorer.variants import SPLIT

SIZES = ("file_bytes", "zipped_bytes", "parameters")
MOST_LATENCIES = 4


@dataclass(frozen=True)
class Fact:
    """One line about a variant: ``note`` says how it stands against the baseline or why it is missing.

    ``group`` is what it belongs to: the file, or a target.
    """

    key: str
    group: str
    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class TableRow:
    """One row of a table: a cell ``(value, note)`` per variant; a row without cells is the heading of a group.

    ``note`` is what holds for several of its cells, such as why they are unavailable.
    """

    name: str
    cells: tuple[tuple[str, str], ...] = ()
    note: str = ""


def facts(result: dict[str, Any]) -> list[Fact]:
    """Size, accuracy and latency of a result in words, each against the baseline measured beside it."""
    lines = [_size_fact(result, name) for name in SIZES]
    lines += _nonzero_fact(result["size"])
    memory, uses = result["memory"].get("peak_rss_bytes"), result.get("targets")
    if memory and not uses:  # results of earlier versions know one figure only
        lines.append(Fact("memory", t("fact.file"), t("fact.memory"), file_size(memory)))
    for target in dict.fromkeys(entry["target"] for entry in (*result["accuracy"], *result["latency"])):
        lines += _target_facts(result, target)
    return lines


def _size_fact(result: dict[str, Any], name: str) -> Fact:
    value, before = result["size"][name], result["baseline_size"][name]
    written = count(value) if name == "parameters" else file_size(value)
    return Fact(name, t("fact.file"), t(f"fact.{name}"), written, times_smaller(before, value))


def times_smaller(before: float, value: float) -> str:
    """How ``value`` stands against the baseline's ``before``, as ``3.89× smaller``: never rounded in its favour."""
    if before == value or not value:
        return t("fact.as_baseline")
    ratio = before / value
    return t("fact.smaller", ratio=cut(ratio)) if ratio > 1 else t("fact.larger", ratio=cut(1 / ratio, up=True))


def _nonzero_fact(size: dict[str, int]) -> list[Fact]:
    """Only where some are zero: else it says nothing."""
    all_of_them, nonzero = size["parameters"], size["nonzero_parameters"]
    if not all_of_them or nonzero >= 0.999 * all_of_them:
        return []
    share = t("fact.share", share=significant(100 * nonzero / all_of_them))
    return [Fact("nonzero", t("fact.file"), t("fact.nonzero_parameters"), count(nonzero), share)]


def _target_facts(result: dict[str, Any], target: str) -> list[Fact]:
    """Accuracy and latency on one target, or one line that says why there is neither."""
    title = target_title(target)
    accuracies = [entry for entry in result["accuracy"] if entry["target"] == target and entry.get("value") is not None]
    latencies = [entry for entry in result["latency"] if entry["target"] == target]
    timed = [entry for entry in latencies if entry.get("kind") != "unavailable"]
    if latencies and not timed:
        missing = latencies[0]
        return [
            Fact(
                f"missing {target}",
                title,
                t("fact.latency"),
                t("fact.unavailable"),
                sentence(missing.get("reason") or ""),
            )
        ]
    lines = [fact for entry in accuracies for fact in _accuracy_facts(entry, title, result["labels"])]
    lines += [_latency_fact(entry, title, _shape_words(entry, result)) for entry in _usual(timed)]
    use = next((use for use in result.get("targets", ()) if use["target"] == target), None)
    return lines + (_use_facts(use, title) if use else [])


def _use_facts(use: dict[str, Any], group: str) -> list[Fact]:
    """How the target ran and what a process of it costs."""
    target, start, energy = use["target"], use.get("cold_start"), use.get("energy")
    lines = [Fact(f"precision {target}", group, t("fact.precision"), use["precision_used"], _precision_words(use))]
    if start:
        note = t("fact.cold_start.baseline", ms=significant(start["baseline_p50_ms"]))
        lines.append(Fact(f"start {target}", group, t("fact.cold_start"), f"{significant(start['p50_ms'])} ms", note))
    if use.get("peak_rss_bytes"):
        note = t("fact.memory.baseline", size=file_size(use["baseline_peak_rss_bytes"]))
        lines.append(Fact(f"memory {target}", group, t("fact.memory"), file_size(use["peak_rss_bytes"]), note))
    if energy and energy["kind"] == "measured":
        note = t("fact.energy.baseline", mj=significant(energy["baseline_millijoules"]), batch=energy["batch"])
        lines.append(
            Fact(f"energy {target}", group, t("fact.energy"), f"{significant(energy['millijoules'])} mJ", note)
        )
    elif energy:
        lines.append(
            Fact(f"energy {target}", group, t("fact.energy"), t("fact.unavailable"), sentence(energy["reason"] or ""))
        )
    return lines


def _precision_words(use: dict[str, Any]) -> str:
    """Who computed, and what was asked for, or was used for the baseline, where that is something else."""
    asked, before, used = use["precision_asked"], use.get("baseline_precision_used"), use["precision_used"]
    words = [sentence(str(use["provider"]))]
    if asked not in ("stored", "auto", used):
        words.append(t("fact.precision.asked", asked=asked))
    if before not in (None, used):
        words.append(t("fact.precision.baseline", used=before))
    return ", ".join(words)


def _usual(latencies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of a whole grid the length that was measured first; the heatmap shows the others."""
    if len(latencies) <= MOST_LATENCIES:
        return latencies
    first = latencies[0]
    return [entry for entry in latencies if _same_length(entry, first)]


def _same_length(entry: dict[str, Any], other: dict[str, Any]) -> bool:
    real = [one.get("lengths") == "real" for one in (entry, other)]
    return real[0] == real[1] and (real[0] or entry["sequence"] == other["sequence"])


def _accuracy_facts(entry: dict[str, Any], group: str, labels: Sequence[str]) -> list[Fact]:
    """Accuracy; on undisturbed validation inputs also what says more about the answers, where it is known."""
    condition = entry.get("condition", "clean")
    place = f"{entry['target']} {entry['split']}" + ("" if condition == "clean" else f" {condition}")
    split = t(f"split.{entry['split']}")
    name = t("fact.accuracy" if condition == "clean" else f"fact.accuracy.{condition}", split=split)
    value = _percent(entry, "value", "ci_low", "ci_high")
    lines = [Fact(f"accuracy {place}", group, name, value, difference_words(entry))]
    if condition != "clean" or entry["split"] != SPLIT:
        return lines
    if entry.get("macro_f1") is not None:
        value = _percent(entry, "macro_f1", "macro_f1_low", "macro_f1_high")
        lines.append(Fact(f"macro_f1 {place}", group, t("fact.macro_f1"), value, _macro_f1_words(entry, labels)))
    if entry.get("agreement") is not None:
        lines.append(Fact(f"agreement {place}", group, t("fact.agreement"), _percent(entry, "agreement")))
    if entry.get("calibration_error") is not None:
        value = _percent(entry, "calibration_error")
        lines.append(Fact(f"calibration {place}", group, t("fact.calibration"), value, _calibration_words(entry)))
    return lines


def _percent(entry: dict[str, Any], field: str, low: str = "", high: str = "") -> str:
    """A fraction as percent, with its interval where there is one."""
    value = f"{100 * entry[field]:.1f} %"
    if entry.get(low) is None:
        return value
    return f"{value} [{100 * entry[low]:.1f}, {100 * entry[high]:.1f}]"


def _macro_f1_words(entry: dict[str, Any], labels: Sequence[str]) -> str:
    baseline = baseline_macro_f1(entry, labels)
    return "" if baseline is None else t("fact.points", points=signed(100 * (entry["macro_f1"] - baseline)))


def _calibration_words(entry: dict[str, Any]) -> str:
    baseline = entry.get("baseline_calibration_error")
    return "" if baseline is None else t("fact.calibration.baseline", error=f"{100 * baseline:.1f}")


def difference_words(entry: dict[str, Any]) -> str:
    """The difference to the baseline in points with its interval, and whether it is more than noise."""
    if entry.get("difference") is None:
        return ""
    words = t("fact.points", points=signed(100 * entry["difference"]))
    if entry.get("difference_low") is not None:
        words += f" [{signed(100 * entry['difference_low'])}, {signed(100 * entry['difference_high'])}]"
    if entry.get("within_noise") is None:
        return words
    return words + ", " + t("fact.within_noise" if entry["within_noise"] else "fact.beyond_noise")


def _latency_fact(entry: dict[str, Any], group: str, name: str) -> Fact:
    value = t("number.none") if entry.get("p50_ms") is None else f"{significant(entry['p50_ms'])} ms"
    p95 = t("fact.p95", ms=significant(entry["p95_ms"])) if entry.get("p95_ms") is not None else ""
    note = ", ".join(words for words in (p95, _speed_words(entry)) if words)
    return Fact(f"latency {entry['target']} {name}", group, name, value, note)


def _shape_words(entry: dict[str, Any], result: dict[str, Any]) -> str:
    """Batch and, for texts, length: only what was measured at the same shape stands in one row.

    The model's own size, which was measured first, is not named: models of other sizes stand in the same row with it.
    """
    if result["kind"] == "image":
        own = entry["sequence"] == result["latency"][0]["sequence"]
        words = {"batch": entry["batch"], "size": entry["sequence"]}
        return t("fact.latency.batch" if own else "fact.latency.size", **words)
    real = entry.get("lengths") == "real"
    return t("fact.latency.real" if real else "fact.latency.padded", batch=entry["batch"], length=entry["sequence"])


def _speed_words(entry: dict[str, Any]) -> str:
    if entry.get("speedup") is None:
        return ""
    words = t("fact.speedup", ratio=significant(entry["speedup"]))
    if entry.get("speedup_low") is not None:
        words += f" [{significant(entry['speedup_low'])}, {significant(entry['speedup_high'])}]"
        if entry["speedup_low"] <= 1 <= entry["speedup_high"] and not entry.get("noisy"):
            words += ", " + t("fact.within_noise")
    if entry.get("kind") == "estimated":
        words += ", " + t("fact.estimated")
    return words + (", " + t("fact.noisy") if entry.get("noisy") else "")


def table(results: Sequence[dict[str, Any]]) -> list[TableRow]:
    """Every fact that one of the results has, in groups with a heading; one cell per result."""
    by_result = [{fact.key: fact for fact in facts(result)} for result in results]
    first_of = {key: fact for known in reversed(by_result) for key, fact in known.items()}
    groups = dict.fromkeys(fact.group for known in by_result for fact in known.values())
    rows = []
    for group in groups:
        rows.append(TableRow(group))
        found = dict.fromkeys(key for known in by_result for key, fact in known.items() if fact.group == group)
        keys = sorted(found, key=lambda key: key.startswith("latency"))  # what only some have stands with its like
        rows += [_row(first_of[key].name, [_cell(known.get(key)) for known in by_result]) for key in keys]
    return rows


def _row(name: str, cells: Sequence[tuple[str, str]]) -> TableRow:
    """A row in which the reason why several cells are unavailable is given once, where it is the same for all."""
    unavailable = t("fact.unavailable")
    reasons = [note for value, note in cells if value == unavailable]
    if len(reasons) < 2 or len(set(reasons)) > 1:
        return TableRow(name, tuple(cells))
    return TableRow(name, tuple((value, "" if value == unavailable else note) for value, note in cells), reasons[0])


def _cell(fact: Fact | None) -> tuple[str, str]:
    return (fact.value, fact.note) if fact else (t("number.none"), "")


def bars(run: RunRow) -> Bars:
    """Size, accuracy, latency and memory of a run as percent of its baseline, with intervals where they are known."""
    result = run.result or {}
    shares: dict[str, float | None] = {
        t(f"fact.{name}"): 100 * result["size"][name] / result["baseline_size"][name] for name in SIZES
    }
    intervals: dict[str, tuple[float, float]] = {}
    for target in dict.fromkeys(entry["target"] for entry in (*result["accuracy"], *result["latency"])):
        for name, share, interval in _target_shares(result, target):
            shares[f"{target_title(target)}, {name}"] = share
            if interval is not None:
                intervals[f"{target_title(target)}, {name}"] = interval
    file = t("fact.file")
    words = {
        fact.name if fact.group == file else f"{fact.group}, {fact.name}": f"{fact.value}, {fact.note}"
        for fact in facts(result)
    }
    return Bars(run.run, run.label, shares, words, intervals)


def _target_shares(result: dict[str, Any], target: str) -> Iterator[tuple[str, float, tuple[float, float] | None]]:
    """By the name of its fact, each quantity on a target as percent of the baseline's, and the interval of that.

    That of an accuracy is the interval of the paired difference.
    """
    for entry in result["accuracy"]:
        of_target = entry["target"] == target and entry["split"] == SPLIT and entry.get("condition", "clean") == "clean"
        if of_target and entry.get("value") is not None and entry.get("baseline"):
            percent, low, high = 100 / entry["baseline"], entry.get("difference_low"), entry.get("difference_high")
            interval = None if low is None or high is None else (100 + percent * low, 100 + percent * high)
            yield t("fact.accuracy", split=t(f"split.{entry['split']}")), percent * entry["value"], interval
    for entry in result["latency"]:
        if entry["target"] == target and entry.get("speedup"):
            low, high = entry.get("speedup_low"), entry.get("speedup_high")
            yield _shape_words(entry, result), 100 / entry["speedup"], (100 / high, 100 / low) if low and high else None
    for use in result.get("targets", ()):
        if use["target"] == target and use.get("peak_rss_bytes") and use.get("baseline_peak_rss_bytes"):
            yield t("fact.memory"), 100 * use["peak_rss_bytes"] / use["baseline_peak_rss_bytes"], None


def recipe_difference(recipes: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Rows of (setting, one cell per recipe) for the settings in which the recipes differ, step by step."""
    flat = [_flat(recipe) for recipe in recipes]
    keys = sorted(dict.fromkeys(key for settings in flat for key in settings), key=lambda key: key[0])
    rows = [(name, [settings.get((place, name), t("number.none")) for settings in flat]) for place, name in keys]
    return [(name, cells) for name, cells in rows if len(set(cells)) > 1]


def _flat(recipe: dict[str, Any]) -> dict[tuple[int, str], str]:
    """Each setting as it is written, by its step's place, 0 for what belongs to none, and its name."""
    settings = {(0, key): str(recipe[key]) for key in ("model", "data", "seed") if recipe.get(key) is not None}
    for place, step in enumerate(recipe.get("steps") or (), start=1):
        settings[place, t("compare.step", place=place)] = sentence(step["technique"])
        parameters = parameters_of(step["technique"])
        for key, value in step.items():
            if key != "technique" and value != "":  # an empty word is the same as none
                name = f"{t('compare.step', place=place)}: {setting(key).lower()}"
                settings[place, name] = value_words(parameters.get(key), value)
    return settings
