"""The files that a demonstration needs: those of one to three variants, of their baseline, and real inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from explorer.artefacts import MODEL_FILE, baseline_file
from explorer.errors import BadInput
from explorer.measure.runners import unavailable_reason
from explorer.measure.travel import INPUTS_FILE


@dataclass(frozen=True)
class Lineup:
    """The artefacts' folders, and ``inputs.npz`` of the first variant's run, which old runs lack."""

    baseline: Path
    variants: tuple[Path, ...]
    inputs: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        """Of all that answer, the baseline's first."""
        return (self.baseline, *self.variants)

    @property
    def version(self) -> tuple[int, ...]:
        """Changes when one of the models is written anew; raises ``OSError`` where one is gone."""
        return tuple((folder / MODEL_FILE).stat().st_mtime_ns for folder in self.folders)

    def reason_against(self, target: str) -> str | None:
        """Why one of them cannot run on ``target``, or None as far as is known before they are loaded."""
        return next((reason for folder in self.folders if (reason := unavailable_reason(folder, target))), None)


def files_of(run_folder: Path) -> Lineup | Literal["artefact", "baseline"]:
    """What answers for this run, or which of the two models this machine does not have any more."""
    variant = run_folder / "artefact"
    if not (variant / MODEL_FILE).is_file():
        return "artefact"
    baseline = baseline_file(run_folder)
    if baseline is None or not baseline.is_file():
        return "baseline"
    return Lineup(baseline.parent.absolute(), (variant.absolute(),), (run_folder / INPUTS_FILE).absolute())


def together(lineups: Sequence[Lineup]) -> Lineup:
    """All variants beside the one baseline that they share; raises ``BadInput`` where they have several."""
    if len({one.baseline for one in lineups}) > 1:
        raise BadInput("These variants were made of different models; choose variants of one model.")
    return Lineup(lineups[0].baseline, tuple(one.variants[0] for one in lineups), lineups[0].inputs)
