"""Pipelines without torch for the tests of jobs, named by ``EXPLORER_PIPELINE``; each stands for one kind of work."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

from explorer import ENGINE_VERSION, cache
from explorer.errors import BadInput
from explorer.home import home
from explorer.measure import lock
from explorer.result import Artefact, Memory, Result, Size
from explorer.rundir import RunFolder


def quick(recipe, folder, report, *, run, digest, fresh=False) -> Result:
    """A run that is done at once; its artefact is a real file."""
    report(stage="apply", text="Working", fraction=0.5, samples_per_s=100.0, seconds_left=1.0)
    (folder / "artefact").mkdir()
    (folder / "artefact" / "model.onnx").write_bytes(b"12345")
    print("a line in the log")
    size = Size(file_bytes=5, zipped_bytes=5, parameters=1, nonzero_parameters=1)
    return Result(
        run=run,
        digest=digest,
        engine=ENGINE_VERSION,
        recipe=recipe.plain(),
        task="digits",
        labels=["0", "1"],
        kind="image",
        finished_at="2026-11-22T04:15:03+00:00",
        seconds=0.1,
        steps=[],
        size=size,
        baseline_size=size,
        accuracy=[],
        latency=[],
        memory=Memory(),
        host={"cpu": "a processor", "cores": 2},
        artefact=Artefact(folder="artefact", files={"model.onnx": 5}, digest="d"),
    )


def gated(recipe, folder, report, **names) -> Result:
    """A run that goes on until the file ``go`` appears in its folder."""
    report(stage="train", text="Training", fraction=0.25)
    (folder / "artefact").mkdir()
    (folder / "artefact" / "half").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    (folder / "artefact" / "half").unlink()
    (folder / "artefact").rmdir()
    return quick(recipe, folder, report, **names)


def counting(recipe, folder, report, **names) -> Result:
    """A run that counts until the file ``go`` appears in its folder, and rests when it is asked to."""
    with lock.training_slot(home(), lambda text: report(stage="wait", text=text)) as slot:
        _count(folder, report, slot)
    return quick(recipe, folder, report, **names)


def sharing(recipe, folder, report, **names) -> Result:
    """A run that counts while all others of its kind wait for what it computes."""
    beside = lock.training_slot(home(), lambda text: report(stage="wait", text=text))
    with beside as slot, cache.alone("prefixes", "shared"):
        _count(folder, report, slot)
    return quick(recipe, folder, report, **names)


def beginning(recipe, folder, report, **names) -> Result:
    """A run whose beginning is shared, then goes on until the file ``end`` appears in its folder."""
    for name, _ in (RunFolder(folder).request() or {}).get("beginnings", ()):
        with cache.alone("prefixes", name):
            if cache.find("prefixes", name) is None:
                _count(folder, report)
                cache.put("prefixes", name, lambda place: None)
    report(stage="evaluate", text="Evaluating")
    while not (folder / "end").exists():
        time.sleep(0.02)
    return quick(recipe, folder, report, **names)


def _count(folder, report, slot=None) -> None:
    report(stage="train", text="Training", fraction=0.25)
    asked, count = RunFolder(folder), 0
    while not (folder / "go").exists():
        count += 1
        (folder / "count").write_text(str(count))
        time.sleep(0.02)
        if slot is not None:
            slot.rest(lambda: asked.pause_requested)


def with_child(recipe, folder, report, **names) -> Result:
    """A run that deafens itself to SIGTERM's exception and has a child that ignores SIGTERM."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    (folder / "child").write_text(str(child.pid))
    report(stage="train", text="Training", fraction=0.1)
    while True:
        try:
            time.sleep(60)
        except Exception:
            print("ignored")


def full_disk(recipe, folder, report, **names) -> Result:
    """A run whose disk is full in the middle of an artefact."""
    (folder / "artefact").mkdir()
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "artefact" / "model.onnx"))


def mistaken(recipe, folder, report, **names) -> Result:
    """A run that cannot work, and says so in one sentence."""
    raise BadInput("The file 'tweets.csv' has no column 'text'; expected are 'text' and 'label'.")


def broken(recipe, folder, report, **names) -> Result:
    """A run with a programming error."""
    return {}["missing"]


def hungry(recipe, folder, report, **names) -> Result:
    """A run that asks for more memory than there is."""
    raise MemoryError


def vanishing(recipe, folder, report, **names) -> Result:
    """A worker that leaves without a word."""
    os._exit(7)


def uncertain(recipe, folder, report, **names) -> Result:
    """A run that works for a moment, chosen by its recipe; some have a full disk or a mistake of their own."""
    with (folder / "starts").open("a") as file:
        file.write(f"{time.monotonic()}\n")
    luck = recipe.seed % 7
    for step in range(2 + recipe.seed % 5):
        report(stage="train", text="Training", fraction=step / 8)
        time.sleep(0.05)
    if luck == 5:
        full_disk(recipe, folder, report, **names)
    if luck == 6:
        mistaken(recipe, folder, report, **names)
    return quick(recipe, folder, report, **names)
