"""The Ray engine: each run is a job of a cluster. See docs/ray.md for its variables."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from explorer.errors import BadInput
from explorer.jobs import lifecycle
from explorer.jobs.engine import Watch
from explorer.jobs.ray import job as jobs
from explorer.jobs.ray.api import RayClient, token_from_environment
from explorer.jobs.ray.follow import Follower, Outcome
from explorer.jobs.ray.link import Link
from explorer.jobs.ray.needs import Needs
from explorer.rundir import FINISHED, MAKE, MEASURE, RunFolder
from explorer.settings import number

SLOTS = 100
"""How many runs are on the cluster at a time, unless ``EXPLORER_JOBS`` says otherwise."""
WAITING = 8
"""How many may wait there for a place for the same work; the others wait in the queue here, where they can be moved."""
KEPT = 10_000
"""Of how many runs it is remembered what they ask for."""
Lane = tuple[Needs, Needs]
"""What making and measuring ask for."""


class RayWatch:
    """A run on the cluster; see ``engine.Watch``."""

    def __init__(self, folder: RunFolder, follower: Follower | None) -> None:
        self.folder = folder
        self._follower = follower
        self._seen: tuple[int, int] | None = None
        if follower is not None:
            follower.start()

    def gone(self) -> bool:
        """Whether the job is over and all that it wrote is here."""
        return self._follower is None or self._follower.outcome is not None

    def stop_if_asked(self) -> None:
        """Where a cancel is requested: have Ray end the job, which kills it after 3 s."""
        if self.folder.cancel_requested:
            self.stop()

    def stop(self) -> None:
        """Have Ray end the job; returns at once, since the run's thread is who asks."""
        if self._follower is not None:
            self._follower.stop()

    def kill(self) -> None:
        """The same: Ray kills what does not end."""
        self.stop()

    def settle(self) -> None:
        """Write down how the run ended unless it did so itself."""
        outcome = (self._follower.outcome if self._follower else None) or Outcome()
        cancelled = self.folder.cancel_requested or self.folder.snapshot().state in FINISHED
        if outcome.reason is None or cancelled:
            lifecycle.settle(self.folder, None, outcome.exit_status)
        else:
            self.folder.drop_artefact()
            self.folder.add_state("failed", outcome.reason, bad_input=outcome.bad_input)

    def news(self) -> bool:
        """Whether events were written since the last call."""
        before, self._seen = self._seen, self.folder.written()
        return self._seen != before


class RayEngine:
    """Runs as jobs of the cluster at ``RAY_API_SERVER_ADDRESS``; see ``engine.Engine``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.slots = int(number("EXPLORER_JOBS", SLOTS, least=1))
        self._followers: list[Follower] = []
        self._links: dict[str, Link] = {}
        self._lanes: dict[tuple[str, bool], Lane] = {}
        self._shared = os.environ.get("EXPLORER_RAY_SHARED") == "1"

    def start(self, folder: RunFolder) -> RayWatch:
        """Hand the run over; what is to be submitted is written down first, so that nothing is submitted twice."""
        link = self._link(None)
        job = jobs.Job(link.client.address, folder.run).save(folder)
        return self._watch(folder, Follower(folder, link, job, new=True))

    def adopt(self, folder: RunFolder) -> Watch:
        """Follow the job that is written down, on the cluster that it was given to; or the worker of this machine."""
        if not folder.elsewhere:
            return lifecycle.ProcessWatch(folder, folder.worker())
        job = jobs.load(folder)
        if job is None or folder.snapshot().state in FINISHED:
            return RayWatch(folder, None)
        return self._watch(folder, Follower(folder, self._link(job.address), job))

    def has_begun(self, folder: RunFolder) -> bool:
        """Whether a job was written down for the run, or a worker of this machine has claimed it."""
        return jobs.load(folder) is not None or folder.worker() is not None

    def obstacle(self, folder: RunFolder, running: Sequence[RunFolder]) -> str | None:
        """A variable that is missing or odd, or enough runs that wait for what this one will ask for.

        One that has its place keeps it.
        """
        if self.has_begun(folder):
            return None
        try:
            wanted = set(self._lane(folder))
        except BadInput as error:
            return str(error)
        waiting = Counter(self._waits_for(follower) for follower in self._followers if follower.pending)
        most = max(waiting[needs] for needs in wanted)
        return None if most < WAITING else f"waits for a place on the cluster, as {most} runs before it do for the same"

    def lane(self, folder: RunFolder, running: Sequence[RunFolder]) -> Lane | None:
        """What the run's two parts ask for; None where that cannot be said, for which ``obstacle`` has the sentence."""
        try:
            return self._lane(folder)
        except BadInput:
            return None

    def look_after(self, busy: bool, waiting: bool, running: Sequence[RunFolder]) -> None:
        """Forget the runs that are over."""
        self._followers = [follower for follower in self._followers if follower.is_alive()]
        if len(self._lanes) > KEPT:
            self._lanes.clear()

    def close(self) -> None:
        """Leave; the jobs go on, but for those that are just being ended, which Ray is told first if it answers."""
        deadline = time.monotonic() + lifecycle.GRACE_S
        for follower in self._followers:
            if follower.stopping:
                follower.join(max(deadline - time.monotonic(), 0))
            follower.leave()

    def _lane(self, folder: RunFolder) -> Lane:
        link = self._link(None)
        known = folder.run, link.gpus > 0
        if known not in self._lanes:
            request = folder.request() or {"recipe": {}}  # one without a request fails as soon as it is handed over
            self._lanes[known] = link.place(request, MAKE), link.place(request, MEASURE)
        return self._lanes[known]

    def _waits_for(self, follower: Follower) -> Needs:
        make, measure = self._lane(follower.folder)
        return measure if follower.job.part == MEASURE else make

    def _watch(self, folder: RunFolder, follower: Follower) -> RayWatch:
        self._followers.append(follower)
        return RayWatch(folder, follower)

    def _link(self, address: str | None) -> Link:
        """The link to a cluster: that of the environment, or the one that a job was given to before."""
        client = RayClient(address, token_from_environment()) if address else RayClient.from_environment()
        return self._links.setdefault(client.address, Link(client, self._shared))
