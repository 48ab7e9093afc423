"""What is written down about a run's job (``ray.json`` in its folder), and the job as Ray is told it."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict, dataclass, replace
from typing import Any

from explorer.jobs.ray import node
from explorer.jobs.ray.needs import Needs
from explorer.rundir import ELSEWHERE, MEASURE, RunFolder, write_whole

FORWARDED = ("EXPLORER_PIPELINE", "EXPLORER_RAY_SCRATCH")
"""What the worker on a node gets of this side's environment; never a token or a key: Ray shows what it is given."""


@dataclass(frozen=True)
class Job:
    """A run's job: ``attempt`` counts from 1, ``waits`` how often Ray gave up waiting for a place for it.

    ``part`` is what it does of the run, empty as long as that is open. ``submitted`` is written down after Ray said so.
    ``log_at`` is the size of the run's log before this job.
    """

    address: str
    run: str
    part: str = ""
    attempt: int = 1
    waits: int = 0
    submitted: bool = False
    log_at: int = 0

    @property
    def submission(self) -> str:
        """The id, made of the run, the attempt and the part alone: Ray refuses a second job of the same id."""
        words = [self.run, str(self.attempt), *([MEASURE] if self.part == MEASURE else [])]
        return "-".join(["explorer", *words, *([str(self.waits)] if self.waits else [])])

    def save(self, folder: RunFolder) -> Job:
        """Write it down in the run's folder."""
        write_whole(folder.path / ELSEWHERE, json.dumps({**asdict(self), "submission": self.submission}))
        return self

    def but(self, **changes: Any) -> Job:
        """The same with other fields."""
        return replace(self, **changes)


def load(folder: RunFolder) -> Job | None:
    """The job that is written down in the run's folder, None where there is none."""
    try:
        found = json.loads((folder.path / ELSEWHERE).read_bytes())
        names = ("address", "part", "attempt", "waits", "submitted", "log_at")
        return Job(run=folder.run, **{name: found[name] for name in names if name in found})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def description(
    folder: RunFolder, job: Job, package: str, artefact: list[str], needs: Needs, shared: bool
) -> dict[str, Any]:
    """The job as the Ray Jobs API takes it; ``artefact`` are the packages of one that the node is to measure."""
    python = os.environ.get("EXPLORER_RAY_PYTHON") or "python"
    sent = node.packed(_sent(folder.request() or {}) | ({"artefact": artefact} if artefact else {}))
    words = [node.SHARED, job.part, str(folder.path)] if shared else [folder.run, job.part, sent]
    variables = {name: os.environ[name] for name in FORWARDED if name in os.environ}
    variables["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "")  # else Ray sets it to the processors asked for
    environment: dict[str, Any] = {"working_dir": f"gcs://{package}", "env_vars": variables}
    if artefact:  # Ray fails at none
        environment["py_modules"] = [f"gcs://{name}" for name in artefact]
    return {
        "submission_id": job.submission,
        "entrypoint": shlex.join(["exec", python, "-m", "explorer.jobs.ray.node", *words]),
        "runtime_env": environment,
        "metadata": {**_asked(needs), "explorer_run": folder.run},
        **needs.fields(),
    }


def _asked(needs: Needs) -> dict[str, str]:
    """What is asked for, as the page of the cluster reads it before Ray says what is used."""
    amounts = {"CPU": needs.cpus, "GPU": needs.gpus, **dict(needs.custom)}
    return {f"explorer_{name}": f"{amount:g}" for name, amount in amounts.items()}


def _sent(request: dict[str, Any]) -> dict[str, Any]:
    """What a node needs of a request: not who made it or in which folder."""
    return {key: request[key] for key in ("recipe", "digest", "fresh", "provisional_digest") if key in request}
