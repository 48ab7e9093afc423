"""Who looks, and whether they may change anything: asked wherever something is launched, stopped, kept or removed.

``EXPLORER_VIEW_ONLY=1`` makes everybody a guest. Behind a login, ``EXPLORER_EDITORS`` lists who may change things, by
commas; without it everybody who is logged in may.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from explorer import file_locks
from explorer.errors import BadInput

LOOKING_ONLY = (
    "This dashboard is for looking only: nothing can be launched, stopped, saved or deleted here. Ask whoever runs it "
    "for access."
)


@dataclass(frozen=True)
class Visitor:
    """Somebody at the dashboard: ``name`` is who they are, empty where nobody logs in."""

    name: str = ""
    guest: bool = False


_asked: list[Callable[[], Visitor]] = [Visitor]


def follow(visitor: Callable[[], Visitor]) -> None:
    """Ask ``visitor`` who is there now; without it, it is somebody at this machine who may do everything."""
    _asked[0] = visitor


def visitor() -> Visitor:
    """Who is there now."""
    return _asked[0]()


def why_not() -> str | None:
    """Why whoever is there may not launch, stop, keep or remove things, in one sentence; None where they may."""
    guest = bool(os.environ.get("EXPLORER_VIEW_ONLY")) or visitor().guest
    return LOOKING_ONLY if guest else file_locks.why_not()


def check_may_change() -> None:
    """Raise ``BadInput`` for a guest, and on a system where nothing can be changed."""
    reason = why_not()
    if reason is not None:
        raise BadInput(reason)


def identity(claims: Mapping[str, object]) -> str:
    """By what a login is known: its e-mail address, unless the provider says that it is not verified, else its subject.

    Never a display name, which people choose themselves. ``claims`` are those of OpenID Connect; all have ``sub``.
    """
    verified = str(claims.get("email_verified", True)).lower() != "false"
    return str((claims.get("email") if verified else None) or claims["sub"])


def logged_in(name: str | None) -> Visitor:
    """The visitor behind a login that is known by this name; None is somebody who has not logged in."""
    editors = [one.strip().lower() for one in os.environ.get("EXPLORER_EDITORS", "").split(",") if one.strip()]
    if name is None:
        return Visitor(guest=True)
    return Visitor(name, guest=bool(editors) and name.lower() not in editors)
