"""A run in the foreground: the same folder and worker as in the background, watched by whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from explorer.access import check_may_change
from explorer.errors import BadInput
from explorer.home import runs_folder
from explorer.jobs.lifecycle import ProcessWatch
from explorer.rundir import FINISHED, RunFolder, open_run
from explorer.store import RunRow, Store

_TICK_S = 0.1


def run_here(run: str, tell: Callable[[dict[str, Any]], None]) -> RunRow:
    """Execute a queued run now, before anything else that is queued, or follow one that goes on already.

    ``tell`` gets each progress event. An interrupt from the keyboard cancels what was started here and goes on until
    it has ended; one that was started elsewhere is left alone. Raises ``BadInput`` where the worker found that what was
    given cannot be used.
    """
    check_may_change()
    folder = open_run(runs_folder(), run)
    if folder.snapshot().state not in FINISHED:
        queued = folder.worker() is None
        watch = ProcessWatch.start(folder) if queued else ProcessWatch(folder, folder.worker())
        _watch(watch, tell)
    store = Store()
    store.refresh(run)
    row = store.run(run)
    if row.state == "failed" and any(event.get("bad_input") for event in folder.events()):
        raise BadInput(row.reason or "")
    return row


def _watch(watch: ProcessWatch, tell: Callable[[dict[str, Any]], None]) -> None:
    told = 0
    while True:
        try:
            gone = watch.gone()
            if watch.news():
                told = _tell_new(watch.folder, told, tell)
            if gone:
                return watch.settle()
            watch.stop_if_asked()
            time.sleep(_TICK_S)
        except KeyboardInterrupt:
            if watch.process is None or watch.folder.cancel_requested:
                raise
            watch.folder.request_cancel()


def _tell_new(folder: RunFolder, told: int, tell: Callable[[dict[str, Any]], None]) -> int:
    events = folder.events()
    for event in events[told:]:
        if event.get("kind") == "progress":
            tell(event)
    return len(events)
