"""A run on disk: request, studies, events, log, result, artefact and other machines' figures, in one folder: the truth.

Only the standard library is imported, since the supervisor lives on it. Files that somebody else may read at any
moment appear at once and whole (written aside, then renamed or linked); events are appended line by line, and whoever
reads them skips a line that is cut short or garbage.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from explorer.errors import BadInput

State = Literal["queued", "running", "done", "failed", "cancelled"]
Priority = Literal["high", "normal", "low"]
PRIORITY_S: dict[Priority, float] = {"high": -1e10, "normal": 0.0, "low": 1e10}
"""What is added to the time of creation for a run's place in the queue: centuries, so that nothing comes between."""
ACTIVE: tuple[State, ...] = ("queued", "running")
FINISHED: tuple[State, ...] = ("done", "failed", "cancelled")
ELSEWHERE = "ray.json"
"""The note in the folder of a run that was given to a cluster."""
MADE = "made.json"
"""What says that the artefact is whole and not measured yet (``explorer.made``)."""
TIME = "time.json"
"""How long a run with a time limit was at work until now (``explorer.jobs.time_limit``)."""
MEMORY = "memory.json"
"""What a run is expected to take that was weighed by its worker (``explorer.jobs.memory_guard``)."""
WHOLE, MAKE, MEASURE = "execute", "make", "measure"
"""A run's work, and the two parts that it can be done in: the functions of ``explorer.pipeline`` for them."""
QUEUE_PAUSED = "queue-paused"
"""The marker in a home folder in which nothing new is started."""
DRAFTS = ("new-run-*", "new-import-*")
"""What a home folder has beside the runs while some are being made."""
DRAFT_S = 3600.0
_TAIL_BYTES = 64 * 1024
_MOST_PID = 2**31 - 1


@dataclass(frozen=True)
class Snapshot:
    """Where a run stands, read from its folder alone. Times are ISO 8601 in UTC, ``fraction`` is from 0 to 1."""

    state: State
    started_at: str | None = None
    finished_at: str | None = None
    stage: str | None = None
    text: str | None = None
    fraction: float | None = None
    samples_per_s: float | None = None
    seconds_left: float | None = None
    reason: str | None = None
    paused: bool = False


