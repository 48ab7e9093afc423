"""Studies: what is said about each, which are put away, and one that begins as another one was.

A study is the runs that belong to it (``RunFolder.studies``); what is said about it lies in ``EXPLORER_HOME/studies``,
one small file each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from explorer.access import check_may_change
from explorer.errors import BadInput
from explorer.home import home, runs_folder, writing
from explorer.rundir import RunFolder, write_whole
from explorer.store import RunRow, Store

MOST_NAME, MOST_DESCRIPTION = 100, 2000
RECORDED = "recorded"


@dataclass(frozen=True)
class Study:
    """A study's ``description``, and whether it is ``archived``: out of sight until somebody asks for it."""

    name: str
    description: str = ""
    archived: bool = False


def study(name: str) -> Study:
    """What is said about a study; nothing yet where nobody has said anything."""
    with suppress(OSError, ValueError, TypeError):
        fields = json.loads(_path(name).read_text(encoding="utf-8"))
        if fields.get("name") == name:
            return Study(name, str(fields.get("description") or ""), fields.get("archived") is True)
    return Study(name)


@writing()
def describe(name: str, description: str) -> Study:
    """Say what a study is about, in at most 2,000 characters."""
    if len(description) > MOST_DESCRIPTION:
        raise BadInput(f"This description has {len(description):,} characters; at most {MOST_DESCRIPTION:,} fit.")
    return _keep(replace(_own(name), description=description.strip()))


@writing()
def archive(name: str, archived: bool = True) -> Study:
    """Put a study out of sight, or back; its runs and files stay where they are."""
    return _keep(replace(_own(name), archived=archived))


@writing()
def duplicate(name: str, new: str) -> int:
    """Let all runs of a study belong to a ``new`` one too, described alike; returns how many.

    Nothing is computed or copied: what is added to either from then on does not appear in the other. Raises
    ``BadInput`` for a name that is taken or cannot be one.
    """
    from explorer.jobs.processes import hold

    before, new = _own(name), check_name(new)
    if new in Store().studies():
        raise BadInput(f"There is a study '{new}' already; expected is a new name.")
    with hold(home() / "submit.lock"):
        runs = [row.run for row in Store().runs(study=name, with_results=False) if not row.recorded]
        for run in runs:
            RunFolder(runs_folder() / run).add_study(new)
            Store().refresh(run)
    _keep(Study(new, before.description))
    return len(runs)


def check_name(name: str) -> str:
    """The name without blanks around it; raises ``BadInput`` for one that no study of one's own can have."""
    name = name.strip()
    if not name or len(name) > MOST_NAME or name == RECORDED or not name.isprintable():
        raise BadInput(
            f"A study needs a name other than '{RECORDED}' of 1 to {MOST_NAME} characters; given was '{name}'."
        )
    return name


def archived() -> frozenset[str]:
    """The names of the studies that are out of sight."""
    found = set()
    for path in (home() / "studies").glob("*.json"):
        with suppress(OSError, ValueError, AttributeError):
            fields = json.loads(path.read_text(encoding="utf-8"))
            found |= {str(fields.get("name"))} if fields.get("archived") is True else set()
    return frozenset(found)


def in_sight(rows: Iterable[RunRow]) -> list[RunRow]:
    """The runs that belong to any study which is not archived."""
    hidden = archived()
    return [row for row in rows if row.recorded or not hidden or not hidden.issuperset(row.studies)]


def changed() -> int:
    """Nanoseconds since 1970 of the latest change of what is said about studies; 0 before the first."""
    try:
        return (home() / "studies").stat().st_mtime_ns
    except OSError:
        return 0


def _own(name: str) -> Study:
    check_may_change()
    if name == RECORDED or name not in Store().studies():
        raise BadInput(f"There is no study '{name}' of your own; known are {', '.join(Store().studies()) or 'none'}.")
    return study(name)


def _keep(about: Study) -> Study:
    _path(about.name).parent.mkdir(exist_ok=True)
    write_whole(_path(about.name), json.dumps(asdict(about)))
    return about


def _path(name: str) -> Path:
    """Named by a digest: a study's name may hold what no file name can."""
    return home() / "studies" / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"
