"""From a recipe to a measured artefact: a plain function, no threads, no database.

``execute`` does all of it. ``make`` and ``measure`` are its two parts, which different machines may do.

What is finished once is kept in the cache under ``EXPLORER_HOME`` and reused: the baseline's artefact, model steps that
took time (recipes that begin alike share them), the baseline's answers and the teacher's logits; never a latency.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer import ENGINE_VERSION, cache, deploy, made, memory
from explorer.artefacts import artefact_digest, artefact_files, model_sha256
from explorer.context import Context, GraphSubject, ModelSubject, Report
from explorer.home import cache_folder, home
from explorer.measure import findings, honesty, host, lock, size
from explorer.measure.session import Session, memory_of
from explorer.models import card_for, load_model, model_digest
from explorer.models.structure import kind_of, load_torch, save_torch
from explorer.recipe import Recipe
from explorer.recipe import digest as recipe_digest
from explorer.result import Artefact, Result, Size, StepReport
from explorer.rundir import RunFolder
from explorer.sharing import SLOW_STEP_SECONDS
from explorer.tasks import Task, load_task, task_digest
from explorer.technique import check_suits

if TYPE_CHECKING:
    import torch

    from explorer.models import LoadedModel
    from explorer.models.preprocess import Preprocessor
    from explorer.technique import ModelKind, Technique
    from explorer.training.checkpoints import Checkpoint

SIZE_FILE = "size.json"
"""Beside a cached baseline: what ``measure_size`` found, since zipping a large file takes seconds."""

REPORTS_FILE = "reports.json"
"""Beside a cached export: what its steps said."""


def execute(recipe: Recipe, folder: Path, report: Report, *, run: str, digest: str, fresh: bool = False) -> Result:
    """Compress, save, reload and measure; writes ``artefact/`` into ``folder`` and returns the result.

    ``fresh`` computes every step anew instead of taking finished ones from the cache.
    Raises ``ExplorerError`` with one plain sentence.
    """
    started = time.monotonic()
    bench = Bench(recipe, report, fresh)
    with _beside_others(bench, folder):
        steps = bench.make_artefact(folder / "artefact", bench.baseline_artefact())
        session, found = _answers(bench, folder)
    return _timed(bench, session, {"run": run, "digest": digest, "steps": steps, **found}, started)


def make(recipe: Recipe, folder: Path, report: Report, *, run: str, digest: str, fresh: bool = False) -> None:
    """The first part of ``execute``: compress and save; ``explorer.made`` says in ``folder`` what was done."""
    started = time.monotonic()
    bench = Bench(recipe, report, fresh)
    with _beside_others(bench, folder):
        steps = bench.make_artefact(folder / "artefact", bench.baseline_artefact())
    made.keep(folder, steps, time.monotonic() - started)


def measure(recipe: Recipe, folder: Path, report: Report, *, run: str, digest: str, fresh: bool = False) -> Result:
    """The second part: reload and measure what ``make`` left in ``folder``."""
    before = made.read(folder)
    started = time.monotonic() - before.seconds
    bench = Bench(recipe, report, fresh)
    with _beside_others(bench, folder):
        session, found = _answers(bench, folder)
    return _timed(bench, session, {"run": run, "digest": digest, "steps": before.steps, **found}, started)


@contextmanager
def _beside_others(bench: Bench, folder: Path) -> Iterator[None]:
    """Work that goes on beside other training, and rests when the run is asked to."""
    resting = RunFolder(folder)
    with lock.training_slot(bench.home, bench.waiting) as slot:
        bench.rest = lambda: slot.rest(lambda: resting.pause_requested)
        yield


def _answers(bench: Bench, folder: Path) -> tuple[Session, dict[str, Any]]:
    """Size and accuracy, which nothing that runs beside them falsifies, and the session that measured them."""
    artefact, baseline = folder / "artefact", bench.baseline_artefact()
    session = bench.session(artefact, baseline)
    bench.report(stage="evaluate", text="Counting the file's bytes and parameters")
    found: dict[str, Any] = {"size": size.measure_size(artefact / "model.onnx")}
    found |= {"baseline_size": _baseline_size(baseline), "accuracy": session.accuracies()}
    session.pack_inputs(folder)
    return session, found


def _timed(bench: Bench, session: Session, found: dict[str, Any], started: float) -> Result:
    """What is measured with the machine alone, and the result of it all."""
    with lock.measuring_slot(bench.home, bench.waiting):
        times, uses = session.latencies()
        found |= {"latency": times, "targets": uses, "memory": memory_of(uses)}
        found |= session.explanations(times)
    result = _result(bench, session.artefact, found, time.monotonic() - started)
    return result.model_copy(update={"findings": _findings(result, session.artefact, session.baseline)})


def _findings(result: Result, artefact: Path, baseline: Path) -> list[str]:
    """What contradicts the recipe first, then what explains the figures."""
    facts = result.model_dump(mode="json")
    suspicious = honesty.suspicions(facts, model_sha256(baseline / "model.onnx"))
    return suspicious + findings.findings(facts, artefact / "model.onnx")


def _result(bench: Bench, artefact: Path, found: dict[str, Any], seconds: float) -> Result:
    return Result(
        engine=ENGINE_VERSION,
        recipe=bench.recipe.plain(),
        task=bench.task.key,
        labels=list(bench.task.labels),
        kind=bench.task.kind,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        host=host.fingerprint(),
        artefact=Artefact(
            folder="artefact",
            files=artefact_files(artefact),
            digest=artefact_digest(artefact),
            model_sha256=model_sha256(artefact / "model.onnx"),
        ),
        **found,
    )


class Bench:
    """One recipe on the workbench: what it needs is loaded when first asked for."""

    def __init__(self, recipe: Recipe, report: Report, fresh: bool = False) -> None:
        self.recipe, self.fresh = recipe, fresh
        self.rest: Callable[[], None] = lambda: None
        self.tell = report
        self.home = home()
        self.card = card_for(recipe.model, recipe.data)
        self.contents = model_digest(recipe.model), task_digest(recipe.model, recipe.data)

    def report(self, **news: Any) -> None:
        """Tell how far the work is; where somebody asked the run to rest, this is where it does."""
        self.tell(**news)
        self.rest()

    def waiting(self, text: str) -> None:
        """Tell that the run waits for another."""
        self.report(stage="wait", text=text)

    @cached_property
    def loaded(self) -> LoadedModel:
        """The uncompressed model as PyTorch, with its preprocessor and task."""
        self.report(stage="load", text=f"Loading {self.recipe.model}")
        return load_model(self.recipe.model, self.recipe.data)

    @cached_property
    def task(self) -> Task:
        """The data; built-in data need no model to be loaded."""
        return load_task(self.card.task) if self.recipe.data is None else self.loaded.task

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """What turns inputs into tensors, from the baseline's artefact: that takes no PyTorch."""
        from explorer.models.preprocess import Preprocessor

        return Preprocessor.load(self.baseline_artefact())

    def digest(self, steps: int) -> str:
        """The digest of the recipe's first ``steps`` steps. The baseline, with none, does not depend on the seed."""
        recipe = self.recipe if steps else self.recipe.model_copy(update={"seed": 0})
        return recipe_digest(recipe, *self.contents, steps=steps)

    def baseline_artefact(self) -> Path:
        """The folder of the uncompressed model's artefact, made when it is not in the cache."""

        def make(folder: Path) -> None:
            self._export(self.loaded.model, self.loaded.preprocessor, folder)
            found = size.measure_size(folder / "model.onnx")
            (folder / SIZE_FILE).write_text(found.model_dump_json(), encoding="utf-8")

        return cache.folder("baselines", self.digest(0), make)

    def make_artefact(self, folder: Path, baseline: Path) -> list[StepReport]:
        """Apply the steps and write the artefact; returns what each step did."""
        check_suits(self.recipe.steps, self._kind(baseline), self.card.name)
        model_steps = [step for step in self.recipe.steps if step.stage == "model"]
        shutil.rmtree(folder, ignore_errors=True)
        if model_steps:
            reports = self._model_artefact(model_steps, folder)
        else:
            reports = []
            shutil.copytree(baseline, folder, ignore=shutil.ignore_patterns(SIZE_FILE))
        reports += self._deploy_stage(folder)
        memory.release()
        return reports

    def _kind(self, baseline: Path) -> ModelKind:
        """The kind of model, from the config beside the baseline's weights: that takes no PyTorch."""
        config = json.loads((baseline / "torch" / "config.json").read_text(encoding="utf-8"))
        return kind_of(SimpleNamespace(**config))

    def session(self, artefact: Path, baseline: Path) -> Session:
        """What measures the artefact beside its baseline."""
        return Session(
            artefact=artefact,
            baseline=baseline,
            baseline_digest=self.digest(0),
            uncompressed=not self.recipe.steps,
            task=self.task,
            targets=self.recipe.targets,
            how=self.recipe.measure,
            seed=self.recipe.seed,
            report=self.report,
        )

    def _model_artefact(self, steps: list[Technique], folder: Path) -> list[StepReport]:
        """Apply the steps on the model and export it; kept where steps on the graph follow, for others to go on from.

        PyTorch's copy is not kept with it: it could not be loaded once the graph is changed.
        """
        if len(steps) == len(self.recipe.steps):
            return self._model_export(steps, folder)

        mine = False

        def make(new: Path) -> None:
            nonlocal mine
            mine, reports = True, self._model_export(steps, new)
            shutil.rmtree(new / "torch")
            (new / REPORTS_FILE).write_text(json.dumps([report.model_dump() for report in reports]), encoding="utf-8")

        kept = cache.folder("exports", self.digest(len(steps)), make, replace=self.fresh)
        shutil.copytree(kept, folder, ignore=shutil.ignore_patterns(REPORTS_FILE))
        reports = json.loads((kept / REPORTS_FILE).read_text(encoding="utf-8"))
        return [StepReport(**(fields if mine else fields | {"cached": True})) for fields in reports]

    def _model_export(self, steps: list[Technique], folder: Path) -> list[StepReport]:
        subject, reports = self._model_stage(steps)
        self._export(subject.model, subject.preprocessor, folder)
        return reports

    def _model_stage(self, steps: list[Technique]) -> tuple[ModelSubject, list[StepReport]]:
        done, subject, reports = self._finished_prefix(len(steps))
        for number in range(done, len(steps)):
            with cache.alone("prefixes", self.digest(number + 1)) as waited:
                kept = self._kept_prefix(number + 1) if waited else None
                if kept is not None:
                    subject, reports = kept
                    continue
                reports.append(self._apply(steps[number], subject, number))
                if reports[-1].seconds > SLOW_STEP_SECONDS:
                    self._keep_prefix(number + 1, subject, reports)
                self._drop_checkpoints(number)
        return subject, reports

    def _finished_prefix(self, count: int) -> tuple[int, ModelSubject, list[StepReport]]:
        """The longest finished beginning of the recipe: its length, its model and its reports."""
        import copy

        for length in range(count, 0, -1):
            kept = self._kept_prefix(length)
            if kept is not None:
                return length, *kept
        return 0, ModelSubject(copy.deepcopy(self.loaded.model), self.loaded.preprocessor), []

    def _kept_prefix(self, length: int) -> tuple[ModelSubject, list[StepReport]] | None:
        """The recipe's first ``length`` steps as another run left them."""
        from explorer.models.preprocess import Preprocessor

        found = None if self.fresh else cache.find("prefixes", self.digest(length))
        if found is None:
            return None
        self.report(stage="load", text=f"Taking the first {length} steps from an earlier run")
        state = json.loads((found / "subject.json").read_text(encoding="utf-8"))
        reports = [StepReport(**{**fields, "cached": True}) for fields in state["reports"]]
        return ModelSubject(load_torch(found / "torch"), Preprocessor.load(found), set(state["pruned"])), reports

    def _keep_prefix(self, length: int, subject: ModelSubject, reports: list[StepReport]) -> None:
        def write(folder: Path) -> None:
            save_torch(subject.model, folder / "torch")
            subject.preprocessor.save(folder)
            state = {"pruned": sorted(subject.pruned), "reports": [report.model_dump() for report in reports]}
            (folder / "subject.json").write_text(json.dumps(state), encoding="utf-8")

        cache.put("prefixes", self.digest(length), write)

    def _apply(self, step: Technique, subject: ModelSubject | GraphSubject, number: int) -> StepReport:
        """Do a step; on a graph, a step of the stage ``model`` does what it left for the file."""
        started = time.monotonic()
        self.report(stage="apply", text=f"{step.title}: step {number + 1} of {len(self.recipe.steps)}")
        context = Context(
            task=self.task,
            preprocessor=self.preprocessor,
            teacher=lambda: self.loaded.model,
            teacher_logits=self._teacher_logits,
            seed=self.recipe.seed + number,
            report=self._report_of(number),
            checkpoint=self._checkpoints(number),
        )
        late = step.stage == "model" and isinstance(subject, GraphSubject)
        (step.finish if late else step.apply)(subject, context)
        memory.release()
        seconds = round(time.monotonic() - started, 3)
        return StepReport(technique=step.name, seconds=seconds, notes=context.notes, figures=context.figures)

    def _report_of(self, number: int) -> Report:
        """Takes what a step tells: its training is a part of all training that the recipe has, its answers are work."""
        trained = [place for place, step in enumerate(self.recipe.steps) if "training" in step.needs]
        title = self.recipe.steps[number].title

        def report(*, stage: str, text: str, fraction: float | None = None, **figures: Any) -> None:
            if stage == "train":
                text = f"{title}: {text}"
            if stage == "train" and fraction is not None and number in trained:
                fraction = (trained.index(number) + fraction) / len(trained)
            self.report(stage="apply" if stage == "evaluate" else stage, text=text, fraction=fraction, **figures)

        return report

    def _checkpoints(self, number: int) -> Callable[[], Checkpoint]:
        """Gives the trainings of a step their checkpoints, one after another."""
        from explorer.training.checkpoints import Checkpoint

        places = (cache_folder("checkpoints") / f"{self.digest(number + 1)}-{n}" for n in itertools.count())

        def following() -> Checkpoint:
            found = Checkpoint(next(places))
            if self.fresh:
                found.drop()
            return found

        return following

    def _drop_checkpoints(self, number: int) -> None:
        """The step is done and kept where it took long."""
        for path in cache_folder("checkpoints").glob(f"{self.digest(number + 1)}-*"):
            path.unlink(missing_ok=True)

    def _teacher_logits(self) -> NDArray[np.float32]:
        from explorer import training

        def compute() -> NDArray[np.float32]:
            report, split = self._report_of(0), self.task.splits["train"]
            report(stage="apply", text="Asking the teacher for its answers")
            return training.evaluate(self.loaded.model, split, self.loaded.preprocessor, fast=True, report=report)

        logits = cache.array("logits", self.digest(0), compute)
        self.loaded.model.cpu()
        memory.release()
        return logits

    def _export(self, model: torch.nn.Module, preprocessor: Preprocessor, folder: Path) -> None:
        """Export to ONNX, check that both agree, and write the artefact."""
        self.report(stage="export", text="Exporting to ONNX and comparing with PyTorch")
        memory.release()
        model = model.cpu().eval()
        graph = deploy.export(model, preprocessor)
        sample = self.task.splits["calibration"].subset(5, seed=0)
        deploy.check_parity(graph, model, preprocessor.encode(sample.inputs))
        folder.mkdir(parents=True, exist_ok=True)
        deploy.save_graph(graph, folder / "model.onnx")
        preprocessor.save(folder)
        card = {"labels": list(self.task.labels), "kind": self.task.kind, "task": self.task.name}
        names = {"input_names": list(preprocessor.input_names)}
        (folder / "model.json").write_text(json.dumps(card | names, indent=1), encoding="utf-8")
        if self.task.kind == "image":
            np.save(folder / "example.npy", np.asarray(sample.inputs)[0], allow_pickle=False)
        save_torch(model, folder / "torch")

    def _deploy_stage(self, folder: Path) -> list[StepReport]:
        """Edit the artefact's graph; PyTorch cannot load what these steps make, and the folder says so."""
        steps = {i: step for i, step in enumerate(self.recipe.steps) if step.stage == "deploy" or step.finishes}
        if not steps:
            return []
        import onnx

        from explorer.models.preprocess import Preprocessor

        path = folder / "model.onnx"
        subject = GraphSubject(onnx.load(path), Preprocessor.load(folder))
        reports = [self._apply(step, subject, i) for i, step in steps.items()]
        path.unlink()
        deploy.save_graph(subject.graph, path)
        shutil.rmtree(folder / "torch", ignore_errors=True)
        names = " and ".join(step.name for step in steps.values())
        reason = f"PyTorch cannot load this file: {names} changes the exported ONNX graph only."
        (folder / "torch-unavailable.txt").write_text(reason, encoding="utf-8")
        return reports


def _baseline_size(folder: Path) -> Size:
    return Size.model_validate_json((folder / SIZE_FILE).read_text(encoding="utf-8"))
