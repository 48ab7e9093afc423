"""Background jobs: submit, pause, cancel, retry and delete runs, and read what they say.

A run survives the dashboard, the supervisor and this process: it is a folder, and a worker process that writes into
it. Equal recipes are not run twice: what ``submit`` looks up and what it writes happen under one lock.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from explorer.access import check_may_change, visitor, why_not
from explorer.errors import BadInput, ExplorerError
from explorer.home import home, runs_folder, writing
from explorer.rundir import ACTIVE, PRIORITY_S, QUEUE_PAUSED, Priority, RunFolder, State, open_run, queue_paused

if TYPE_CHECKING:
    from explorer.recipe import Recipe

ENDS_S = 3.0
"""How long whoever looks once waits for a supervisor to say how runs ended."""
_supervisors: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}
"""By home, the one that this process started last, and when."""


def submit(
    recipe: Recipe,
    study: str = "default",
    fresh: bool = False,
    time_limit_min: float | None = None,
    priority: Priority = "normal",
) -> str:
    """Queue a recipe and return its run's id; a supervisor is started when none is alive.

    An equal recipe that is done or active is returned instead, and belongs to ``study`` from then on; with ``fresh``
    only one that is active and fresh itself. A run that takes longer than ``time_limit_min`` minutes is ended; None
    leaves it to ``EXPLORER_TIME_LIMIT_MIN``, without which there is no limit. Runs of a high ``priority`` go before all
    others that wait, those of a low one after them, whenever they were launched; equals go in order of launch.
    """
    run, _ = enqueue(recipe, study, fresh, time_limit_min, priority)
    ensure_supervisor()
    return run


def enqueue(
    recipe: Recipe,
    study: str = "default",
    fresh: bool = False,
    time_limit_min: float | None = None,
    priority: Priority = "normal",
) -> tuple[str, bool]:
    """Write a queued run without starting anything; returns its id and whether it is new (see ``submit``)."""
    from explorer.housekeeping import check_space
    from explorer.jobs.engine import check_settings
    from explorer.jobs.equal import equal_run
    from explorer.jobs.processes import hold
    from explorer.jobs.queue import behind, hurry
    from explorer.jobs.request import request_of
    from explorer.models import check_steps
    from explorer.store import Store
    from explorer.studies import check_name

    check_may_change()
    check_settings()
    if priority not in PRIORITY_S:
        raise BadInput(f"The priority is '{priority}'; expected is one of {', '.join(PRIORITY_S)}.")
    study = check_name(study)
    check_steps(recipe.model, recipe.steps)
    check_space()
    request = request_of(recipe, study, fresh, time_limit_min, priority)
    with writing(), hold(home() / "submit.lock"):
        equal = equal_run(request)
        if equal is not None:
            _join(equal, study, visitor().name)
            hurry(equal, priority)
            return equal, False
        request["place"] = behind(priority)
        run = RunFolder.create(runs_folder(), request).run
        Store().refresh(run)  # so that whoever holds the lock next finds it
        return run, True


@writing()
def cancel(run: str) -> bool:
    """Ask for a run's end, which takes at most 4 seconds; False when it is finished already."""
    check_may_change()
    if not active(run):
        return False
    _folder(run).request_cancel()
    ensure_supervisor()
    return True


@writing()
def move(run: str, to: Literal["first", "up", "down", "last"]) -> None:
    """Give a queued run another place in the queue; raises ``BadInput`` for one that has none there any more."""
    from explorer.jobs.processes import hold
    from explorer.jobs.queue import between
    from explorer.store import Store

    check_may_change()
    folder, store = _folder(run), Store()
    with hold(home() / "submit.lock"):
        queue = store.in_state("queued")
        if run not in queue:
            raise BadInput(f"The run '{run}' is {folder.snapshot().state}; only a queued run has a place in the queue.")
        if reason := why_not_moved(run):
            raise BadInput(reason)
        others = [RunFolder(runs_folder() / other).place() for other in queue if other != run]
        before = {"first": 0, "up": queue.index(run) - 1, "down": queue.index(run) + 1, "last": len(others)}[to]
        folder.set_place(between(others, min(max(before, 0), len(others))))
        store.refresh(run)


def why_not_moved(run: str) -> str | None:
    """The sentence for why a queued run keeps its place; None where it can have another."""
    if not _folder(run).elsewhere:
        return None
    return (
        f"The run '{run}' was given to the cluster, which decides what it starts next; "
        "those that still wait here can be moved."
    )


def pause(run: str) -> None:
    """Let a run rest until it is resumed: one that is queued keeps its place, one that works stops at its next report.

    What is being measured is measured to the end. Raises ``BadInput`` for a run that is over, and where
    ``why_not_paused`` has a reason.
    """
    _set_paused(run, True)


def why_not_paused(run: str) -> str | None:
    """The sentence for why a run could not be told to rest where it is; None where it could."""
    if not _folder(run).elsewhere or os.environ.get("EXPLORER_RAY_SHARED") == "1":
        return None
    return (
        f"The run '{run}' was given to a cluster that does not see its folder, and cannot be told to rest; cancel it, "
        "or share one path with the nodes (EXPLORER_RAY_SHARED=1)."
    )


def resume(run: str) -> None:
    """Let a paused run go on as soon as a slot and its memory are free; raises ``BadInput`` for a run that is over."""
    _set_paused(run, False)
    ensure_supervisor()


@writing()
def pause_queue() -> None:
    """Start nothing new until ``resume_queue``; what runs goes on."""
    check_may_change()
    (home() / QUEUE_PAUSED).touch()


