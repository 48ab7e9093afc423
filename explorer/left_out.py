"""What is taken away from a chart: a model, a family, or marks of about one size."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.charts.style import FAMILY_COLOURS
from explorer.quantities import Band
from explorer.texts import t
from explorer.variant import Variant

KINDS = ("model", "family", "size")
FAMILIES = (*FAMILY_COLOURS, "baseline")


@dataclass(frozen=True)
class LeftOut:
    """A model or a family by its name, or marks of about one size by their ``Band``."""

    kind: str
    what: str | Band

    @classmethod
    def read(cls, text: str) -> LeftOut | None:
        """What ``str`` wrote; None for anything else."""
        kind, _, name = text.partition(":")
        if kind == "size":
            band = Band.parse(name)
            return cls(kind, band) if band else None
        if kind == "family":
            return cls(kind, name) if name in FAMILIES else None
        return cls(kind, name) if kind == "model" and name else None

    def __str__(self) -> str:
        return f"{self.kind}:{self.what}"

    @property
    def title(self) -> str:
        """For people."""
        if isinstance(self.what, Band):
            return self.what.title
        return t(f"family.{self.what}") if self.kind == "family" else self.what

    def takes(self, row: Variant) -> bool:
        """Whether it takes a row away."""
        return self.what.holds(row) if isinstance(self.what, Band) else getattr(row, self.kind) == self.what
