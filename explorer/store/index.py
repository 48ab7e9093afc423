"""The tables of the index and how they follow the run folders; every function works on an open connection."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from explorer.rundir import ACTIVE, RunFolder
from explorer.store.rows import SHOWN, USUAL, RunRow, Spoilt, packed, run_row, slim, storable, written

BUSY_S = 10.0
BUILD_S = 600.0
"""How long others wait for whoever rebuilds the index."""
THOROUGH = 10_000
"""Up to so many runs the whole index is checked."""
AT_ONCE = 5_000
"""So many runs are compared with their folders whenever the folders change."""
PATIENCE_NS = 20_000
"""Beyond, a comparison waits so long for each run since the last one: 2 s for 100,000 runs, which take 0.1 s."""
TOGETHER, CACHE_KB, USUAL_CACHE_KB = 2_000, 500, 2_000
"""So many names are looked up at a time, and so much of the index SQLite keeps meanwhile, and else."""
_SETTLED_NS = 200_000_000  # folder times are coarse: a younger one may hide a second change

_REFUSED = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_SPOILT = ("no such table", "Could not decode to UTF-8")
"""How errors begin or go on that have no code of their own for a file that is not as it was written."""

# Each list that pages poll is read from an index alone: the rows themselves lie far apart, with results between them.
_TABLES = """
DROP INDEX IF EXISTS by_digest;
DROP INDEX IF EXISTS by_state;
DROP INDEX IF EXISTS in_order;
DROP INDEX IF EXISTS by_run;
DROP TABLE IF EXISTS runs;
DROP TABLE IF EXISTS belongs;
DROP TABLE IF EXISTS meta;
CREATE TABLE runs (
    run TEXT PRIMARY KEY, digest TEXT, model TEXT, studies TEXT NOT NULL, state TEXT NOT NULL, launched_by TEXT,
    created_at TEXT, started_at TEXT, finished_at TEXT, stage TEXT, text TEXT, fraction REAL, samples_per_s REAL,
    seconds_left REAL, reason TEXT, paused INTEGER NOT NULL, imported INTEGER NOT NULL,
    place REAL NOT NULL, recipe TEXT NOT NULL, result BLOB, -- behind its check sum
    changed INTEGER NOT NULL
);
CREATE INDEX by_digest ON runs (digest);
CREATE INDEX by_state ON runs (state, place, run, changed);
CREATE INDEX in_order ON runs (run, state, changed);
CREATE TABLE belongs (study TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (study, run)) WITHOUT ROWID;
CREATE INDEX by_run ON belongs (run);
CREATE TABLE meta (
    version INTEGER NOT NULL, folders INTEGER NOT NULL, compared INTEGER NOT NULL, runs INTEGER NOT NULL
);
"""
_SHAPE = zlib.crc32(_TABLES.encode() + USUAL) >> 1
_COLUMNS = (*SHOWN, "place", "recipe", "result", "changed")
# Compare-and-set: a finished state stands, except that a result that is there makes the run done. Of a run that is done
# the result may still grow, by what other machines measured, and the studies and people that asked for it.
_WRITE = f"""
INSERT INTO runs ({", ".join(_COLUMNS)}) VALUES ({", ".join(":" + name for name in _COLUMNS)})
ON CONFLICT (run) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
WHERE (runs.state = 'queued' OR (runs.state = 'running' AND excluded.state != 'queued')
   OR (runs.state != 'done' AND excluded.state = 'done')
   OR (runs.state = excluded.state AND runs.studies IS NOT excluded.studies)
   OR (runs.state = excluded.state AND runs.launched_by IS NOT excluded.launched_by)
   OR (runs.state = 'done' AND excluded.state = 'done' AND runs.result IS NOT excluded.result))
  AND ({" OR ".join(f"runs.{name} IS NOT excluded.{name}" for name in _COLUMNS[1:-1])})