class RunFolder:
    """The files of one run; ``path`` is the folder and its name is the run's id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path.name

    @classmethod
    def create(cls, runs: Path, request: dict[str, Any]) -> RunFolder:
        """Make the folder of a new queued run under ``runs``; it appears there whole or not at all.

        ``run`` and ``created_at`` are added to ``request``. Raises ``OSError``, for example when the disk is full.
        """
        draft = runs.parent / f"new-run-{os.getpid()}-{time.time_ns()}"
        draft.mkdir()
        try:
            while True:
                now = datetime.fromtimestamp(time.time(), UTC)
                folder = cls(runs / _new_id(now))
                fields = {"run": folder.run, **request, "created_at": now.isoformat()}
                write_whole(draft / "request.json", json.dumps(fields, indent=1))
                if not folder.path.exists():
                    draft.rename(folder.path)
                    sync(runs)
                    return folder
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def request(self) -> dict[str, Any] | None:
        """The request, or None where the folder is gone or holds none that can be read."""
        fields = _read_json(self.path / "request.json")
        return fields if fields and isinstance(fields.get("recipe"), dict) else None

    def studies(self) -> list[str]:
        """The studies that the run belongs to: the one it was made for, then those that asked for an equal one."""
        first = str((self.request() or {}).get("study") or "")
        return list(dict.fromkeys([first, *self._joined("studies")]))

    def people(self) -> list[str]:
        """Who launched the run, then who else launched an equal one; nobody where nobody logs in."""
        first = str((self.request() or {}).get("by") or "")
        return list(dict.fromkeys(filter(None, [first, *self._joined("people")])))

    def add_study(self, study: str, by: str = "") -> bool:
        """Let the run belong to one more study, asked for ``by`` somebody; False where it is known already.

        Only one process may do so at a time.
        """
        studies, people = self.studies(), self.people()
        if study in studies and by in ("", *people):
            return False
        more = list(dict.fromkeys([*studies, study]))[1:]
        people = list(dict.fromkeys(filter(None, [*people, by])))
        write_whole(self.path / "studies.json", json.dumps({"studies": more, "people": people}))
        return True

    def drop_study(self, study: str) -> None:
        """Take back ``add_study``."""
        rest = [name for name in self.studies()[1:] if name != study]
        write_whole(self.path / "studies.json", json.dumps({"studies": rest, "people": self._joined("people")}))

    def place(self) -> float:
        """Where the run stands in the queue: the smallest goes first.

        That is where somebody moved it to, else the ``place`` that it was given when it was launched, else the time of
        its creation in seconds.
        """
        request = self.request() or {}
        for fields in (_read_json(self.path / "place.json") or {}, request):
            if (place := finite(fields.get("place"))) is not None:
                return place
        try:
            return datetime.fromisoformat(str(request.get("created_at"))).timestamp()
        except ValueError:
            return 0.0

    def set_place(self, place: float) -> None:
        """Give the run another place in the queue."""
        write_whole(self.path / "place.json", json.dumps({"place": place}))

    def add_progress(
        self,
        stage: str,
        text: str,
        fraction: float | None = None,
        samples_per_s: float | None = None,
        seconds_left: float | None = None,
        metrics: dict[str, Any] | None = None,
    ) -> None:
        """Append a progress event; ``fraction`` is from 0 to 1."""
        fields = {"stage": stage, "text": text, "fraction": fraction, "samples_per_s": samples_per_s}
        self._append({"kind": "progress", **fields, "seconds_left": seconds_left, "metrics": metrics or {}})

    def drop_wait(self) -> None:
        """Let what the run told last before it waited stand for what it does now, until it tells more."""
        told = [event for event in self.events() if event.get("kind") == "progress"]
        if told and told[-1].get("stage") == "wait":
            before = next((event for event in reversed(told) if event.get("stage") != "wait"), None)
            if before is not None:
                self.add_progress(str(before.get("stage")), str(before.get("text")), finite(before.get("fraction")))

    def add_state(self, state: State, reason: str | None = None, bad_input: bool = False) -> None:
        """Append a change of state; the first finished state stands. ``bad_input``: what was given cannot be used."""
        mark = {"bad_input": True} if bad_input else {}
        self._append({"kind": "state", "state": state, "reason": reason, **mark})

    def events(self) -> list[dict[str, Any]]:
        """All events in order; lines that cannot be read are left out."""
        return list(self._events(None))

    def written(self) -> tuple[int, int]:
        """Size and time of the events: it changes whenever something was added."""
        try:
            status = (self.path / "events.jsonl").stat()
        except OSError:
            return (0, 0)
        return status.st_size, status.st_mtime_ns

    def result(self) -> dict[str, Any] | None:
        """The result, or None where there is none that can be read; ``elsewhere`` are the reports of other machines."""
        fields = self._own_result()
        reports = self.measurements() if fields else []
        return {**fields, "elsewhere": reports} if fields and reports else fields

    def measurements(self) -> list[dict[str, Any]]:
        """The reports that were taken in, oldest first; a file whose content is not what its name says is left out."""
        reports = []
        for path in sorted((self.path / "measurements").glob("*.json")):
            with suppress(OSError):
                data = path.read_bytes()
                report = _parse(data) if _sha256(data) == path.stem else None
                reports += [report] if report else []
        return sorted(reports, key=lambda report: str(report.get("measured_at")))

    def add_measurements(self, text: str) -> bool:
        """Keep a report of another machine, checked before (``measure.elsewhere.parse``); False where it is known."""
        path = self.path / "measurements" / f"{_sha256(text.encode())}.json"
        with suppress(OSError):
            if path.read_text(encoding="utf-8") == text:
                return False
        path.parent.mkdir(exist_ok=True)
        write_whole(path, text)
        return True

    def write_result(self, text: str) -> None:
        """Write the result whole and safe against a power cut, after the artefact: from then on the run is done."""
        sync(*inside(self.path / "artefact"))
        write_whole(self.path / "result.json", text)
        (self.path / MADE).unlink(missing_ok=True)

    def claim(self, mark: dict[str, Any]) -> bool:
        """Make this process the run's only worker by writing ``worker.json``; False where another one came first."""
        draft = self.path / f"worker-{os.getpid()}.json"
        write_whole(draft, json.dumps(mark))
        try:
            os.link(draft, self.path / "worker.json")
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True

    def worker(self) -> dict[str, Any] | None:
        """The worker's mark, None while the run is unclaimed, or where the mark names no process.

        It is ``processes.mark`` with ``claimed_at``, ``claimed_since_boot`` and ``memory_kills``.
        """
        mark = _read_json(self.path / "worker.json")
        pid = mark.get("pid") if mark else None
        return mark if isinstance(pid, int) and 0 < pid <= _MOST_PID else None

    @property
    def claim_spoilt(self) -> bool:
        """Whether a worker's mark is there that names no process: then nobody else can claim the run."""
        return _is_there(self.path / "worker.json") and self.worker() is None

    def request_cancel(self) -> None:
        """Leave the marker that asks for the run's end."""
        (self.path / "cancel").touch()

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked for the run's end."""
        return _is_there(self.path / "cancel")

    def set_paused(self, paused: bool) -> None:
        """Leave the marker that asks the run to rest, or take it away."""
        if paused:
            (self.path / "pause").touch()
        else:
            (self.path / "pause").unlink(missing_ok=True)
        (self.path / "resume").unlink(missing_ok=True)

    def request_resume(self) -> None:
        """Leave the marker that asks the supervisor to let the run, which rests, go on in its turn."""
        (self.path / "resume").touch()

    @property
    def resume_requested(self) -> bool:
        """Whether the run rests only until it is its turn to go on."""
        return _is_there(self.path / "resume")

    @property
    def pause_requested(self) -> bool:
        """Whether somebody asked the run to rest until further notice."""
        return _is_there(self.path / "pause")

    def note_no_room(self) -> None:
        """Leave the marker that the run failed on a full disk, which often has room for a name and no content."""
        with suppress(OSError):
            (self.path / "no-room").touch()

    @property
    def found_no_room(self) -> bool:
        """Whether the run failed on a disk so full that it could not write that down."""
        return _is_there(self.path / "no-room")

    @property
    def elsewhere(self) -> bool:
        """Whether the run was given to a cluster, where its worker is no process of this machine."""
        return _is_there(self.path / ELSEWHERE)

    @property
    def made(self) -> bool:
        """Whether the artefact is whole and not measured yet."""
        return _is_there(self.path / MADE)

    def log_text(self, tail: int | None = None) -> str:
        """The log, or its last ``tail`` lines."""
        try:
            lines = (self.path / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        except OSError:
            return ""
        return "".join(lines if tail is None else lines[-tail:])

    def drop_artefact(self) -> None:
        """Remove what a run that failed or was cancelled left half-written."""
        (self.path / MADE).unlink(missing_ok=True)
        shutil.rmtree(self.path / "artefact", ignore_errors=True)

    def snapshot(self) -> Snapshot:
        """Where the run stands: a result always wins, then the first finished state, then the worker's mark."""
        progress: dict[str, Any] = {}
        ended: dict[str, Any] | None = None
        for event in self._events(_TAIL_BYTES):
            if event.get("kind") == "progress":
                progress = event
            elif event.get("state") in FINISHED and ended is None:
                ended = event
        mark = self.worker()
        state, reason, finished_at = self._standing(ended, mark)
        return Snapshot(
            state=state,
            reason=reason,
            started_at=_iso(mark.get("claimed_at")) if mark else None,
            finished_at=finished_at,
            stage=_text(progress.get("stage")),
            text=_text(progress.get("text")),
            fraction=finite(progress.get("fraction")),
            samples_per_s=finite(progress.get("samples_per_s")),
            seconds_left=finite(progress.get("seconds_left")),
            paused=state in ACTIVE and self.pause_requested and not self.resume_requested,
        )

    def _standing(
        self, ended: dict[str, Any] | None, mark: dict[str, Any] | None
    ) -> tuple[State, str | None, str | None]:
        result = self._own_result()
        if result is not None:
            return "done", None, _text(result.get("finished_at")) or (_iso(ended.get("time")) if ended else None)
        if ended is None:
            return ("running" if mark else "queued"), None, None
        if ended["state"] == "done":
            return "failed", "The run finished, but its result.json is missing or unreadable.", _iso(ended.get("time"))
        return ended["state"], _text(ended.get("reason")), _iso(ended.get("time"))

    def _own_result(self) -> dict[str, Any] | None:
        fields = _read_json(self.path / "result.json")
        return fields if fields and fields.get("state") == "done" else None

    def _joined(self, what: Literal["studies", "people"]) -> list[str]:
        more = (_read_json(self.path / "studies.json") or {}).get(what)
        return list(map(str, more if isinstance(more, list) else ()))

    def _append(self, event: dict[str, Any]) -> None:
        line = json.dumps({"time": time.time(), **event}).encode() + b"\n"
        with (self.path / "events.jsonl").open("ab+", buffering=0) as file:
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a writer died in the middle of its line
                    line = b"\n" + line
            while line:  # a disk that is nearly full takes a part and no error; the rest then raises it
                line = line[file.write(line) :]

    def _events(self, tail_bytes: int | None) -> Iterator[dict[str, Any]]:
        try:
            with (self.path / "events.jsonl").open("rb") as file:
                if tail_bytes is not None:
                    file.seek(max(0, file.seek(0, os.SEEK_END) - tail_bytes))
                lines = file.read().splitlines()
        except OSError:
            return
        for line in lines:
            event = _parse(line)
            if event is not None:
                yield event


def open_run(runs: Path, run: str) -> RunFolder:
    """The folder of an existing run; raises ``BadInput`` for an id that is unknown or not an id at all."""
    path = runs / run
    if not run or path.parent != runs or run in (".", "..") or not (path / "request.json").is_file():
        raise BadInput(f"There is no run '{run}'; 'python -m explorer runs' lists the known ones.")
    return RunFolder(path)


def queue_paused(home: Path) -> bool:
    """Whether nothing new is started in this home until further notice."""
    return (home / QUEUE_PAUSED).exists()


def drop_old_drafts(home: Path) -> None:
    """Delete the runs that were being made when their process was killed: for an hour nothing has been added to them.

    An import adds one run after another, of up to 4 GB in all.
    """
    for draft in (path for pattern in DRAFTS for path in home.glob(pattern)):
        with suppress(OSError):  # another process was faster
            if time.time() - draft.stat().st_mtime >= DRAFT_S:
                shutil.rmtree(draft, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut: write, sync, rename, sync."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(*paths: Path) -> None:
    """Have files and folders on the disk, so that a power cut takes none of them and leaves what comes after.

    Of a folder that is the names in it. Raises ``OSError`` for a file; a folder is left out where the system cannot
    sync one, as Windows and some network disks, since everything stands all the same until the power is cut.
    """
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            if path.is_file():
                raise


def inside(folder: Path) -> list[Path]:
    """All files and folders in a folder, and itself; nothing where it is not there."""
    return [*folder.rglob("*"), folder] if folder.is_dir() else []


def _sha256(data: bytes) -> str:
    import hashlib  # 4 MB of OpenSSL, which the supervisor does without

    return hashlib.sha256(data).hexdigest()


def _new_id(now: datetime) -> str:
    """Sortable and readable: UTC date, time, then microseconds and a random digit in hexadecimal."""
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{os.urandom(1)[0] % 16:x}"


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return _parse(path.read_bytes())
    except OSError:
        return None


def _parse(data: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _iso(seconds: Any) -> str | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def finite(value: Any) -> float | None:
    """A number from a file that somebody may have written by hand; None for anything else, and for what no float is."""
    try:
        number = float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_there(path: Path) -> bool:
    """Whether a marker is there; none is in a folder that cannot be looked into."""
    try:
        return path.exists()
    except OSError:
        return False
