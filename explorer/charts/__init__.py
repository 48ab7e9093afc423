"""Charts in two steps: ``xxx_info`` makes plain data that tests can read, ``xxx_figure`` draws it with Plotly."""

from explorer.charts.compare import CompareInfo, compare_figure, compare_info
from explorer.charts.confusion import ConfusionInfo, confusion_figure, confusion_info
from explorer.charts.grid import MEASURES as GRID_MEASURES
from explorer.charts.grid import GridInfo, grid_figure, grid_info, grid_targets
from explorer.charts.learning import LearningInfo, learning_figure, learning_info
from explorer.charts.profile import SideBySide, peak_words, profile_figure, profile_info
from explorer.charts.style import CONFIG, FAMILY_COLOURS, Theme
from explorer.charts.tradeoff import Axes, Front, Mark, TradeoffInfo, tradeoff_figure, tradeoff_info

__all__ = [
    "CONFIG",
    "FAMILY_COLOURS",
    "GRID_MEASURES",
    "Axes",
    "CompareInfo",
    "ConfusionInfo",
    "Front",
    "GridInfo",
    "LearningInfo",
    "Mark",
    "SideBySide",
    "Theme",
    "TradeoffInfo",
    "compare_figure",
    "compare_info",
    "confusion_figure",
    "confusion_info",
    "grid_figure",
    "grid_info",
    "grid_targets",
    "learning_figure",
    "learning_info",
    "peak_words",
    "profile_figure",
    "profile_info",
    "tradeoff_figure",
    "tradeoff_info",
]
