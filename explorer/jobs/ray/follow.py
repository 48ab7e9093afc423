"""One thread per run that is on a cluster: hands the job over, follows it, and tries it once more where a node is lost.

The supervisor's loop never waits for the cluster: it looks at what these threads found.
"""

from __future__ import annotations

import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from explorer.errors import ExplorerError
from explorer.jobs.lifecycle import unexpected
from explorer.jobs.ray.api import Away, ClusterError
from explorer.jobs.ray.job import Job
from explorer.jobs.ray.link import Link, requested, tell
from explorer.jobs.ray.mirror import Mirror, keep_other_lines
from explorer.jobs.ray.needs import Needs, lacking
from explorer.jobs.ray.wire import LOG, MARK
from explorer.rundir import FINISHED, MAKE, MEASURE, RunFolder

TAIL_LINES = 200
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
GIVEN_UP_S = 120.0
"""So long after the last answer of the cluster a run that is to be cancelled is so, whatever its job does there."""
MOST_EQUAL = 20
"""After so many equal errors in a row that nobody foresaw, a run is given up."""
_STOP_AGAIN_S = 5.0
_FETCHES = 10
_LOST = ("JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE", "JOB_SUPERVISOR_ACTOR_START_FAILURE")
_NO_PLACE = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"


@dataclass(frozen=True)
class Outcome:
    """A job is over: why, where the run's folder does not say so, or the exit status of its command."""

    reason: str | None = None
    exit_status: int | None = None
    bad_input: bool = False


