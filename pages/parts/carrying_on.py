"""Work goes on while somebody looks: after a crash or a restart nobody else would start the supervisor again."""

from __future__ import annotations

import time

from explorer import access, jobs

EVERY_S = 5.0
_looked: list[float] = []


def carry_on() -> None:
    """Have what is queued go on; looked after every few seconds, however many pages are open.

    A guest's look does not count: it would keep somebody else's from starting anything.
    """
    if access.why_not() is not None:
        return
    now = time.monotonic()
    if _looked and now - _looked[0] < EVERY_S:
        return
    _looked[:] = [now]
    jobs.carry_on()
