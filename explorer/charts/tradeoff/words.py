"""What is written at and under the trade-off chart: what a mark says of itself, who measured, why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from explorer.charts import style
from explorer.charts.style import plain
from explorer.charts.tradeoff.fronts import Axes, Front
from explorer.quantities import QUANTITIES, Quantity, cut, significant
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variant import Estimate, Variant
from explorer.variants import length_of, length_words, place_of

TIMES = {"latency", "latency_p90", "latency_p95", "latency_p99", "throughput"}
"""The quantities by which the mark of a baseline tells how fast it was."""
APART = 1.05
"""Latencies of a baseline that differ by less are not spoken of."""
HOVERED = ("accuracy", "difference", "file_size", "parameters", "latency", "speedup")
ESTIMATED_DIGITS = 2


def hover(row: Variant, name_target: bool = False, drawn: Sequence[str] = ()) -> str:
    """A variant in a few lines of Plotly's small HTML; with its target where marks of several are shown.

    The quantities that are ``drawn`` are among them.
    """
    lines = [f"<b>{plain(sentence(row.label))}</b>", plain(row.model)]
    if name_target:
        lines.append(plain(target_title(row.target)))
    lines += [
        f"{QUANTITIES[key].title}: {_written(row, key)}"
        for key in dict.fromkeys((*HOVERED, *drawn))
        if key in QUANTITIES and QUANTITIES[key].of(row) is not None
    ]
    if row.within_noise and not row.baseline:
        lines.append(t("chart.within_noise"))
    if row.noisy:
        lines.append(t("chart.noisy", reason=plain(sentence(row.noise_reason or "") or t("chart.noisy.unknown"))))
    if row.reported:
        lines.append(t("chart.reported", device=plain(sentence(row.host))))
    if row.estimated:
        lines += [style.wrapped(words, 60) for words in _estimate_lines(row.estimate)]
    elif row.recorded:
        lines.append(t("chart.recorded", date=row.date))
    elif row.imported and not row.reported:
        lines.append(t("chart.imported", date=row.date, device=plain(sentence(row.host))))
    return "<br>".join(lines)


def _written(row: Variant, key: str) -> str:
    """A quantity in words, a speed-up with the baseline's latency beside it; an estimate knows few digits."""
    quantity = QUANTITIES[key]
    value = quantity.of(row)
    if not (row.estimated and quantity.on_target) or value is None:
        beside = row.baseline_p50_ms if key == "speedup" and not row.baseline else None
        written = quantity.write(row)
        return written if beside is None else t("chart.beside", speedup=written, ms=significant(beside))
    unit = quantity.unit
    return t("chart.about", value=f"{significant(value, ESTIMATED_DIGITS)}{'' if unit == '×' else ' '}{unit}")


def _estimate_lines(estimate: Estimate | None) -> list[str]:
    """What an estimate rests on and how far it is off where it can be checked."""
    if estimate is None:
        return [t("chart.legend.estimated")]
    lines = [t(f"chart.estimated.{estimate.bound}", device=estimate.device)]
    lines += [t("chart.estimated.substitute", precision=name, used=used) for name, used in estimate.substitutes]
    return [*lines, _calibration_words(estimate)]


def lines(fronts: Sequence[Front]) -> str:
    """Which line is whose, where there are fronts of one's own variants and of recorded ones, which never share one."""
    return t("chart.caption.lines") if len({front.recorded for front in fronts}) > 1 else ""


def _calibration_words(estimate: Estimate) -> str:
    calibration = estimate.calibration
    if calibration is None:
        return t("chart.estimated.ideal")
    return t(
        "chart.estimated.calibrated",
        points=calibration.points,
        model=estimate.model or t("chart.estimated.all_models"),
        host=sentence(estimate.host),
        median=significant(100 * calibration.median_error, ESTIMATED_DIGITS),
        ninety=significant(100 * calibration.ninety_error, ESTIMATED_DIGITS),
    )


def axis_title(quantity: Quantity, place: str) -> str:
    """Name and unit of an axis, and which way is better; ``place`` is ``x`` or ``y``."""
    direction = "higher" if quantity.higher_is_better else "lower"
    unit = f" ({quantity.unit})" if quantity.unit else ""
    return f"{quantity.title}{unit}   {t(f'axis.{place}.{direction}')}"


def with_length(where: str, rows: list[Variant], axes: Axes) -> str:
    """``where``, and how long the texts were if a latency or the like is drawn; images have one size only."""
    keys = (axes.x, axes.y, axes.size)
    found = {length_of(row) for row in rows if row.kind == "text"}
    if not found or not any(key in QUANTITIES and QUANTITIES[key].on_target for key in keys):
        return where
    words = length_words(found.pop()) if len(found) == 1 else t("length.several")
    return t("word.comma").join(filter(None, (where, words)))


def caption(rows: list[Variant], axes: Axes) -> str:
    """Which machine measured what is shown, and when; what estimates rest on; what a baseline's mark stands for."""
    estimates = dict.fromkeys(row.estimate for row in rows if row.estimate is not None)
    parts = list(dict.fromkeys(_estimate_caption(estimate) for estimate in estimates))
    dates: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: row.recorded):
        if row.estimate is None:
            kind = next((kind for kind in ("reported", "recorded", "imported") if getattr(row, kind)), "own")
            dates.setdefault((kind, row.host), []).append(row.date)
    for (kind, host), days in dates.items():
        span = min(days) if min(days) == max(days) else f"{min(days)} – {max(days)}"
        parts.append(t(f"chart.caption.{kind}", host=sentence(host), dates=span))
    apart = _baselines_apart(rows) if TIMES & {axes.x, axes.y} else 1.0
    if apart > APART:
        parts.append(t("chart.caption.beside", ratio=cut(apart, 2, up=True)))
    return " ".join(parts)


def _baselines_apart(rows: list[Variant]) -> float:
    """By which factor the latency of a baseline's mark differs at most from one that was timed beside a variant."""
    marks = {place_of(row): row.p50_ms for row in rows if row.baseline and row.p50_ms}
    beside = ((row.baseline_p50_ms, marks.get(place_of(row))) for row in rows if not row.baseline and not row.estimated)
    return max((max(one / mark, mark / one) for one, mark in beside if one and mark), default=1.0)


def _estimate_caption(estimate: Estimate) -> str:
    words = _calibration_words(estimate)
    key = "chart.caption.estimated" if estimate.calibration else "chart.caption.ideal"
    return t(key, device=estimate.device, calibration=words)


def why_empty(rows: Sequence[Variant]) -> str:
    """Why nothing of ``rows`` can be drawn."""
    reasons = dict.fromkeys(row.reason for row in rows if not row.available and row.reason)
    return (
        t("chart.unavailable", reason=t("word.semicolon").join(map(sentence, reasons))) if reasons else t("chart.empty")
    )


def alike(symbols: Mapping[str, str]) -> str:
    """Which models have one symbol, where there are more of them than symbols; else nothing."""
    by_symbol: dict[str, list[str]] = {}
    for model, symbol in symbols.items():
        by_symbol.setdefault(symbol, []).append(model)
    shared = [t("word.and").join(models) for models in by_symbol.values() if len(models) > 1]
    return t("chart.alike", models=t("word.semicolon").join(shared)) if shared else ""
