"""Sliders that several techniques have, and what moving one does in words that several share."""

from __future__ import annotations

from typing import Any

from explorer.technique import slider

ZEROS = "Higher: smaller once zipped, less accurate. Lower: larger once zipped, more accurate."
CUT = "Higher: smaller and faster, less accurate. Lower: larger and slower, more accurate."
KEPT = "Higher: larger and slower, more accurate. Lower: smaller and faster, less accurate."
STORED = "Higher: a larger file, more accurate. Lower: a smaller file, less accurate."
SHARED_SCALE = "Higher: a smaller file, less accurate. Lower: more accurate, a larger file."
EPOCHS = "Higher: longer training, usually more accurate. Lower: done sooner, usually less accurate."
ALPHA = "Higher: closer to the teacher, its mistakes included. Lower: closer to the labels."
TEMPERATURE = "Higher: more is learned about which classes resemble each other. Lower: more about the right one."
ROUND_TO = "Higher: widths that kernels compute faster, further from the share asked for. Lower: closer to that share."


def zeroed(help: str = "Share of the weights that becomes zero.") -> Any:
    """The share of the weights that becomes zero."""
    return slider(0.5, low=0.0, high=0.95, step=0.05, unit="fraction", help=help, move=ZEROS)


def removed(what: str, usual: float = 0.5) -> Any:
    """The share of ``what`` that is cut out."""
    words = f"Share of the {what} that is removed."
    return slider(usual, low=0.0, high=0.9, step=0.05, unit="fraction", help=words, move=CUT)


def passes() -> Any:
    """How often a training goes through the data."""
    words = "How often the training data is gone through."
    return slider(1.0, low=0.1, high=20.0, step=0.1, unit="epochs", help=words, move=EPOCHS)