class Follower(threading.Thread):
    """Follows one run until ``outcome`` is there; of a ``new`` one nobody has submitted a job yet."""

    def __init__(self, folder: RunFolder, link: Link, job: Job, new: bool = False) -> None:
        super().__init__(name=f"ray-{folder.run}", daemon=True)
        self.folder, self.link, self.job = folder, link, job
        self.client = link.client
        self.outcome: Outcome | None = None
        self.pending = True
        """Whether the job waits for a place on the cluster."""
        self.stopping = False
        self.left = False
        self._woken = threading.Event()
        self._mirror: Mirror | None = None
        self._stopped_at: float | None = None
        self._node: str | None = None
        self._fetches = 0
        self._told = ""
        self._silent_since: float | None = None
        self._unforeseen: tuple[str, int] = "", 0
        """The last error that nobody foresaw, and how often in a row it came."""
        self._new = new
        self._asked: Needs | None = None

    def run(self) -> None:
        """Look at the job again and again; whatever goes wrong on the way is tried again, as long as that may help."""
        self.link.count(1)
        while self.outcome is None and not self.left:
            try:
                self._step()
                self.link.answers()
                self._silent_since, self._unforeseen = None, ("", 0)
            except (ClusterError, OSError) as error:
                self.link.fails(error)
                self._unheard(error)
            except ExplorerError as error:
                self._give_up(str(error))
            except Exception as error:
                self._wonder(error)
            self._woken.wait(self.link.interval())
            self._woken.clear()
        self.link.count(-1)
        self.pending = False

    def stop(self) -> None:
        """Have the job end; returns at once."""
        if not self.stopping:
            self.stopping = True
            self._woken.set()

    def leave(self) -> None:
        """Follow it no longer: the job goes on."""
        self.left = True
        self._woken.set()

    def _unheard(self, error: Exception) -> None:
        """Say why nothing is known of the job; where it is to end and nobody answers for long, it is over here."""
        if isinstance(error, Away) or not self.job.submitted:
            if self._silent_since is None:
                self._told, self._silent_since = "", time.monotonic()
            self._say(str(error))
        if self.stopping and self._silent_since and time.monotonic() - self._silent_since >= GIVEN_UP_S:
            self.outcome = Outcome()

    def _wonder(self, error: Exception) -> None:
        """Tell of an error that nobody foresaw once, and give the run up where it comes again and again."""
        said = unexpected(error)
        before, times = self._unforeseen
        self._unforeseen = said, times + 1 if said == before else 1
        if said != before:
            tell(traceback.format_exc())
        if self._unforeseen[1] >= MOST_EQUAL:
            self._give_up(said)

    def _step(self) -> None:
        if not self.folder.path.exists():
            self.left = True
            self._stop_job()
        elif not self.job.submitted:
            self._submit()
        else:
            self._look()

    def _say(self, text: str) -> None:
        """Have the run say what it waits for, once."""
        if self._told != text:
            self._told = text
            with suppress(OSError):
                if self.folder.snapshot().text != text:
                    self.folder.add_progress("wait", text)

    def _submit(self) -> None:
        refusal = self.link.refusal(self.folder)
        if self.stopping or refusal:
            if not self._new:  # Ray may have the job, and its answer was lost
                self._stop_job()
            self.outcome = Outcome(refusal, bad_input=refusal is not None)
            return
        if not self.job.part:  # written down first, so that the same job is asked for again
            self.job = self.job.but(part=self.link.part(requested(self.folder))).save(self.folder)
        self._asked = self.link.needs(requested(self.folder), self.job.part)
        job = self.link.job(self.folder, self.job, self._asked)
        self._new = False
        self.client.submit(job)
        self.job = self.job.but(submitted=True).save(self.folder)
        self._say(_waiting(self.job.part))

    def _look(self) -> None:
        found = self.client.status(self.job.submission)
        status = (found or {}).get("status")
        self.pending = status == "PENDING"
        self._node = (found or {}).get("driver_node_id") or self._node
        if found is None:
            self._lost("the cluster does not know the job any more")
        elif status in ENDED:
            self._end(found)
        else:
            if self.stopping:
                self._stop_job()
            if self.stopping and self.pending:
                self.outcome = Outcome()
            elif self.pending:
                self._say(self._missing() or _waiting(self.job.part))
            else:
                self._read(TAIL_LINES)

    def _missing(self) -> str | None:
        """What no node has of what the job asks for."""
        self._asked = self._asked or self.link.needs(requested(self.folder), self.job.part)
        return lacking(self._asked, self.link.nodes())

    def _stop_job(self) -> None:
        now = time.monotonic()
        if self._stopped_at is None or now - self._stopped_at > _STOP_AGAIN_S:
            self.client.stop(self.job.submission)
            self._stopped_at = now

    def _read(self, lines: int) -> None:
        """Write down what the node said since the last time; where lines are missing, all is read."""
        if self.link.shared or self._node is None:
            return
        self._mirror = self._mirror or Mirror(self.folder, self.job.log_at)
        try:
            with self.client.log(self.job.submission, self._node, lines) as output:
                whole = self._mirror.take(output)
        except Away:
            raise
        except ClusterError:
            return  # the node is not there yet or no more: its job's status will say which
        if not whole and lines != -1:
            self._read(-1)

    def _end(self, found: dict[str, Any]) -> None:
        """Ray says that the job is over: fetch the rest, then see what that means."""
        if not self._fetched(found):
            return
        kind, message = str(found.get("error_type") or ""), _first_line(found.get("message"))
        if self.folder.snapshot().state in FINISHED or self.stopping:
            self.outcome = Outcome()
        elif self.job.part == MAKE and found["status"] == "SUCCEEDED" and self.folder.made:
            self._go_on(_waiting(MEASURE), part=MEASURE)
        elif kind == _NO_PLACE:
            self._submit_again(waits=self.job.waits + 1)
        elif found["status"] == "FAILED" and (kind in _LOST or _says_lost(message)):
            self._lost("the job ended with its node")
        elif found["status"] == "SUCCEEDED" and not self.link.shared:
            self._lost("what the run wrote could not be fetched from the node")
        elif found["status"] == "STOPPED":
            self.outcome = Outcome("the job was stopped on the cluster")
        elif found.get("driver_exit_code") is not None:
            self.outcome = Outcome(exit_status=_exit_status(int(found["driver_exit_code"])))
        else:
            self.outcome = Outcome(f"the cluster could not start the run: {message}")
        if self.outcome and self._mirror and not self._mirror.complete:
            keep_other_lines(self._mirror)

    def _fetched(self, found: dict[str, Any]) -> bool:
        """Whether all is here that can be had of what the node wrote."""
        self._fetches += 1
        self._read(-1)
        complete = self.link.shared or (self._mirror is not None and self._mirror.complete)
        to_be_had = found["status"] == "SUCCEEDED" or found.get("driver_exit_code") is not None
        return complete or not to_be_had or self._fetches >= _FETCHES

    def _lost(self, reason: str) -> None:
        """Try once more, then give up."""
        reason = f"node lost: {reason}" + (f" ({self._node[:8]})" if self._node else "")
        if self.stopping or self.folder.snapshot().state in FINISHED or self.job.attempt > 1:
            self.outcome = Outcome(reason)
            return
        self._go_on(f"{reason[0].upper()}{reason[1:]}. The run is tried once more (attempt 2)", attempt=2)

    def _go_on(self, text: str, **changes: Any) -> None:
        """Have another job go on: with the next part, or once more with one that was lost."""
        if self.job.part != MEASURE and "part" not in changes:
            self.folder.drop_artefact()
        if self.link.shared:  # the next worker must be able to claim the run
            (self.folder.path / MARK).unlink(missing_ok=True)
        self._say(text)
        log = self.folder.path / LOG
        size = log.stat().st_size if log.exists() else 0
        self._submit_again(**{"waits": 0, "log_at": size, **changes})
        self._mirror, self._node, self._fetches = None, None, 0
        self.pending = True

    def _submit_again(self, **changes: Any) -> None:
        """Write down that a job of another id is to come; where nothing is made yet, it may be of another part."""
        part = self.job.part if self.job.part == MEASURE else ""
        self.job = self.job.but(**{"part": part, "submitted": False, **changes}).save(self.folder)

    def _give_up(self, reason: str) -> None:
        with suppress(Exception):  # it is over here, whatever the cluster answers
            self.client.stop(self.job.submission)
        self.outcome = Outcome(reason)


def _waiting(part: str) -> str:
    if part == MEASURE:
        return "The artefact is made. Waiting for a place on the cluster to measure it"
    return "Waiting for a place on the cluster"


def _says_lost(message: str) -> bool:
    """For versions of Ray that name no kind of error."""
    return message.startswith(("Job supervisor actor died", "Unexpected error occurred"))


def _exit_status(status: int) -> int:
    """As Python has it: negative for a signal, which a shell adds to 128."""
    return 128 - status if status > 128 else status


def _first_line(text: object) -> str:
    return str(text or "").strip().split("\n")[0][:300]
