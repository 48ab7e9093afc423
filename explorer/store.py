"""The index of all runs in SQLite: a projection of the run folders, rebuilt from them at any time.

Every row is what ``RunFolder.snapshot`` says, so a rebuilt index equals the one that was followed live. Which runs
exist is compared with the folders on every read; what state they are in is written by the supervisor. In WAL mode
readers never wait for the writer. An index of another shape, by its ``user_version``, is rebuilt by the next one that
opens it: no migration is ever needed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from explorer.errors import BadInput, ExplorerError
from explorer.home import home
from explorer.rundir import ACTIVE, RunFolder, State

RECORDED = Path(__file__).parent / "recorded"
_SETTLED_NS = 200_000_000  # folder times are coarse: a younger one may hide a second change
_BUSY_S = 10.0
_KEPT_ROWS = 40_000
_UNPACKED = 128
_T = TypeVar("_T")

_TABLES = """
DROP INDEX IF EXISTS by_digest;
DROP INDEX IF EXISTS by_state;
DROP TABLE IF EXISTS runs;
DROP TABLE IF EXISTS meta;
CREATE TABLE runs (
    run TEXT PRIMARY KEY, digest TEXT, model TEXT, studies TEXT NOT NULL, state TEXT NOT NULL, created_at TEXT,
    started_at TEXT, finished_at TEXT, stage TEXT, text TEXT, fraction REAL, samples_per_s REAL,
    seconds_left REAL, reason TEXT, paused INTEGER NOT NULL,
    place REAL NOT NULL, recipe TEXT NOT NULL, result BLOB, changed INTEGER NOT NULL
);
CREATE INDEX by_digest ON runs (digest);
CREATE INDEX by_state ON runs (state);
CREATE TABLE meta (version INTEGER NOT NULL, folders INTEGER NOT NULL);
"""
_SHAPE = zlib.crc32(_TABLES.encode()) >> 1
_IDENTITY = ("run", "digest", "model", "studies", "state", "created_at", "started_at", "finished_at")
_PROGRESS = ("stage", "text", "fraction", "samples_per_s", "seconds_left", "reason", "paused")
_SHOWN = (*_IDENTITY, *_PROGRESS)
_COLUMNS = (*_SHOWN, "place", "recipe", "result", "changed")
# Compare-and-set: a finished state stands, except that a result that is there makes the run done. Of a run that is done
# the result may still grow, by what other machines measured, and the studies that it belongs to.
_WRITE = f"""
INSERT INTO runs ({", ".join(_COLUMNS)}) VALUES ({", ".join(":" + name for name in _COLUMNS)})
ON CONFLICT (run) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
WHERE runs.state = 'queued' OR (runs.state = 'running' AND excluded.state != 'queued')
   OR (runs.state != 'done' AND excluded.state = 'done')
   OR (runs.state = excluded.state AND runs.studies IS NOT excluded.studies)
   OR (runs.state = 'done' AND excluded.state = 'done' AND runs.result IS NOT excluded.result)
