"""Words beside the marks of the trade-off chart that everybody looks for: the shown one, baselines, knees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from textwrap import wrap

from explorer.charts import labelling
from explorer.charts.labelling import LAPTOP, LETTER_PX, Area, Place, Wish, place_labels, width_px
from explorer.charts.labelling import Spot as PlacedSpot
from explorer.charts.tradeoff.fronts import Spot
from explorer.charts.tradeoff.info import Mark, TradeoffInfo
from explorer.texts import t
from explorer.texts.sentences import sentence

LINE_LETTERS = 34


@dataclass(frozen=True)
class Label:
    """Words beside a mark, as lines."""

    mark: Mark
    lines: tuple[str, ...]
    place: Place


def labels(info: TradeoffInfo, areas: Sequence[Area] = (LAPTOP,)) -> list[Label]:
    """The words that find room beside their marks in all ``areas``: the shown one first, then selected ones, baselines,
    knees.
    """
    several, knees = len({mark.model for mark in info.marks}) > 1, {mark.spot for mark in info.knees}
    named = ((mark, _name(mark, several, mark.spot in knees)) for mark in info.marks)
    said = [(mark, _placed(name, mark, info)) for mark, name in named if name]
    said.sort(key=lambda pair: (not pair[0].shown, not pair[0].selected, not pair[0].baseline))
    spots = _spots(info)
    wishes = [Wish(spots[mark.spot], _lines(words), mark.shown, mark.selected) for mark, words in said]
    placed = zip(said, wishes, place_labels(wishes, list(spots.values()), areas), strict=True)
    return [Label(mark, wish.lines, place) for (mark, _), wish, place in placed if place is not None]


def covering(info: TradeoffInfo, placed: Sequence[Label], area: Area) -> list[int]:
    """Which words, by their place in ``placed``, would cover something in a window of another size."""
    spots = _spots(info)
    beside = [(Wish(spots[label.mark.spot], label.lines), label.place) for label in placed]
    return labelling.covering(beside, list(spots.values()), area)


def _lines(words: str) -> tuple[str, ...]:
    """Broken where they would be wider than ``LINE_LETTERS`` Latin letters."""
    return tuple(wrap(words, max(1, int(LINE_LETTERS * LETTER_PX * len(words) / width_px(words)))))


def _spots(info: TradeoffInfo) -> dict[Spot, PlacedSpot]:
    """Where each mark is on the plotting area, which Plotly stretches a little beyond marks and intervals."""
    xs = spread([on_axis(x, info.log_x) for mark in info.marks for x in (mark.x, *(mark.x_interval or ()))])
    upwards = [*(info.y_range or ()), *(y for mark in info.marks for y in (mark.y, *(mark.y_interval or ())))]
    ys = spread([on_axis(y, info.log_y) for y in upwards])

    def share(value: float, ends: tuple[float, float]) -> float:
        return (value - ends[0]) / (ends[1] - ends[0])

    def spot(mark: Mark) -> PlacedSpot:
        x, y = on_axis(mark.x, info.log_x), on_axis(mark.y, info.log_y)
        return PlacedSpot(share(x, xs), share(y, ys), mark.diameter / 2)

    return {mark.spot: spot(mark) for mark in info.marks}


def spread(values: list[float]) -> tuple[float, float]:
    """Both ends of an axis, which lie a little beyond the values."""
    low, high = min(values, default=0), max(values, default=1)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _placed(words: str, mark: Mark, info: TradeoffInfo) -> str:
    """What is written beside a mark, with its place where there are two."""
    if len(info.targets) < 2:
        return words
    place = t("where.gpu" if mark.ringed else "where.cpu")
    partner_says_it = mark.ringed and mark.selected and any(join.second == mark for join in info.joins)
    return place if partner_says_it else t("chart.label.placed", words=words, place=place)


def _name(mark: Mark, several_models: bool, knee: bool) -> str:
    """What a mark is called; nothing for most."""
    if mark.baseline:
        return t("chart.label.baseline_of", model=mark.model) if several_models else t("chart.label.baseline")
    if mark.selected:
        return sentence(mark.label)
    return t("chart.label.knee") if knee else ""


def on_axis(x: float, log: bool) -> float:
    """Plotly wants the logarithm in annotations on a logarithmic axis."""
    return log10(x) if log and x > 0 else x
