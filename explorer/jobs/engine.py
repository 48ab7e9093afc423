"""Where runs are executed: an engine starts them and gives back a watch on each; the supervisor does the rest.

``EXPLORER_ENGINE`` chooses it: ``local`` (processes of this machine, the default) or ``ray`` (jobs on a Ray cluster).
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Protocol

from explorer.errors import BadInput
from explorer.rundir import RunFolder
from explorer.settings import number

ENGINES = ("local", "ray")


class Watch(Protocol):
    """A run that goes on somewhere."""

    folder: RunFolder

    def gone(self) -> bool:
        """Whether nothing of it runs any more."""
        ...

    def stop_if_asked(self) -> None:
        """Where a cancel is requested: ask it to end, and kill it where it does not."""
        ...

    def stop(self) -> None:
        """Ask it to end, and kill it where it does not; called again and again until it is gone."""
        ...

    def kill(self) -> None:
        """End everything of it now."""
        ...

    def settle(self) -> None:
        """It is gone: write down how it ended unless it did so itself; raises ``OSError`` where that fails."""
        ...

    def news(self) -> bool:
        """Whether events were written since the last call."""
        ...


class Engine(Protocol):
    """A place for runs; ``slots`` is how many go there at a time."""

    slots: int

    def start(self, folder: RunFolder) -> Watch:
        """Start a queued run."""
        ...

    def adopt(self, folder: RunFolder) -> Watch:
        """Watch a run that another supervisor started."""
        ...

    def has_begun(self, folder: RunFolder) -> bool:
        """Whether the run was started already, by whoever."""
        ...

    def obstacle(self, folder: RunFolder, running: Sequence[RunFolder]) -> str | None:
        """Why a run that is queued or rests cannot go on beside those that run, in a few words; None where it can.

        Raises ``NeverFits`` for one that is queued and could not go on here even alone.
        """
        ...

    def lane(self, folder: RunFolder, running: Sequence[RunFolder]) -> Hashable:
        """What a queued run waits for: whoever has an obstacle holds back those behind it that wait for the same."""
        ...

    def look_after(self, busy: bool, waiting: bool, running: Sequence[RunFolder]) -> None:
        """Called once per tick: ``busy`` while anything is active, ``waiting`` while a run waits for a slot."""
        ...

    def close(self) -> None:
        """The supervisor leaves; runs go on."""
        ...


def check_settings() -> None:
    """Raise ``BadInput`` where no run could start with what the environment says: before one waits for it."""
    check_engine()
    if on_cluster():
        from explorer.jobs.ray.needs import tables_from_environment

        tables_from_environment()
    for setting, least in (("EXPLORER_JOBS", 1.0), ("EXPLORER_SPARE_S", 0.0)):
        number(setting, least, least)


def check_engine() -> None:
    """Raise ``BadInput`` where ``EXPLORER_ENGINE`` names an engine that does not exist."""
    name = os.environ.get("EXPLORER_ENGINE") or "local"
    if name not in ENGINES:
        raise BadInput(f"EXPLORER_ENGINE is '{name}'; expected is one of {', '.join(ENGINES)}.")


def on_cluster() -> bool:
    """Whether runs go to a cluster instead of being executed on this machine."""
    return os.environ.get("EXPLORER_ENGINE") == "ray"


def chosen(home: Path) -> Engine:
    """The engine that ``EXPLORER_ENGINE`` names; raises ``BadInput`` for one that does not exist."""
    check_engine()
    if on_cluster():
        from explorer.jobs.ray.engine import RayEngine

        return RayEngine(home)
    from explorer.jobs.local import LocalEngine

    return LocalEngine(home)