"""


@dataclass(frozen=True)
class RunRow:
    """One run as pages and commands see it; times are ISO 8601 in UTC, ``fraction`` is from 0 to 1.

    ``order`` grows with the time of creation, ``studies`` begins with the one that the run was made for. ``packed`` is
    the result as the index has it, None where it was not asked for. ``recipe`` and ``result`` are shared between
    callers: do not change them.
    """

    run: str
    digest: str
    model: str
    label: str
    studies: tuple[str, ...]
    state: State
    created_at: str
    started_at: str | None
    finished_at: str | None
    stage: str | None
    text: str | None
    fraction: float | None
    samples_per_s: float | None
    seconds_left: float | None
    reason: str | None
    paused: bool
    recipe: dict[str, Any]
    packed: bytes | None
    recorded: bool
    families: tuple[str, ...]
    order: int
    memo: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.state == "done"

    @property
    def result(self) -> dict[str, Any] | None:
        """The result as ``slim`` leaves it, unpacked when it is asked for; whole where ``Store.run`` gave it."""
        return unpacked(self.packed) if self.packed else None

    @property
    def study(self) -> str:
        """The study that the run was made for."""
        return self.studies[0]


_Key = tuple[str, bool, str, int]
_kept: dict[_Key, RunRow] = {}


class Store:
    """Reads the index beside the run folders; ``path`` is the index file, by default ``EXPLORER_HOME/index.sqlite``."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "index.sqlite"
        self.folders = self.path.parent / "runs"

    def runs(
        self,
        study: str | None = None,
        states: Sequence[str] | None = None,
        model: str | None = None,
        with_results: bool = True,
    ) -> list[RunRow]:
        """The runs in order of creation, the recorded ones first; each filter that is given must hold."""
        where, values = _where({"model": model}, states, study)
        recorded = [row for row in recorded_rows() if _fits(row, study, states, model)]
        return recorded + self._rows(where, values, with_results)

    def run(self, run: str) -> RunRow:
        """One run by its id, with its whole result; raises ``BadInput`` when there is none."""
        for row in recorded_rows() if run.startswith("recorded-") else self._rows("WHERE run = ?", [run], True):
            if row.run == run:
                whole = RunFolder(self.folders / run).result() if row.finished and not row.recorded else None
                return replace(row, packed=packed(whole)) if whole else row
        raise BadInput(f"There is no run '{run}'; 'python -m explorer runs' lists the known ones.")

    def find(self, digest: str, states: Sequence[str]) -> list[RunRow]:
        """The user's own runs with this digest in one of these states, oldest first, without their results."""
        where, values = _where({"digest": digest}, states)
        return self._rows(where, values, False)

    def version(self) -> int:
        """A number that grows with every change of the index: cheap enough to poll."""
        return self._use(lambda connection: int(connection.execute("SELECT version FROM meta").fetchone()[0]))

    def active(self) -> bool:
        """Whether any run is queued or running."""
        return bool(self.in_state(*ACTIVE))

    def in_state(self, *states: State) -> list[str]:
        """The ids of the user's own runs in these states, in the order of the queue."""
        where, values = _where({}, states)
        return self._column(f"SELECT run FROM runs {where} ORDER BY place, run", values)

    def studies(self) -> list[str]:
        """The names of all studies, the recorded one last."""
        own = self._column("SELECT DISTINCT value FROM runs, json_each(runs.studies) ORDER BY value", [])
        return own + sorted({study for row in recorded_rows() for study in row.studies} - set(own))

    def refresh(self, run: str) -> State | None:
        """Bring one run's row up to its folder by compare-and-set; returns the state that the row has then."""

        def write(connection: sqlite3.Connection) -> State | None:
            with _transaction(connection):
                _write(connection, RunFolder(self.folders / run))
            row = connection.execute("SELECT state FROM runs WHERE run = ?", [run]).fetchone()
            return row[0] if row else None

        return self._use(write)

    def reindex(self) -> int:
        """Throw the index away and rebuild it from the run folders; returns the number of runs."""
        self._discard()
        return self._use(lambda connection: int(connection.execute("SELECT count(*) FROM runs").fetchone()[0]))

    def _column(self, query: str, values: list[Any]) -> list[str]:
        def read(connection: sqlite3.Connection) -> list[str]:
            self._sync(connection)
            return [row[0] for row in connection.execute(query, values)]

        return self._use(read)

    def _rows(self, where: str, values: list[Any], with_results: bool) -> list[RunRow]:
        """The rows in order; each is read and parsed once per change, then kept."""

        def read(connection: sqlite3.Connection) -> list[RunRow]:
            self._sync(connection)
            found = connection.execute(f"SELECT run, changed FROM runs {where} ORDER BY run", values)
            keys = [(str(self.path), with_results, run, changed) for run, changed in found]
            rows = {key: row for key in keys if (row := _kept.get(key))}
            missing = [key for key in keys if key not in rows]
            if missing:
                rows.update(zip(missing, _read(connection, [key[2] for key in missing], with_results), strict=True))
                if len(_kept) > _KEPT_ROWS:
                    _kept.clear()
                _kept.update(rows)
            return [rows[key] for key in keys]

        return self._use(read)

    def _use(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with a connection; raises ``ExplorerError`` where index or run folders cannot be used."""
        try:
            return self._use_or_rebuild(action)
        except (sqlite3.Error, OSError) as error:
            cause = getattr(error, "strerror", None) or error
            raise ExplorerError(f"The index of runs cannot be used at the moment: {cause}.") from error

    def _use_or_rebuild(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """An index that turns out to be corrupt is rebuilt, then tried once more."""
        try:
            return self._use_once(action)
        except sqlite3.Error as error:
            if not _is_corrupt(error):
                raise
        self._discard()
        return self._use_once(action)

    def _use_once(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != _SHAPE:
                connection.execute("PRAGMA journal_mode = WAL")
                self._build(connection)
            return action(connection)
        finally:
            connection.close()

    def _build(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] == _SHAPE:
                return  # another process was faster
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            # The clock keeps the version growing across rebuilds.
            connection.execute("INSERT INTO meta VALUES (?, 0)", [time.time_ns() // 1_000_000])
            self._compare_folders(connection)
            connection.execute(f"PRAGMA user_version = {_SHAPE}")

    def _sync(self, connection: sqlite3.Connection) -> None:
        """Add runs whose folders are new and drop those whose folders are gone; one ``stat`` when nothing changed.

        While another process writes, this is left to the next reader instead of waiting.
        """
        seen = connection.execute("SELECT folders FROM meta").fetchone()[0]
        if seen == _modified(self.folders):
            return
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            with _transaction(connection):
                self._compare_folders(connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")

    def _compare_folders(self, connection: sqlite3.Connection) -> None:
        modified = _modified(self.folders)
        there = {entry.name for entry in os.scandir(self.folders)} if modified else set()
        known = {row[0] for row in connection.execute("SELECT run FROM runs")}
        for run in there - known:
            _write(connection, RunFolder(self.folders / run))
        for run in known - there:
            connection.execute("DELETE FROM runs WHERE run = ?", [run])
            connection.execute("UPDATE meta SET version = version + 1")
        settled = modified if time.time_ns() - modified > _SETTLED_NS else 0
        connection.execute("UPDATE meta SET folders = ?", [settled])

    def _discard(self) -> None:
        for suffix in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def slim(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what only the details of a single run show: answers one by one, times by operator and layer.

    A thousand results stand in the dashboard's memory; the whole ones stay in their folders.
    """
    answers = ("baseline_confusion", "confusion", "flipped", "per_class")
    accuracy = [{key: entry[key] for key in entry if key not in answers} for entry in result.get("accuracy", ())]
    profile = result.get("profile")
    short = {**profile, "by_operator": [], "by_layer": []} if profile else None
    return {**result, "accuracy": accuracy, **({"profile": short} if profile else {})}


def packed(result: dict[str, Any]) -> bytes:
    """A result as bytes, a fifth as long as its text."""
    return zlib.compress(json.dumps(result).encode(), level=4)


@lru_cache(maxsize=_UNPACKED)
def unpacked(data: bytes) -> dict[str, Any]:
    """What ``packed`` packed; do not change it."""
    result: dict[str, Any] = json.loads(zlib.decompress(data))
    return result


def recorded_rows() -> list[RunRow]:
    """The runs of the recorded studies that are shipped with the program, all done; read once per change."""
    files = sorted(RECORDED.glob("*.json"))
    return list(_recorded(tuple((path, path.stat().st_mtime_ns) for path in files)))


def recorded_studies() -> list[dict[str, Any]]:
    """What is known about each recorded study: ``recorded_on``, ``host``, ``title`` and ``notes``."""
    studies = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDED.glob("*.json")))
    return [{key: value for key, value in study.items() if key != "results"} for study in studies]


