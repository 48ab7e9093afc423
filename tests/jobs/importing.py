"""A pipeline that leaves the file ``imported`` in its home when it is imported, for the tests of the spare worker."""

from __future__ import annotations

from explorer.home import home
from tests.jobs.pipelines import quick as execute

__all__ = ["execute"]
(home() / "imported").touch()
