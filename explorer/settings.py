"""Numbers that environment variables set: one sentence where somebody wrote something else."""

from __future__ import annotations

import os

from explorer.errors import BadInput


def number(name: str, usual: float, least: float = 0.0) -> float:
    """What the variable ``name`` gives, ``usual`` where it is empty; raises ``BadInput`` below ``least``."""
    given = os.environ.get(name)
    if not given:
        return usual
    try:
        found = float(given)
    except ValueError:
        found = float("nan")
    if not least <= found < float("inf"):
        raise BadInput(f"{name} is '{given}'; expected is a number of at least {least:g}.")
    return found
