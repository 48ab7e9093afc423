"""What a job does on a node of the cluster: it starts the worker and, where no path is shared, sends its files home.

``python -m explorer.jobs.ray.node --shared PART RUN_FOLDER`` becomes the worker of a run folder that all nodes see.
``python -m explorer.jobs.ray.node RUN PART REQUEST`` makes a folder in the node's own home, mirrored over its output.
PART is what the worker does of the run: ``execute`` (all of it), ``make`` or ``measure``.

All jobs of a user on a machine share one such home (``EXPLORER_RAY_SCRATCH``, else in the folder for temporary files):
its cache serves them all, and its locks let one run measure at a time.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from explorer.errors import BadInput, ExplorerError
from explorer.jobs import lifecycle, processes
from explorer.jobs.ray import package
from explorer.jobs.ray.wire import Sender
from explorer.rundir import MAKE, MEASURE, RunFolder, write_whole

SHARED = "--shared"
POLL_S = 0.2
LOCKS = "EXPLORER_LOCKS"
_ABANDONED_S = 3600.0


def packed(request: dict[str, Any]) -> str:
    """A request as a word of a command line."""
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(request).encode())).decode()


def unpacked(word: str) -> dict[str, Any]:
    """The request in a word that ``packed`` made."""
    try:
        found = json.loads(zlib.decompress(base64.urlsafe_b64decode(word)))
    except (ValueError, zlib.error):
        found = None
    if not isinstance(found, dict):
        raise BadInput("The request of the run cannot be read; expected is what the supervisor made of it.")
    return found


def machine_home() -> Path:
    """The home of this user on this machine, nobody else's; raises ``ExplorerError`` where it cannot be had."""
    given = os.environ.get("EXPLORER_RAY_SCRATCH")
    place = Path(given or f"{tempfile.gettempdir()}/explorer-node-{os.getuid()}").absolute()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.getuid():
        raise ExplorerError(f"The folder '{place}' belongs to somebody else; EXPLORER_RAY_SCRATCH names another one.")
    (place / "runs").mkdir(exist_ok=True)
    return place


def worker_environment(home: Path, locks: Path) -> dict[str, str]:
    """What the worker gets: this environment without the threads that Ray allows, as on the local engine."""
    found = {"OMP_WAIT_POLICY": "PASSIVE", **lifecycle.environment(home), LOCKS: str(locks)}
    return {name: value for name, value in found.items() if name != "OMP_NUM_THREADS" or value}


def run_shared(folder: Path, part: str) -> None:
    """Become the worker of a folder that is on this machine too."""
    if not folder.is_dir():
        raise BadInput(f"The node sees no folder '{folder}'; EXPLORER_RAY_SHARED=1 expects one path for all nodes.")
    environment = worker_environment(folder.parents[1], machine_home())
    os.execve(sys.executable, _worker(folder, part), environment)


def run_mirrored(run: str, request: dict[str, Any], part: str) -> int:
    """Execute a run, or a part, in this machine's own home and send its files over standard output.

    Returns the exit status. An artefact to measure came in packages, which the request names.
    """
    if Path(run).name != run or run in ("", ".", ".."):
        raise BadInput(f"'{run}' is no name of a run; expected is a word without a slash.")
    home = machine_home()
    _clean(home / "runs")
    folder = RunFolder(home / "runs" / run)
    _end_earlier_attempt(folder)
    folder.path.mkdir()
    identity = folder.path.stat().st_ino
    try:
        package.join(request.pop("artefact", ()), folder.path)
        write_whole(folder.path / "request.json", json.dumps({**request, "run": run}))
        return _mirror(folder, _start(folder, home, part), part)
    finally:
        if folder.path.exists() and folder.path.stat().st_ino == identity:  # a later attempt may have its own there
            shutil.rmtree(folder.path, ignore_errors=True)


def _end_earlier_attempt(folder: RunFolder) -> None:
    """Make room for this attempt where an earlier one, given up by now, was on this machine too."""
    if folder.path.exists():
        processes.send(processes.family(folder.worker()), signal.SIGKILL)
        aside = folder.path.with_name(f"old-{os.getpid()}-{folder.run}")
        folder.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def _worker(folder: Path, part: str) -> list[str]:
    return [sys.executable, "-m", "explorer.jobs.worker", str(folder), part]


def _start(folder: RunFolder, home: Path, part: str) -> subprocess.Popen[bytes]:
    """The worker, in this job's process group: Ray kills that when the node is lost."""
    signal.signal(signal.SIGTERM, lambda number, frame: folder.request_cancel())
    with (folder.path / "log.txt").open("ab") as log:
        return subprocess.Popen(
            _worker(folder.path, part),
            env=worker_environment(home, home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _mirror(folder: RunFolder, process: subprocess.Popen[bytes], part: str) -> int:
    mark, sender = processes.mark(process.pid), Sender(folder.path, _say)
    while process.poll() is None:
        sender.live()
        time.sleep(POLL_S)
    made = part == MAKE and process.returncode == 0 and folder.made
    if not made:
        lifecycle.settle(folder, mark, process.returncode)
    sender.live()
    if made or folder.snapshot().state == "done":
        sender.files(but="artefact" if part == MEASURE else None)
    sender.finish(process.returncode)
    return max(process.returncode, 0)


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _clean(runs: Path) -> None:
    """Remove what jobs left that were killed."""
    for path in runs.iterdir():
        try:
            old = time.time() - path.stat().st_mtime > _ABANDONED_S
        except OSError:
            continue  # another job cleans too
        if old and not processes.alive(RunFolder(path).worker()):
            shutil.rmtree(path, ignore_errors=True)


def main() -> None:
    """Execute what the command line says."""
    if len(sys.argv) != 4:
        sys.exit("usage: python -m explorer.jobs.ray.node --shared PART RUN_FOLDER | RUN PART REQUEST")
    run, part, what = sys.argv[1:]
    try:
        if run == SHARED:
            run_shared(Path(what), part)
        sys.exit(run_mirrored(run, unpacked(what), part))
    except ExplorerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
