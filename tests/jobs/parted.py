"""A pipeline in two parts without torch, named by ``EXPLORER_PIPELINE=tests.jobs.parted:execute``."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from explorer import made
from explorer.artefacts import artefact_files
from explorer.result import Result, StepReport
from tests.jobs.pipelines import quick as execute

MODEL = bytes(range(256)) * 400
HOLD = "EXPLORER_RAY_SCRATCH"
"""Where a file ``hold-RUN`` keeps a run's measuring from its end."""


def make(recipe, folder: Path, report, **names) -> None:
    """An artefact of some files, one of them empty."""
    report(stage="apply", text="Making")
    print("made here")
    (folder / "artefact" / "torch").mkdir(parents=True)
    (folder / "artefact" / "model.onnx").write_bytes(MODEL)
    (folder / "artefact" / "torch" / "empty").touch()
    made.keep(folder, [StepReport(technique="made", seconds=0.1, notes=[f"seed {recipe.seed}"])], 5.0)


def measure(recipe, folder: Path, report, **names) -> Result:
    """What measures it; the result has the steps that making wrote down."""
    before = made.read(folder)
    report(stage="measure", text="Measuring")
    print("measured here")
    while (Path(os.environ[HOLD]) / f"hold-{folder.name}").exists():
        time.sleep(0.02)
    with tempfile.TemporaryDirectory() as elsewhere:
        result = execute(recipe, Path(elsewhere), report, **names)
    place = folder / "artefact"
    files = artefact_files(place)
    artefact = result.artefact.model_copy(update={"files": files, "digest": before.digest})
    return result.model_copy(update={"steps": before.steps, "artefact": artefact})
