"""What to try after a run failed: one sentence for each kind of reason."""

from __future__ import annotations

from typing import Literal

from explorer.texts import t

Kind = Literal[
    "memory", "disk", "interrupted", "killed", "time", "hub", "package", "busy", "cluster", "unexpected", "input"
]

SAID: tuple[tuple[str, Kind], ...] = (
    ("for lack of memory", "memory"),
    ("not enough memory", "memory"),
    ("gb of memory", "memory"),
    ("cluster could not start", "cluster"),
    ("ray cluster", "cluster"),
    ("stopped on the cluster", "interrupted"),
    ("node lost", "interrupted"),
    ("disk is full", "disk"),
    ("disk was full", "disk"),
    ("remove model files", "disk"),
    ("machine was restarted", "interrupted"),
    ("told to stop", "interrupted"),
    ("worker process is gone", "interrupted"),
    ("worker process was killed", "killed"),
    ("ended before its work was done", "unexpected"),
    ("longer than its limit", "time"),
    ("hub cannot be reached", "hub"),
    ("or from the hub:", "hub"),
    ("pip install", "package"),
    ("kept the machine busy", "busy"),
    ("measuring process", "unexpected"),
    ("request is missing", "unexpected"),
    ("unexpected:", "unexpected"),
)
"""Words of a reason, in small letters, and the kind that they tell; the first that fit count."""


def kind_of(reason: str) -> Kind:
    """What kind of reason it is; a sentence that names none of the others speaks of what was given."""
    said = reason.lower()
    return next((kind for words, kind in SAID if words in said), "input")


def advice(reason: str | None) -> str | None:
    """One sentence on what to try after a run that failed for ``reason``; None without a reason."""
    return t(f"advice.{kind_of(reason)}") if reason else None


def mends_recipe(reason: str | None) -> bool:
    """Whether another recipe is the way out, so that it should be offered for changing."""
    return bool(reason) and kind_of(reason or "") in ("input", "memory", "time")
