"""The worker: ``python -m explorer.jobs.worker RUN_FOLDER`` executes one run and writes into its folder only.

A second word, ``make`` or ``measure``, has it do one part of the run: after ``make`` the run goes on elsewhere.

With ``--spare`` in the folder's place it imports what every run needs, waits for a line with the folder on its input,
and ends without one when that is closed.

It claims the run, reports ``running`` before anything heavy is imported, and ends with a result or with one sentence
that says why there is none. SIGTERM becomes ``Cancelled``, raised wherever the work is at that moment.
``EXPLORER_PIPELINE=module:function`` puts another function in the place of ``explorer.pipeline.execute``, and its
module's ``make`` and ``measure`` in the places of the parts: the tests of the jobs use some that need no torch.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from explorer.errors import BadInput, Cancelled, ExplorerError
from explorer.home import FULL, home
from explorer.jobs import memory_guard, processes
from explorer.jobs.lifecycle import CANNOT_WRITE, SPARE, cannot_write, unexpected
from explorer.measure.lock import training_slot
from explorer.rundir import MAKE, MEASURE, WHOLE, RunFolder, State

if TYPE_CHECKING:
    from explorer.recipe import Recipe

WARM = ("onnx", "onnxruntime", "transformers.models.auto.modeling_auto", "transformers.models.bert.modeling_bert")
"""What runs import besides the pipeline, which takes seconds."""

NO_MEMORY = "there is not enough memory for this run; close other programs or choose a smaller model"


def perform(folder: RunFolder, part: str = WHOLE) -> int:
    """Execute one run, or a part of it, to its end; returns the exit status.

    0 when it is done or another worker has it, the system's error where nothing can be written, else 1.
    """
    now = {"claimed_at": time.time(), "claimed_since_boot": round(time.time() - psutil.boot_time(), 3)}
    if not folder.claim({**processes.mark(), **now, "memory_kills": memory_guard.kills()}):
        return 0
    signal.signal(signal.SIGTERM, _raise_cancelled)
    try:
        folder.add_state("running")
        folder.add_progress("load", "Starting")
        if folder.cancel_requested:
            raise Cancelled
        text = _execute(folder, part)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on the run is won
        if text is None:
            return 0
        folder.write_result(text)
    except BaseException as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return _give_up(folder, error)
    with suppress(OSError):  # the result alone says it too
        folder.add_state("done")
    return 0


def explain(error: BaseException, folder: RunFolder) -> tuple[State, str | None]:
    """The finished state and the one sentence for whatever stopped the work.

    A requested end counts whatever it ended as: libraries catch the exception that it raises and raise their own.
    """
    if folder.cancel_requested:
        return "cancelled", None
    if any(isinstance(cause, (Cancelled, KeyboardInterrupt)) for cause in _causes(error)):
        return "failed", "interrupted: the worker process was told to stop"
    if number := _cannot_write(error):
        return "failed", cannot_write(folder, number)
    if any(_is_out_of_memory(cause) for cause in _causes(error)):
        return "failed", NO_MEMORY
    if isinstance(error, ExplorerError):
        return "failed", str(error)
    return "failed", unexpected(error)


def _execute(folder: RunFolder, part: str) -> str | None:
    """The result, None after a part that has none."""
    request = folder.request()
    if request is None:
        raise ExplorerError("The run's request is missing or unreadable.")
    with suppress(OSError):  # paths in a recipe are relative to where it was submitted
        os.chdir(request.get("cwd") or ".")
    execute = _pipeline(part)  # torch is imported here
    from explorer.recipe import Recipe

    recipe = Recipe.parse(request["recipe"])
    report = _reporter(folder)
    _weigh(recipe, request, folder, report)
    names = {"run": folder.run, "digest": request.get("digest", ""), "fresh": bool(request.get("fresh"))}
    result = execute(recipe, folder.path, report, **names)
    if result is None:
        return None
    if request.get("provisional_digest"):  # by now the model is on this machine
        from explorer.jobs.request import digest_of

        result = result.model_copy(update={"digest": digest_of(recipe)})
    return str(result.model_dump_json(indent=1))


def _weigh(recipe: Recipe, request: dict[str, Any], folder: RunFolder, report: Callable[..., None]) -> None:
    """Fetch a hub model that was not here when the run was launched, and wait for the memory that it turns out to take.

    Raises ``ExplorerError`` where it cannot be had, there is no room for it, or it could never fit into the memory.
    """
    from explorer.housekeeping import check_space
    from explorer.models import card_for, hub, zoo
    from explorer.planning import memory_bytes

    if recipe.model in zoo.NAMES or "memory_bytes" in request:
        return
    report(stage="load", text=f"Downloading {recipe.model}")
    if (needed := hub.download_bytes(recipe.model)) > 0:
        check_space(needed, hub.hub_cache())
    card_for(recipe.model, recipe.data)
    need = memory_bytes(recipe)
    if need is not None:
        memory_guard.weigh(folder, need, lambda text: report(stage="wait", text=text))


def _reporter(folder: RunFolder) -> Callable[..., None]:
    """Progress goes to the events and, when it says something new, to the log."""
    said = ""

    def report(stage: str, text: str, **figures: Any) -> None:
        nonlocal said
        folder.add_progress(stage, text, **figures)
        if said != f"[{stage}] {text}":
            said = f"[{stage}] {text}"
            print(said, flush=True)

    return report


def _pipeline(part: str = WHOLE) -> Callable[..., Any]:
    module, _, function = os.environ.get("EXPLORER_PIPELINE", "explorer.pipeline:execute").partition(":")
    name = function if part == WHOLE else part
    execute: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return execute


def _give_up(folder: RunFolder, error: BaseException) -> int:
    state, reason = explain(error, folder)
    with suppress(OSError):  # the log may be what filled the disk
        print(reason or "The run was cancelled.", file=sys.stderr)
        if state == "failed":
            print("\nHow it came to this, for whoever looks into it:", file=sys.stderr)
            traceback.print_exception(error)
        sys.stderr.flush()
    folder.drop_artefact()
    number = _cannot_write(error)
    try:
        folder.add_state(state, reason, bad_input=isinstance(error, BadInput) and reason == str(error))
    except OSError:  # then whoever settles the run says it, from the exit status or from what can still be noted
        if number in FULL:
            folder.note_no_room()
    return number or 1


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cannot_write(error: BaseException) -> int:
    """The number in ``CANNOT_WRITE`` of what stopped the work; 0 where it was something else."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in CANNOT_WRITE:
            return cause.errno
        for number in CANNOT_WRITE:  # as writers that are not Python's report it
            if os.strerror(number) in str(cause):
                return number
    return 0


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def _raise_cancelled(number: int, frame: object) -> None:
    raise Cancelled("The run was cancelled.")


