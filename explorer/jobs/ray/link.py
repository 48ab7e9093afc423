"""What all runs of a supervisor share: the cluster, its packages of our code and of artefacts, what was said of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from explorer.errors import ExplorerError
from explorer.jobs.ray import package
from explorer.jobs.ray.api import Away, RayClient, warning_of_open
from explorer.jobs.ray.job import Job, description
from explorer.jobs.ray.needs import Needs, kind, needs, tables_from_environment
from explorer.rundir import MAKE, MEASURE, WHOLE, RunFolder

POLL_S = 0.5
REQUESTS_PER_S = 100
"""How much all threads together may ask of the head."""
NODES_KNOWN_S = 30.0


class Link:
    """What all runs of a supervisor share: the cluster, its package of our code, and what was said about it."""

    def __init__(self, client: RayClient, shared: bool) -> None:
        self.client, self.shared = client, shared
        self.followers = 0
        self.away = False
        self._lock, self._package_lock = threading.Lock(), threading.Lock()
        self._said: str | None = None
        self._package: str | None = None
        self._nodes: tuple[float, list[dict[str, float]]] = (-NODES_KNOWN_S, [])

    def count(self, more: int) -> None:
        """There are so many followers more, or fewer."""
        with self._lock:
            self.followers += more

    def interval(self) -> float:
        """Seconds between two looks at a run: one request each, and one for what the node says."""
        return max(POLL_S, (1 if self.shared else 2) * self.followers / REQUESTS_PER_S)

    def answers(self) -> None:
        """The cluster did what it was asked."""
        with self._lock:
            if self._said:
                tell(f"The Ray cluster at '{self.client.address}' answers again.")
            self._said, self.away = None, False

    def fails(self, error: Exception) -> None:
        """It did not; said once, however many runs notice it."""
        with self._lock:
            self.away = isinstance(error, Away)
            if self._said is None:
                tell(f"{error} Runs on the cluster are left as they are and followed again when this works.")
            self._said = str(error)

    def package(self) -> str:
        """The name of the package of our code, which the cluster has from now on."""
        with self._package_lock:
            if self._package is None and self.client.is_open():
                tell(warning_of_open(self.client.address))
            if self._package is None or not self.client.has_package(self._package):
                self._package = self._given(package.contents())
            return self._package

    def _given(self, files: dict[str, bytes]) -> str:
        """The name of a package of these files, which the cluster has from now on."""
        name = package.name(files)
        if not self.client.has_package(name):
            self.client.upload_package(name, package.zipped(files))
        return name

    def nodes(self) -> list[dict[str, float]]:
        """All resources of each node that is alive, used or not, as of the last half minute."""
        now = time.monotonic()
        if now - self._nodes[0] > NODES_KNOWN_S:
            alive = [node for node in self.client.nodes() if node.get("state") == "ALIVE"]
            self._nodes = now, [node.get("resources_total") or {} for node in alive]
        return self._nodes[1]

    def part(self, request: dict[str, Any]) -> str:
        """What the first job of a run does: all of it, or making alone where measuring asks for something else."""
        return WHOLE if self.needs(request, MAKE) == self.needs(request, MEASURE) else MAKE

    def job(self, folder: RunFolder, job: Job, asked: Needs) -> dict[str, Any]:
        """The job for a run or a part of it; its code, and an artefact to measure, are on the cluster."""
        travels = job.part == MEASURE and not self.shared
        artefact = [self._given(files) for files in package.pieces(folder.path)] if travels else []
        return description(folder, job, self.package(), artefact, asked, self.shared)

    def needs(self, request: dict[str, Any], part: str) -> Needs:
        """What a run, or a part of it, asks this cluster for."""
        gpus = sum(float(node.get("GPU", 0)) for node in self.nodes())
        return _needs(request, part, gpus)

    @property
    def gpus(self) -> float:
        """How many GPUs the cluster has, by what was heard of it last; as long as that is nothing, it may have some."""
        nodes = self._nodes[1]
        return sum(float(node.get("GPU", 0)) for node in nodes) if nodes else 1.0

    def place(self, request: dict[str, Any], part: str) -> Needs:
        """What ``needs`` says, but for the memory and without asking the cluster."""
        return replace(_needs(request, part, self.gpus), memory=0)

    def refusal(self, folder: RunFolder) -> str | None:
        """Why a run cannot go to nodes that share no path with this machine; None where it can."""
        recipe = (folder.request() or {}).get("recipe", {})
        for path in (recipe.get("model"), recipe.get("data")):
            if not self.shared and path and os.path.isabs(str(path)):  # noqa: PTH117
                return (
                    f"This run reads '{path}' of this machine, which the nodes of the cluster do not have; expected is "
                    "a path that all nodes share, and EXPLORER_RAY_SHARED=1."
                )
        return None


def _needs(request: dict[str, Any], part: str, gpus: float) -> Needs:
    work = kind(request["recipe"], MEASURE if part == MEASURE else MAKE, gpus)
    return needs(request, work, tables_from_environment())


def requested(folder: RunFolder) -> dict[str, Any]:
    """A run's request; raises ``ExplorerError`` where there is none."""
    request = folder.request()
    if request is None:
        raise ExplorerError("The run's request is missing or unreadable.")
    return request


def tell(text: str) -> None:
    """Write a line into the supervisor's log, which may lie on a full disk."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