@lru_cache(maxsize=2)
def _recorded(files: tuple[tuple[Path, int], ...]) -> tuple[RunRow, ...]:
    studies = [json.loads(path.read_text(encoding="utf-8")) for path, _ in files]
    return tuple(_recorded_row(result) for study in studies for result in study.get("results", []))


def _recorded_row(result: dict[str, Any]) -> RunRow:
    run = "recorded-" + result["run"].removeprefix("recorded-")
    fields: dict[str, Any] = dict.fromkeys(_SHOWN)
    fields |= {"run": run, "digest": result["digest"], "model": result["recipe"]["model"]}
    fields["studies"] = json.dumps(["recorded"])
    fields |= {"state": "done", "created_at": result["finished_at"], "finished_at": result["finished_at"]}
    fields["paused"] = False
    return _run_row(fields, result["recipe"], packed(result), recorded=True)


def _read(connection: sqlite3.Connection, runs: list[str], with_results: bool) -> list[RunRow]:
    columns = ", ".join((*_SHOWN, "recipe", "result" if with_results else "NULL"))
    query = f"SELECT {columns} FROM runs WHERE run = ?"
    found = [connection.execute(query, [run]).fetchone() for run in runs]
    # One call for all of them: equal keys become one string, which takes a third less memory.
    recipes = json.loads(f"[{','.join(recipe for *_, recipe, _ in found)}]")
    return [
        _run_row(dict(zip(_SHOWN, row, strict=False)), recipe, row[-1], recorded=False)
        for row, recipe in zip(found, recipes, strict=True)
    ]