"""
_WITHOUT_ROW = "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM runs WHERE run = value)"
STUDIES = """
WITH RECURSIVE names (name) AS (
    SELECT min(study) FROM belongs
    UNION ALL SELECT (SELECT min(study) FROM belongs WHERE study > name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL ORDER BY name
"""
"""All names of studies, each found by one look into the index, however many runs a study has."""


class _ReadOnce(RunFolder):
    """A run folder whose request and result are read from the disk once."""

    @cached_property
    def _request(self) -> dict[str, Any] | None:
        return super().request()

    @cached_property
    def _result(self) -> dict[str, Any] | None:
        return super()._own_result()

    def request(self) -> dict[str, Any] | None:
        """The request, or None where the folder is gone or holds none that can be read."""
        return self._request

    def _own_result(self) -> dict[str, Any] | None:
        return self._result


def is_built(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there in the shape that this program knows."""
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] == _SHAPE)


def build(connection: sqlite3.Connection, folders: Path) -> None:
    """Make the tables anew from the run folders; whoever comes meanwhile waits for it."""
    connection.execute("PRAGMA journal_mode = WAL")
    set_patience(connection, BUILD_S)
    with transaction(connection):
        if not is_built(connection):  # else another process was faster
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            # The clock keeps the version growing across rebuilds.
            connection.execute("INSERT INTO meta VALUES (?, 0, 0, 0)", [time.time_ns() // 1_000_000])
            _compare(connection, folders)
            connection.execute(f"PRAGMA user_version = {_SHAPE}")
    set_patience(connection, BUSY_S)


def sync(connection: sqlite3.Connection, folders: Path) -> None:
    """Add runs whose folders are new and drop those whose folders are gone; one ``stat`` when nothing changed.

    While another process writes, and for a moment after the last comparison of many runs, this is left to a later
    reader. What this program itself does to a run is in the index before (``write``).
    """
    seen, compared, runs = _meta(connection, "folders, compared, runs")
    wait_ns = PATIENCE_NS * runs if runs > AT_ONCE else 0
    if seen == _modified(folders) or 0 <= time.time_ns() - compared < wait_ns:
        return
    set_patience(connection, 0)
    try:
        with transaction(connection):
            _compare(connection, folders)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
    finally:
        set_patience(connection, BUSY_S)


def catch_up(connection: sqlite3.Connection, folders: Path) -> None:
    """Add and drop runs and bring the active ones up to their folders, after a time in which that could not be done."""
    with transaction(connection):
        _compare(connection, folders)
        for (run,) in connection.execute(f"SELECT run FROM runs WHERE state IN {ACTIVE}").fetchall():
            write(connection, RunFolder(folders / run))


def write(connection: sqlite3.Connection, folder: RunFolder) -> None:
    """Bring one run's row up to its folder by compare-and-set; a run whose folder is gone is forgotten."""
    folder = _ReadOnce(folder.path)
    request = folder.request()
    if request is None:
        if not folder.path.is_dir():
            _forget(connection, folder.run)
        return  # else not a run
    version = _meta(connection, "version")[0] + 1
    snapshot, studies = folder.snapshot(), [storable(study) for study in folder.studies()]
    fields = {name: getattr(snapshot, name, None) for name in _COLUMNS}
    fields |= {"run": folder.run, "changed": version}
    fields |= {key: str(request.get(key) or "") for key in ("digest", "created_at")}
    fields["imported"] = request.get("imported") is True
    fields["launched_by"] = ", ".join(folder.people()) or None
    fields |= {"studies": json.dumps(studies), "place": folder.place()}
    fields |= {"model": str(request["recipe"].get("model")), "recipe": written(request["recipe"])}
    result = folder.result() if snapshot.state == "done" else None
    fields["result"] = packed(slim(result)) if result else None
    fields["digest"] = str((result or {}).get("digest") or fields["digest"])  # known better once the work is done
    fields = {name: storable(value) if isinstance(value, str) else value for name, value in fields.items()}
    if connection.execute(_WRITE, fields).rowcount:
        _belong(connection, folder.run, studies)
        connection.execute("UPDATE meta SET version = ?", [version])


def read(connection: sqlite3.Connection, runs: list[str], with_results: bool) -> list[RunRow]:
    """The rows of these runs, which are all there; raises ``Spoilt`` for one that is not as it was written."""
    columns = ", ".join((*SHOWN, "recipe", "result" if with_results else "NULL"))
    query, rows = f"SELECT {columns} FROM runs WHERE run = ?", []
    for run in runs:
        row = connection.execute(query, [run]).fetchone()
        if row is None:
            raise Spoilt("a run's row is not where the index says")
        rows.append(run_row(dict(zip(SHOWN, row, strict=False)), row[-2], row[-1], recorded=False))
    return rows


@contextmanager
def standstill(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything that is read inside the block is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything inside the block is written, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has SQLite roll back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def set_patience(connection: sqlite3.Connection, seconds: float) -> None:
    """How long the connection waits for another writer."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def check(connection: sqlite3.Connection) -> None:
    """Raise ``Spoilt`` where parts of the index contradict each other; 0.1 s for 10,000 runs, 1 s for 100,000.

    Of very many runs the lists are not compared with the rows, which would take 20 s for 100,000.
    """
    (runs,) = _meta(connection, "runs")
    (found,) = connection.execute(f"PRAGMA {'integrity' if runs <= THOROUGH else 'quick'}_check(1)").fetchone()
    if found != "ok":
        raise Spoilt(found)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the index has to be thrown away."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what it says more precisely
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or any(words in str(error) for words in _SPOILT)


def is_refused(error: sqlite3.Error) -> bool:
    """Whether the disk does not let the index be used, because it is full for example, whatever the index holds."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _REFUSED


def _meta(connection: sqlite3.Connection, columns: str) -> tuple[int, ...]:
    """What is noted of the whole index; raises ``Spoilt`` where that is not there."""
    row = connection.execute(f"SELECT {columns} FROM meta").fetchone()
    if row is None or not all(isinstance(value, int) for value in row):
        raise Spoilt("the index does not say of when it is")
    return tuple(row)


def _compare(connection: sqlite3.Connection, folders: Path) -> None:
    modified = _modified(folders)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    with os.scandir(folders) if modified else nullcontext(()) as entries:
        names = (entry.name for entry in entries if entry.name.isprintable())  # else it cannot be text in SQLite
        count, new = _unknown(connection, names)
    connection.execute(f"PRAGMA cache_size = -{USUAL_CACHE_KB}")
    known = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
    gone = _gone(connection, folders) if known > count - len(new) else []
    for run in new:
        write(connection, RunFolder(folders / run))
    for run in gone:
        _forget(connection, run)
    now = time.time_ns()
    settled = modified if now - modified > _SETTLED_NS else 0
    connection.execute("UPDATE meta SET folders = ?, compared = ?, runs = ?", [settled, now, count])


def _gone(connection: sqlite3.Connection, folders: Path) -> list[str]:
    known = connection.execute("SELECT run FROM runs")
    return [run for (run,) in known if not os.path.lexists(folders / run)]


def _unknown(connection: sqlite3.Connection, names: Iterator[str]) -> tuple[int, list[str]]:
    """How many names there are, and which of them have no row.

    They are looked up by the thousand: all at once would take ten megabytes, of which the supervisor keeps some.
    """
    count, new = 0, []
    while some := sorted(islice(names, TOGETHER)):
        count += len(some)
        new += [name for (name,) in connection.execute(_WITHOUT_ROW, [json.dumps(some)])]
    return count, new


def _belong(connection: sqlite3.Connection, run: str, studies: list[str]) -> None:
    """Note the studies of a run; nothing is written where they are known."""
    marks = ", ".join("?" * len(studies))
    connection.execute(f"DELETE FROM belongs WHERE run = ? AND study NOT IN ({marks})", [run, *studies])
    connection.executemany("INSERT OR IGNORE INTO belongs VALUES (?, ?)", [(study, run) for study in studies])


def _forget(connection: sqlite3.Connection, run: str) -> None:
    if connection.execute("DELETE FROM runs WHERE run = ?", [run]).rowcount:
        connection.execute("DELETE FROM belongs WHERE run = ?", [run])
        connection.execute("UPDATE meta SET version = version + 1")


def _modified(folder: Path) -> int:
    """When the folder's entries last changed, in nanoseconds; 0 where there is no folder."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
