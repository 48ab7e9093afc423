"""An artefact that is made and not measured yet: what is written down of it in the run's folder between the two parts.

One machine may make an artefact and another one measure it; whole runs never write this file.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from explorer.artefacts import artefact_digest
from explorer.errors import ExplorerError
from explorer.result import StepReport
from explorer.rundir import MADE, inside, sync, write_whole


class Made(BaseModel):
    """What each step did, how many seconds making took, and the digest of the artefact's files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: list[StepReport]
    seconds: float
    digest: str


def keep(folder: Path, steps: list[StepReport], seconds: float) -> None:
    """Write down that the artefact in a run's folder is whole, once it is on the disk."""
    made = Made(steps=steps, seconds=round(seconds, 3), digest=artefact_digest(folder / "artefact"))
    sync(*inside(folder / "artefact"))
    write_whole(folder / MADE, made.model_dump_json())


def read(folder: Path) -> Made:
    """What is written down; raises ``ExplorerError`` where the artefact is not the one that was made."""
    try:
        made = Made.model_validate_json((folder / MADE).read_bytes())
    except (OSError, ValidationError):
        raise ExplorerError("There is no artefact to measure: nothing says that it was made.") from None
    if artefact_digest(folder / "artefact") != made.digest:
        raise ExplorerError("The artefact is not the one that was made; its digest is another one.")
    return made
