"""The index of all runs in SQLite: a projection of the run folders, rebuilt from them at any time.

Every row is what ``RunFolder.snapshot`` says, so a rebuilt index equals the one that was followed live. Which runs
exist is compared with the folders when these change; what state they are in is written by the supervisor. In WAL mode
readers never wait for the writer. While the disk refuses the index, being full for example, the folders are read into
one in memory (``stand_in``); once it works again, the rows of active runs are caught up. An index of another shape, by
its ``user_version``, is rebuilt by the next one that opens it: no migration is ever needed. ``index`` has the tables,
``rows`` what a row is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from explorer.access import check_may_change
from explorer.errors import BadInput, ExplorerError
from explorer.home import home
from explorer.rundir import ACTIVE, RunFolder, State
from explorer.store import index
from explorer.store.rows import SHOWN, RunRow, packed, run_row, slim
from explorer.store.stand_in import StandIn

__all__ = ["RECORDED", "RunRow", "Store", "packed", "recorded_rows", "recorded_studies", "slim"]

RECORDED = Path(__file__).parents[1] / "recorded"
_KEPT_ROWS = 40_000
_IS_ACTIVE = f"state IN ({', '.join(repr(state) for state in ACTIVE)})"
_T = TypeVar("_T")
_Key = tuple[str, bool, str, int]
_kept: dict[_Key, RunRow] = {}
_stand_ins: dict[Path, StandIn] = {}
"""By index file, for those that the disk refuses."""


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

    def newest(self, number: int, hidden: Collection[str] = ()) -> list[RunRow]:
        """The recorded runs, then all that are active and the ``number`` newest that are over, in order of creation.

        Runs that belong to ``hidden`` studies only are left out and do not count.
        """
        seen, names = _in_sight(hidden)
        over = f"SELECT run FROM runs WHERE NOT {_IS_ACTIVE} AND {seen} ORDER BY run DESC LIMIT 1 OFFSET ?"
        where = f"WHERE (run >= coalesce(({over}), '') OR {_IS_ACTIVE}) AND {seen}"
        return recorded_rows() + self._rows(where, [*names, number - 1, *names], True)

    def over(self, hidden: Collection[str] = ()) -> int:
        """How many of the user's own runs are over, done or not; see ``newest`` for ``hidden``."""
        seen, names = _in_sight(hidden)
        return int(self._column(f"SELECT count(*) FROM runs WHERE NOT {_IS_ACTIVE} AND {seen}", names)[0])

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
        """A number that grows with every change of the index, new and deleted folders among them: cheap to poll."""
        return int(self._column("SELECT version FROM meta", [])[0])

    def active(self) -> bool:
        """Whether any run is queued or running."""
        return bool(self._column(f"SELECT run FROM runs WHERE {_IS_ACTIVE} LIMIT 1", []))

    def in_state(self, *states: State) -> list[str]:
        """The ids of the user's own runs in these states, in the order of the queue."""
        where, values = _where({}, states)
        return self._column(f"SELECT run FROM runs {where} ORDER BY place, run", values)

    def studies(self) -> list[str]:
        """The names of all studies, the recorded one last."""
        own = self._column(index.STUDIES, [])
        return own + sorted({study for row in recorded_rows() for study in row.studies} - set(own))

    def refresh(self, run: str) -> State | None:
        """Bring one run's row up to its folder by compare-and-set; returns the state that the row has then.

        The row goes with its folder, and None is returned.
        """

        def write(connection: sqlite3.Connection) -> State | None:
            with index.transaction(connection):
                index.write(connection, RunFolder(self.folders / run))
            row = connection.execute("SELECT state FROM runs WHERE run = ?", [run]).fetchone()
            return row[0] if row else None

        return self._use(write)

    def reindex(self) -> int:
        """Throw the index away and rebuild it from the run folders; returns the number of runs."""
        check_may_change()
        self._discard()
        return self._use(lambda connection: int(connection.execute("SELECT count(*) FROM runs").fetchone()[0]))

    def check(self) -> None:
        """Rebuild the index where its parts contradict each other, which lists of runs need not come across."""
        self._use(index.check)

    def trouble(self) -> str | None:
        """Why the runs are read from their folders at present, in one sentence; None while the index works."""
        stand_in = _stand_ins.get(self.path)
        return stand_in.reason() if stand_in else None

    def _column(self, query: str, values: list[Any]) -> list[str]:
        def read(connection: sqlite3.Connection) -> list[str]:
            index.sync(connection, self.folders)
            return [row[0] for row in connection.execute(query, values)]

        return self._use(read)

    def _rows(self, where: str, values: list[Any], with_results: bool) -> list[RunRow]:
        """The rows in order; each is read and parsed once per change, then kept unless there are very many."""

        def read(connection: sqlite3.Connection) -> list[RunRow]:
            index.sync(connection, self.folders)
            with index.standstill(connection):
                found = connection.execute(f"SELECT run, changed FROM runs {where} ORDER BY run", values)
                keys = [(str(self.path), with_results, run, changed) for run, changed in found]
                rows = {key: row for key in keys if (row := _kept.get(key))}
                missing = [key for key in keys if key not in rows]
                if missing:
                    read_now = index.read(connection, [run for *_, run, _ in missing], with_results)
                    rows.update(zip(missing, read_now, strict=True))
                    _keep(rows)
            return [rows[key] for key in keys]

        return self._use(read)

    def _use(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with a connection; raises ``ExplorerError`` where index or run folders cannot be used."""
        try:
            try:
                return self._use_or_rebuild(action)
            except sqlite3.Error as error:
                if not index.is_refused(error):
                    raise
                return _stand_ins.setdefault(self.path, StandIn(self.folders, str(error))).use(action)
        except (sqlite3.Error, OSError) as error:
            cause = getattr(error, "strerror", None) or error
            raise ExplorerError(f"The index of runs cannot be used at the moment: {cause}.") from error

    def _use_or_rebuild(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """An index that turns out to be corrupt is rebuilt, then tried once more."""
        try:
            return self._use_once(action)
        except sqlite3.Error as error:
            if not index.is_corrupt(error):
                raise
        self._discard()
        return self._use_once(action)

    def _use_once(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = sqlite3.connect(self.path, timeout=index.BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            if not index.is_built(connection):
                index.build(connection, self.folders)
            if self.path in _stand_ins:
                index.catch_up(connection, self.folders)
                _stand_ins.pop(self.path, None)
            return action(connection)
        finally:
            connection.close()

    def _discard(self) -> None:
        for suffix in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


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
    fields: dict[str, Any] = dict.fromkeys(SHOWN)
    fields |= {"run": run, "digest": result["digest"], "model": result["recipe"]["model"]}
    fields["studies"] = json.dumps(["recorded"])
    fields |= {"state": "done", "created_at": result["finished_at"], "finished_at": result["finished_at"]}
    fields |= {"paused": False, "imported": False}
    return run_row(fields, json.dumps(result["recipe"]), packed(result), recorded=True)


def _keep(rows: dict[_Key, RunRow]) -> None:
    if len(_kept) > _KEPT_ROWS:
        _kept.clear()
    if len(rows) <= _KEPT_ROWS:
        _kept.update(rows)


def _where(
    equal: dict[str, str | None], states: Sequence[str] | None, study: str | None = None
) -> tuple[str, list[Any]]:
    terms = [f"{column} = ?" for column, value in equal.items() if value is not None]
    values: list[Any] = [value for value in equal.values() if value is not None]
    if states is not None:
        terms.append(f"state IN ({', '.join('?' * len(states))})")
        values += states
    if study is not None:
        terms.append("run IN (SELECT run FROM belongs WHERE study = ?)")
        values.append(study)
    return ("WHERE " + " AND ".join(terms) if terms else ""), values


def _in_sight(hidden: Collection[str]) -> tuple[str, list[Any]]:
    """The condition that a run belongs to any study which is not hidden."""
    if not hidden:
        return "1", []
    marks = ", ".join("?" * len(hidden))
    return f"EXISTS (SELECT 1 FROM belongs WHERE belongs.run = runs.run AND study NOT IN ({marks}))", [*hidden]


def _fits(row: RunRow, study: str | None, states: Sequence[str] | None, model: str | None) -> bool:
    in_study = study is None or study in row.studies
    return in_study and (states is None or row.state in states) and model in (None, row.model)