@writing()
def resume_queue() -> None:
    """Start what is queued again."""
    check_may_change()
    (home() / QUEUE_PAUSED).unlink(missing_ok=True)
    ensure_supervisor()


@writing()
def _set_paused(run: str, paused: bool) -> None:
    from explorer.store import Store

    check_may_change()
    folder, state = _folder(run), _state(run)
    if state not in ACTIVE:
        raise BadInput(f"The run '{run}' is {state}; only one that is queued or running can be paused and resumed.")
    if paused and (reason := why_not_paused(run)):
        raise BadInput(reason)
    if state == "running" and folder.pause_requested and not paused:
        folder.request_resume()
    else:
        folder.set_paused(paused)
    Store().refresh(run)


@writing()
def retry(run: str, fresh: bool | None = None) -> str:
    """Run the same recipe again; a recorded run works too.

    ``fresh`` reuses nothing that was kept from before. Without a choice, a run that failed or was cancelled goes on
    from its finished steps and its last checkpoint, and one that was done is done anew.
    """
    from explorer.jobs.processes import hold
    from explorer.recipe import Recipe
    from explorer.store import Store

    check_may_change()
    row = Store().run(run)
    if row.state in ACTIVE:
        raise BadInput(f"The run '{run}' is still {row.state}; cancel it before you try it again.")
    first, *others = ("default",) if row.recorded else row.studies
    request = {} if row.recorded else RunFolder(runs_folder() / run).request() or {}
    limit = request["time_limit_s"] / 60 if "time_limit_s" in request else None
    anew = row.state == "done" if fresh is None else fresh
    priority = request.get("priority", "normal")
    again = submit(Recipe.parse(row.recipe), study=first, fresh=anew, time_limit_min=limit, priority=priority)
    with hold(home() / "submit.lock"):
        for study in others:
            _join(again, study)
    return again


@writing()
def delete(run: str) -> None:
    """Move a finished run into the trash, for ``trash.KEPT_DAYS``; raises ``BadInput`` for one that is active."""
    from explorer import trash
    from explorer.store import Store

    check_may_change()
    folder, state = _folder(run), _state(run)
    if state in ACTIVE:
        raise BadInput(f"The run '{run}' is still {state}; cancel it before you delete it.")
    trash.put_run(home(), folder.path)
    with suppress(ExplorerError):  # on a full disk it is deleted all the same
        Store().refresh(run)


def active(run: str) -> bool:
    """Whether a run is queued or running."""
    return _state(run) in ACTIVE


def log_text(run: str, tail: int | None = 200) -> str:
    """The last ``tail`` lines of a run's log; a recorded run has none."""
    return "" if _is_recorded(run) else _folder(run).log_text(tail)


def events(run: str) -> list[dict[str, Any]]:
    """All progress and state events of a run, in order; a recorded run has none."""
    return [] if _is_recorded(run) else _folder(run).events()


def run_folder(run: str) -> Path:
    """The folder of a run; raises ``BadInput`` where there is none."""
    return _folder(run).path


@writing()
def ensure_supervisor() -> None:
    """Start the supervisor, detached from this process, unless one is alive or about to be."""
    from explorer.jobs.lifecycle import start_supervisor
    from explorer.jobs.processes import hold

    check_may_change()
    base = home()
    lock = base / "supervisor.lock"
    with hold(lock, wait_s=0) as free:
        last_holder = lock.read_text()
    if free and not _is_starting(base, last_holder):
        _supervisors[base] = start_supervisor(base), time.monotonic()


def carry_on() -> None:
    """Start the supervisor where runs wait for one or had one when it ended, as after a restart of the machine.

    Somebody who may not change anything starts nothing by looking.
    """
    from explorer.store import Store

    states: list[State] = ["running"] if queue_paused(home()) else ["running", "queued"]
    if why_not() is None and Store().in_state(*states):
        ensure_supervisor()


def await_ends(seconds: float = ENDS_S) -> None:
    """Wait until no run is said to be running whose worker is gone: the supervisor, just started, writes that down."""
    from explorer.jobs.processes import alive
    from explorer.store import Store

    def is_gone(run: str) -> bool:
        folder = RunFolder(runs_folder() / run)
        return not folder.elsewhere and not alive(folder.worker())

    deadline = time.monotonic() + seconds
    while why_not() is None and any(map(is_gone, Store().in_state("running"))) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_starting(base: Path, last_holder: str) -> bool:
    """Whether the one that was started last has yet to get the lock; it tries for longer than is allowed for here."""
    from explorer.jobs.lifecycle import LOCK_WAIT_S

    process, started = _supervisors.get(base, (None, 0.0))
    if process is None or process.poll() is not None or str(process.pid) == last_holder:
        return False
    return time.monotonic() - started < LOCK_WAIT_S


def _folder(run: str) -> RunFolder:
    if _is_recorded(run):
        raise BadInput(f"'{run}' is a recorded run and has no files here; retry it to make a run of your own.")
    return open_run(runs_folder(), run)


def _state(run: str) -> State:
    """Where a run stands by its folder; one that the index knows to be over is, whatever became of its events since."""
    from explorer.store import Store

    state = _folder(run).snapshot().state
    if state in ACTIVE:
        with suppress(ExplorerError):  # an index that is busy, or has no row yet
            row = Store().run(run)
            return state if row.state in ACTIVE else row.state
    return state


def _is_recorded(run: str) -> bool:
    return run.startswith("recorded-")


def _join(run: str, study: str, by: str = "") -> None:
    """Let a run belong to one more study, asked for ``by`` somebody, under the lock that ``enqueue`` holds."""
    from explorer.store import Store

    if RunFolder(runs_folder() / run).add_study(study, by):
        Store().refresh(run)