def _log_to(path: Path) -> None:
    """Send everything that this process and its libraries print to the run's log, line by line."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _wait_for_a_run() -> str:
    """Have everything ready while nothing is measured, then wait; leaves where no run comes."""
    try:
        with training_slot(home(), lambda text: None, _is_let_go):
            _get_ready()
    except Cancelled:
        sys.exit(0)
    try:
        print("ready", flush=True)
    except BrokenPipeError:  # whoever would give it a run is gone
        os._exit(0)
    place = sys.stdin.readline().strip()
    if not place:
        sys.exit(0)
    return place


def _get_ready() -> None:
    with suppress(Exception):  # whatever fails here fails again in the run, where it is written down
        _pipeline()
        for name in WARM if "EXPLORER_PIPELINE" not in os.environ else ():
            importlib.import_module(name)


def _is_let_go() -> bool:
    """Whether whoever would give it a run has closed its input: no run comes before it is ready."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main() -> None:
    """Execute the run whose folder is the first argument, or the one that a spare worker is given."""
    place, part = (*sys.argv[1:], WHOLE)[:2] if len(sys.argv) in (2, 3) else ("", WHOLE)
    place = _wait_for_a_run() if place == SPARE else place
    if not place or not Path(place).is_dir() or part not in (WHOLE, MAKE, MEASURE):
        sys.exit("usage: python -m explorer.jobs.worker RUN_FOLDER [make | measure]")
    folder = RunFolder(Path(place).absolute())
    os.environ["EXPLORER_HOME"] = str(folder.path.parents[1])  # stays right when the current folder changes
    try:
        _log_to(folder.path / "log.txt")
        status = perform(folder, part)
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        status = _cannot_write(error)
        if not status:
            raise
    os._exit(status)  # all is written down: taking PyTorch and its memory apart would keep the next run waiting


if __name__ == "__main__":
    main()
