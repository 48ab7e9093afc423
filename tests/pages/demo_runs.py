"""Made-up runs whose two models really answer: tiny ones in the places where a run and the cache have theirs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from explorer import cache
from explorer.measure.travel import write_inputs
from explorer.models import model_digest
from explorer.recipe import Recipe, digest
from explorer.tasks import task_digest
from tests.measure.tiny import save_image, save_text, text_graph
from tests.support.bundles import image_split, text_split
from tests.support.sample_results import SampleRun, sample_runs, write_runs

TEXT_RUN, OTHER_TEXT_RUN, THIRD_TEXT_RUN, IMAGE_RUN = "sample-0002", "sample-0001", "sample-0003", "sample-0010"
SEEDS = {TEXT_RUN: 1, OTHER_TEXT_RUN: 2, THIRD_TEXT_RUN: 3}


def write_answering(home: Path) -> dict[str, SampleRun]:
    """Four runs under ``EXPLORER_HOME``, which must be ``home``: three of texts, the last one of images."""
    runs = {run.run: run for run in sample_runs(16) if run.run in (*SEEDS, IMAGE_RUN)}
    write_runs(home / "runs", list(runs.values()))
    for run in runs.values():
        folder = home / "runs" / run.run
        shutil.rmtree(folder / "artefact")
        if run.run == IMAGE_RUN:
            artefact, split = save_image(folder / "artefact"), image_split()
        else:
            artefact, split = save_text(folder / "artefact", text_graph(SEEDS[run.run], hidden=24)), text_split()
        (artefact / "model.json").write_text(json.dumps({"labels": ["a", "b", "c"]}))
        write_inputs(folder, artefact, split, seed=0)
        _write_baseline(run)
    return runs


def baseline_folder(run: SampleRun) -> str:
    """The name of its baseline in the cache."""
    recipe = Recipe.parse(run.recipe).model_copy(update={"seed": 0})
    return digest(recipe, model_digest(recipe.model), task_digest(recipe.model, None), steps=0)


def _write_baseline(run: SampleRun) -> None:
    def make(folder: Path) -> None:
        folder.rmdir()
        save_image(folder) if run.run == IMAGE_RUN else save_text(folder, text_graph(0))

    cache.folder("baselines", baseline_folder(run), make)
