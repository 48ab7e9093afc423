"""The trade-off chart: every variant as a mark, the front as a line, the baseline marked.

Points that were recorded elsewhere and the reader's own measurements never share a front, nor do two targets; where an
axis is a measured time, neither do two hosts. Variants of different tasks never share one, and where an axis is
relative to the baseline, neither do different models. An estimated time is on no front at all.
"""

from explorer.charts.tradeoff.figure import WEBGL_MARKS, drawing, tradeoff_figure
from explorer.charts.tradeoff.fronts import Axes, Front, front_runs, staircase
from explorer.charts.tradeoff.info import Join, Mark, TradeoffInfo, side_by_side, tradeoff_info, tradeoffs_by_task
from explorer.charts.tradeoff.labels import covering, labels

__all__ = [
    "WEBGL_MARKS",
    "Axes",
    "Front",
    "Join",
    "Mark",
    "TradeoffInfo",
    "covering",
    "drawing",
    "front_runs",
    "labels",
    "side_by_side",
    "staircase",
    "tradeoff_figure",
    "tradeoff_info",
    "tradeoffs_by_task",
]
