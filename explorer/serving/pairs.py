"""The files of a run that a demonstration needs: the variant's, its baseline's, and real inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from explorer.artefacts import MODEL_FILE, baseline_file
from explorer.measure.travel import INPUTS_FILE


@dataclass(frozen=True)
class PairFiles:
    """Two artefacts' folders and the run's ``inputs.npz``, which old runs lack."""

    baseline: Path
    variant: Path
    inputs: Path

    @property
    def version(self) -> tuple[int, ...]:
        """Changes when one of the models is written anew; raises ``OSError`` where one is gone."""
        return tuple((folder / MODEL_FILE).stat().st_mtime_ns for folder in (self.baseline, self.variant))


def files_of(run_folder: Path) -> PairFiles | Literal["artefact", "baseline"]:
    """What answers for this run, or which of the two models this machine does not have any more."""
    variant = run_folder / "artefact"
    if not (variant / MODEL_FILE).is_file():
        return "artefact"
    baseline = baseline_file(run_folder)
    if baseline is None or not baseline.is_file():
        return "baseline"
    return PairFiles(baseline.parent.absolute(), variant.absolute(), (run_folder / INPUTS_FILE).absolute())
