"""Where everything lives: ``EXPLORER_HOME``, by default ``.explorer/`` in the current folder."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder of runs, cache and index; made when it is missing."""
    folder = Path(os.environ.get("EXPLORER_HOME") or ".explorer").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def runs_folder() -> Path:
    """The folder that holds one folder per run."""
    folder = home() / "runs"
    folder.mkdir(exist_ok=True)
    return folder


def cache_folder(kind: str) -> Path:
    """A folder of the content-addressed cache, such as ``prefixes`` or ``logits``."""
    folder = home() / "cache" / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder
