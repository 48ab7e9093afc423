"""Who looks, and whether they may change anything: asked wherever something is launched, stopped, kept or removed.

``EXPLORER_VIEW_ONLY=1`` makes everybody a guest. Behind a login, ``EXPLORER_EDITORS`` lists who may change things, by
commas; without it everybody who is logged in may. Where one or the other is set up and no login works, all are guests.
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
NO_LOGIN = (
    "This dashboard is for looking only: EXPLORER_EDITORS lists who may change things here, and there is no login that "
    "says who is one of them."
)
UNREADABLE_LOGIN = (
    "This dashboard is for looking only: the secrets that would set up its login cannot be read, so nobody can log in "
    "here."
)


@dataclass(frozen=True)
class Visitor:
    """Somebody at the dashboard: ``name`` is who they are, empty where nobody logs in; ``reason`` is a guest's."""

    name: str = ""
    guest: bool = False
    reason: str = LOOKING_ONLY


_asked: list[Callable[[], Visitor]] = [Visitor]


def follow(visitor: Callable[[], Visitor]) -> None:
    """Ask ``visitor`` who is there now; without it, it is somebody at this machine who may do everything."""
    _asked[0] = visitor


def visitor() -> Visitor:
    """Who is there now."""
    return _asked[0]()


def why_not() -> str | None:
    """Why whoever is there may not launch, stop, keep or remove things, in one sentence; None where they may."""
    if os.environ.get("EXPLORER_VIEW_ONLY"):
        return LOOKING_ONLY
    one = visitor()
    return one.reason if one.guest else file_locks.why_not()


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
    if name is None:
        return Visitor(guest=True)
    editors = _editors()
    return Visitor(name, guest=bool(editors) and name.lower() not in editors)


def without_login(unreadable: bool) -> Visitor:
    """Somebody where nobody can log in: a guest if there should be a login, since nothing tells them from an editor.

    ``unreadable`` says that there is something to set up a login with, and that it cannot be read.
    """
    reason = UNREADABLE_LOGIN if unreadable else NO_LOGIN if _editors() else None
    return Visitor() if reason is None else Visitor(guest=True, reason=reason)


def _editors() -> list[str]:
    return [one.strip().lower() for one in os.environ.get("EXPLORER_EDITORS", "").split(",") if one.strip()]
