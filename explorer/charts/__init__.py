"""Charts in two steps: ``xxx_info`` makes plain data that tests can read, ``xxx_figure`` draws it with Plotly."""

from explorer.charts.compare import CompareInfo, compare_figure, compare_info
from explorer.charts.learning import LearningInfo, learning_figure, learning_info
from explorer.charts.style import CONFIG, FAMILY_COLOURS, Theme
from explorer.charts.tradeoff import Axes, Front, Mark, TradeoffInfo, tradeoff_figure, tradeoff_info

__all__ = [
    "CONFIG",
    "FAMILY_COLOURS",
    "Axes",
    "CompareInfo",
    "Front",
    "LearningInfo",
    "Mark",
    "Theme",
    "TradeoffInfo",
    "compare_figure",
    "compare_info",
    "learning_figure",
    "learning_info",
    "tradeoff_figure",
    "tradeoff_info",
]
