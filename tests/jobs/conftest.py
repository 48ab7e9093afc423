"""A home of its own for each test, whose supervisor and workers are gone afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from explorer import jobs
from explorer.jobs import request
from explorer.recipe import Recipe
from explorer.rundir import RunFolder
from explorer.store import Store
from tests.jobs.ray_head import Head, serving


class Home:
    """What a test does with its home; ``recipe(n)`` makes recipes that differ in their seed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def recipe(self, seed: int = 0) -> Recipe:
        return Recipe(model="cnn-digits", seed=seed, targets=("cpu-onnxruntime",))

    def folder(self, run: str) -> Path:
        return self.path / "runs" / run

    def row(self, run: str):
        return Store().run(run)

    def settled(self, run: str):
        """The run's row once it is finished."""
        self.until(lambda: self.row(run).state in ("done", "failed", "cancelled"))
        return self.row(run)

    def training(self, run: str) -> int:
        """The worker's process id once its work goes on and the index knows."""
        self.until(lambda: self.row(run).stage == "train")
        return jobs._folder(run).worker()["pid"]

    def supervisor(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int((self.path / "supervisor.lock").read_text()))
            return process if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.Error):
            return None

    def kill_supervisor(self) -> None:
        self.until(self.supervisor)
        process = self.supervisor()
        process.kill()
        self.until(lambda: self.supervisor() is None)

    def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Iterator[Home]:
    """A home whose workers use the pipeline ``quick``, and digests that need no model files."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:quick")
    monkeypatch.setattr(request, "digest_of", lambda recipe: f"digest-{recipe.model}-{recipe.seed}")
    yield Home(tmp_path)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("EXPLORER_HOME") == str(tmp_path):
                process.kill()
    if tmp_path in jobs._supervisors:
        jobs._supervisors.pop(tmp_path)[0].wait()


@pytest.fixture
def head() -> Iterator[Head]:
    """What stands for the head of a Ray cluster."""
    with serving() as found:
        yield found


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """A queued run in a home of its own."""
    (tmp_path / "runs").mkdir()
    recipe = Recipe(model="cnn-digits", targets=("cpu-onnxruntime",)).plain()
    return RunFolder.create(tmp_path / "runs", {"recipe": recipe, "digest": "d", "study": "mine", "by": "Ada"})
