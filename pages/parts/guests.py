"""Buttons for those who may only look: they rest and say why; the engine refuses all the same (``explorer.access``)."""

from __future__ import annotations

from typing import Any

from explorer import access
from explorer.texts.sentences import sentence


def allowed(disabled: bool = False, help: str | None = None) -> dict[str, Any]:
    """``disabled`` and ``help`` of a widget that launches, stops, keeps or removes something."""
    reason = access.why_not()
    return {"disabled": disabled or reason is not None, "help": help if reason is None else sentence(reason)}