def _run_row(fields: dict[str, Any], recipe: dict[str, Any], packed: bytes | None, recorded: bool) -> RunRow:
    label, families = _named(json.dumps(recipe.get("steps")))
    order = _order(fields["created_at"])
    fields = {**fields, "studies": tuple(json.loads(fields["studies"])), "paused": bool(fields["paused"])}
    return RunRow(
        **fields, label=label, recipe=recipe, packed=packed, recorded=recorded, families=families, order=order
    )


@lru_cache(maxsize=8192)
def _named(steps: str) -> tuple[str, tuple[str, ...]]:
    from explorer.labels import families, label  # pydantic, which the supervisor does without

    recipe = {"steps": json.loads(steps)}
    return label(recipe), families(recipe)


def _order(created_at: str) -> int:
    """Microseconds since 1970; 0 for a time that cannot be read."""
    try:
        return int(datetime.fromisoformat(created_at).timestamp() * 1_000_000)
    except ValueError:
        return 0


def _write(connection: sqlite3.Connection, folder: RunFolder) -> None:
    request = folder.request()
    if request is None:
        return  # not a run, or deleted a moment ago
    version = connection.execute("SELECT version FROM meta").fetchone()[0] + 1
    snapshot = folder.snapshot()
    fields = {name: getattr(snapshot, name, None) for name in _COLUMNS}
    fields |= {"run": folder.run, "changed": version}
    fields |= {key: str(request.get(key) or "") for key in ("digest", "created_at")}
    fields |= {"studies": json.dumps(folder.studies()), "place": folder.place()}
    fields |= {"model": str(request["recipe"].get("model")), "recipe": json.dumps(request["recipe"])}
    result = folder.result() if snapshot.state == "done" else None
    fields["result"] = packed(slim(result)) if result else None
    fields["digest"] = str((result or {}).get("digest") or fields["digest"])  # known better once the work is done
    if connection.execute(_WRITE, fields).rowcount:
        connection.execute("UPDATE meta SET version = ?", [version])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _is_corrupt(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error)


def _modified(folder: Path) -> int:
    """When the folder's entries last changed, in nanoseconds; 0 where there is no folder."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _where(
    equal: dict[str, str | None], states: Sequence[str] | None, study: str | None = None
) -> tuple[str, list[Any]]:
    terms = [f"{column} = ?" for column, value in equal.items() if value is not None]
    values: list[Any] = [value for value in equal.values() if value is not None]
    if states is not None:
        terms.append(f"state IN ({', '.join('?' * len(states))})")
        values += states
    if study is not None:
        terms.append("EXISTS (SELECT 1 FROM json_each(runs.studies) WHERE value = ?)")
        values.append(study)
    return ("WHERE " + " AND ".join(terms) if terms else ""), values


def _fits(row: RunRow, study: str | None, states: Sequence[str] | None, model: str | None) -> bool:
    in_study = study is None or study in row.studies
    return in_study and (states is None or row.state in states) and model in (None, row.model)
