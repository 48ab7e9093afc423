"""Everything that is measured of one saved artefact: answers on every target first, then times.

The pipeline, ``verify`` and ``measure`` all measure through here.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer import cache
from explorer.context import Report
from explorer.errors import ExplorerError, Unavailable
from explorer.measure import accuracy, cost, host, latency, perturb, profile, starting, travel
from explorer.measure.runners import unavailable_reason
from explorer.measure.shapes import REAL, Shape, shapes_of
from explorer.recipe import Measuring
from explorer.result import Accuracy, Latency, Memory, TargetUse
from explorer.tasks import Task

MEASURED_SPLIT, TEST_SPLIT = "validation", "test"


@dataclass
class Session:
    """One artefact beside its baseline, on some targets.

    ``baseline_digest`` names the baseline in the cache of answers: its answers on an unchanged computer are not
    computed twice, times always are. ``uncompressed`` says that the artefact is the baseline itself.
    """

    artefact: Path
    baseline: Path
    baseline_digest: str
    uncompressed: bool
    task: Task
    targets: tuple[str, ...]
    how: Measuring
    seed: int
    report: Report
    answers: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)

    @cached_property
    def shapes(self) -> list[Shape]:
        """The grid that the artefact allows."""
        return shapes_of(self.artefact, self.how.batches, self.how.lengths, self.how.sizes)

    @property
    def usual_shapes(self) -> list[Shape]:
        """Those at which starts and profiles are made: of images the ones of the model's own size."""
        return [shape for shape in self.shapes if self.task.kind == "text" or shape[1] == self.shapes[0][1]]

    def accuracies(self) -> list[Accuracy]:
        """The metric on validation on each target, then on test (and disturbed inputs) on the first that is there."""
        scores: list[Accuracy] = []
        for place, target in enumerate(self.targets):
            try:
                scores.append(self._accuracy(target, MEASURED_SPLIT, place))
            except Unavailable as missing:
                scores.append(accuracy.unavailable_accuracy(target, MEASURED_SPLIT, str(missing)))
        first = next((score.target for score in scores if score.kind == "measured"), None)
        if first is not None:
            scores.append(self._accuracy(first, TEST_SPLIT, len(self.targets)))
            if self.how.robustness:
                scores.append(self._accuracy(first, MEASURED_SPLIT, len(self.targets) + 1, disturbed=True))
        return scores

    def latencies(self) -> tuple[list[Latency], list[TargetUse]]:
        """Times at every shape on every target, and how each target ran."""
        times: list[Latency] = []
        uses: list[TargetUse] = []
        for i, target in enumerate(self.targets):
            self._timing(f"Timing on {target} beside the baseline", i)
            found, use = latency.measure_target(
                self.artefact,
                self.baseline,
                target,
                self.shapes,
                seed=self.seed,
                inputs=self._texts(),
                patience_s=self.how.wait_s,
            )
            times += found
            if use is not None:
                self._timing(f"Timing cold starts on {target}", i + 0.6)
                uses.append(self._started(use, found))
        return times, uses

    def explanations(self, times: list[Latency]) -> dict[str, Any]:
        """Why it is as small and as fast as it is: the work that was counted, and where the time goes."""
        self._timing("Looking where the time goes", len(self.targets))
        usual = [shape for shape in self.usual_shapes if shape[1] != REAL]
        measured = {(entry.batch, entry.sequence) for entry in times if entry.kind == "measured"}
        shape = min(usual or measured, default=(1, 1))
        try:
            work = cost.costs(self.artefact, sorted({shape, *usual, *measured}))
        except ExplorerError as unknown:  # an operator of somebody's own model: then nothing is said of its work
            self.report(stage="measure", text=str(unknown))
            work = []
        here = next((one for one in work if (one.batch, one.sequence) == shape), None)
        moved = here.weight_bytes + here.activation_bytes if here else None
        operations = cost.total(here) if here else None
        threads = host.default_threads()
        found = profile.profile(self.artefact, self.baseline, shape, threads, self.seed, operations, moved)
        return {"cost": work, "profile": found}

    def pack_inputs(self, run_folder: Path) -> None:
        """Keep some inputs with the answers they got, for measurements on other machines."""
        known = self.answers.get((travel.HOME_TARGET, MEASURED_SPLIT))
        travel.write_inputs(run_folder, self.artefact, self.task.splits[MEASURED_SPLIT], seed=0, logits=known)

    def _started(self, use: TargetUse, times: list[Latency]) -> TargetUse:
        """With what a start costs at the smallest shape: time to the first answer and peak memory.

        Real lengths are as long as they were on the average when they were timed.
        """
        timed = zip(self.shapes, times, strict=True)
        shape = min((entry.batch, entry.sequence) for shape, entry in timed if shape in self.usual_shapes)
        starts = starting.measure_starts(self.artefact, self.baseline, use.target, shape)
        if starts is None:
            return use
        memory = {"peak_rss_bytes": starts.peak_rss_bytes, "baseline_peak_rss_bytes": starts.baseline_peak_rss_bytes}
        return use.model_copy(update={"cold_start": starts.cold_start, **memory})

    def _texts(self) -> list[str]:
        return list(self.task.splits[MEASURED_SPLIT].inputs) if self.task.kind == "text" else []

    def _timing(self, text: str, done: float) -> None:
        """One part of the stage for each target, and one for the explanations."""
        self.report(stage="measure", text=text, fraction=done / (len(self.targets) + 1))

    def _accuracy(self, target: str, split: str, place: int, disturbed: bool = False) -> Accuracy:
        """``place`` counts the questions that are asked before: it tells how far the stage is."""
        reason = unavailable_reason(self.artefact, target)
        if reason is not None:  # before the baseline is asked for nothing
            raise Unavailable(reason)
        data = self.task.splits[split]
        inputs = perturb.perturbed(data.inputs) if disturbed else data.inputs
        condition: Any = perturb.CONDITIONS[self.task.kind] if disturbed else "clean"
        words = f"{len(data):,} {split} inputs on {target}" + (f" with {condition}" if disturbed else "")
        key = f"{self.baseline_digest}-{target}-{split}-{condition}-{computer()}"
        expected = cache.array("answers", key, lambda: self._answers(self.baseline, target, inputs, words, place))
        given = expected if self.uncompressed else self._answers(self.artefact, target, inputs, words, place + 0.5)
        if not disturbed:
            self.answers[target, split] = given
        names = self.task.labels
        return accuracy.compare(given, expected, data.labels, target, split, names=names, condition=condition)

    def _answers(self, folder: Path, target: str, inputs: Any, words: str, before: float) -> NDArray[np.float32]:
        whose = " with the baseline" if folder == self.baseline else ""
        passes = len(self.targets) + 1 + self.how.robustness

        def progress(done: int, total: int) -> None:
            fraction = (before + done / total / 2) / passes
            self.report(stage="evaluate", text=f"Answering {words}{whose}", fraction=fraction)

        return accuracy.predict(folder, target, inputs, on_progress=_seldom(progress))


def memory_of(uses: list[TargetUse]) -> Memory:
    """Peak memory on the first target that ran."""
    return Memory(peak_rss_bytes=uses[0].peak_rss_bytes if uses else None)


def computer() -> str:
    """What the answers of a runtime depend on: processor, instruction sets and versions, as 8 digits."""
    found = host.fingerprint()
    identity = json.dumps([found["cpu"], found["isa"], found["versions"]], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def _seldom(progress: Callable[[int, int], None], every_s: float = 0.5) -> Callable[[int, int], None]:
    last = 0.0

    def call(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every_s or done == total:
            last = time.monotonic()
            progress(done, total)

    return call
