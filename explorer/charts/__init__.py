"""Charts in two steps: ``xxx_info`` makes plain data that tests can read, ``xxx_figure`` draws it with Plotly."""

from explorer.charts.compare import CompareInfo, compare_figure, compare_info
from explorer.charts.confusion import ConfusionInfo, confusion_figure, confusion_info
from explorer.charts.credits import add_credit, credit
from explorer.charts.grid import MEASURES as GRID_MEASURES
from explorer.charts.grid import GridInfo, grid_figure, grid_info, grid_targets
from explorer.charts.hypervolume import HypervolumeInfo, hypervolume_figure, hypervolume_info
from explorer.charts.learning import LearningInfo, learning_figure, learning_info
from explorer.charts.parallel import ParallelInfo, parallel_figure, parallel_info
from explorer.charts.presented import crowded, presented_figure
from explorer.charts.profile import SideBySide, peak_words, profile_figure, profile_info
from explorer.charts.stacks import StacksInfo, stacks_figure, stacks_info, without_profile
from explorer.charts.style import CONFIG, FAMILY_COLOURS, PICTURE_FORMATS, PictureFormat, Theme, config, file_name
from explorer.charts.sweep import SweepInfo, sweep_figure, sweep_info
from explorer.charts.tradeoff import (
    Axes,
    Front,
    Mark,
    TradeoffInfo,
    side_by_side,
    tradeoff_figure,
    tradeoff_info,
    tradeoffs_by_task,
)

__all__ = [
    "CONFIG",
    "FAMILY_COLOURS",
    "GRID_MEASURES",
    "PICTURE_FORMATS",
    "Axes",
    "CompareInfo",
    "ConfusionInfo",
    "Front",
    "GridInfo",
    "HypervolumeInfo",
    "LearningInfo",
    "Mark",
    "ParallelInfo",
    "PictureFormat",
    "SideBySide",
    "StacksInfo",
    "SweepInfo",
    "Theme",
    "TradeoffInfo",
    "add_credit",
    "compare_figure",
    "compare_info",
    "config",
    "confusion_figure",
    "confusion_info",
    "credit",
    "crowded",
    "file_name",
    "grid_figure",
    "grid_info",
    "grid_targets",
    "hypervolume_figure",
    "hypervolume_info",
    "learning_figure",
    "learning_info",
    "parallel_figure",
    "parallel_info",
    "peak_words",
    "presented_figure",
    "profile_figure",
    "profile_info",
    "side_by_side",
    "stacks_figure",
    "stacks_info",
    "sweep_figure",
    "sweep_info",
    "tradeoff_figure",
    "tradeoff_info",
    "tradeoffs_by_task",
    "without_profile",
]
