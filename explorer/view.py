"""A view of trade-offs: what the Trade-offs page shows, and what a step of a story keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from explorer.budget import Budget, fast_runs
from explorer.charts.tradeoff.fronts import Axes
from explorer.errors import BadInput
from explorer.estimated_rows import estimated_target
from explorer.latest import Latest
from explorer.left_out import LeftOut
from explorer.measure.devices import device as known_device
from explorer.measure.targets import Device, check_target_names, targets
from explorer.quantities import SIZES, X_AXES, Y_AXES
from explorer.recipe import LARGEST_BATCH
from explorer.texts import t
from explorer.variants import Variant, choose

Words = tuple[str, ...]
BASELINE = str(LeftOut("family", "baseline"))
Limit = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class View(BaseModel):
    """Which variants, on which axes and devices, within which budget; lists that are empty let everything through.

    ``x``, ``y`` and ``size`` are keys of ``QUANTITIES`` (``size`` may be ``none``), ``joined`` shows two devices in one
    chart, ``length`` is one of ``variants.length_of`` or None. ``estimate`` is the key of a device that nobody has
    here, or None. ``left_out`` has what the legend took away, as ``LeftOut`` writes it. The limits are those of a
    ``Budget``; the speed counts on the target ``fast_on``, or where that is None on each chart's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: str = "file_size"
    y: str = "accuracy"
    size: str = "none"
    log_x: bool = False
    log_y: bool = False
    devices: Annotated[tuple[Device, ...], Field(min_length=1, max_length=2)] = ("cpu",)
    joined: bool = False
    runtime: str = "onnxruntime"
    batch: Annotated[int, Field(ge=1, le=LARGEST_BATCH)] = 1
    length: str | None = None
    models: Words = ()
    families: Words = ()
    studies: Words = ()
    left_out: Words = ()
    estimate: str | None = None
    lost_points: Limit | None = None
    file_mb: Limit | None = None
    speedup: Limit | None = None
    fast_on: str | None = None

    @field_validator("x")
    @classmethod
    def _check_x(cls, key: str) -> str:
        return _one_of(key, X_AXES)

    @field_validator("y")
    @classmethod
    def _check_y(cls, key: str) -> str:
        return _one_of(key, Y_AXES)

    @field_validator("size")
    @classmethod
    def _check_size(cls, key: str) -> str:
        return _one_of(key, SIZES)

    @field_validator("runtime")
    @classmethod
    def _check_runtime(cls, name: str) -> str:
        if name not in runtimes():
            raise BadInput(f"there is no runtime {name!r}; known are {', '.join(runtimes())}")
        return name

    @field_validator("estimate")
    @classmethod
    def _check_estimate(cls, key: str | None) -> str | None:
        return key if key is None else known_device(key).key

    @field_validator("fast_on")
    @classmethod
    def _check_fast_on(cls, name: str | None) -> str | None:
        return name if name is None else check_target_names([name])[0]

    @field_validator("left_out")
    @classmethod
    def _check_left_out(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            if LeftOut.read(text) is None:
                raise BadInput(f"{text!r} cannot be left out; expected is model:…, family:… or size:…")
        return texts

    @property
    def axes(self) -> Axes:
        """The quantities on the axes and in the size of the marks."""
        return Axes(self.x, self.y, self.size, self.log_x, self.log_y)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets that are shown, known or not."""
        return tuple(self.target(device) for device in self.devices)

    def target(self, device: str) -> str:
        """The target's name."""
        return f"{device}-{self.runtime}"

    def rows(self, rows: list[Variant], device: str) -> list[Variant]:
        """The rows to draw for one device; the same list for the same list."""
        return self._without(self._chosen(rows, self.target(device)))

    def with_baselines(self) -> View:
        """The same where the legend took baselines away, with them: for what compares with a baseline."""
        return self.model_copy(update={"left_out": tuple(one for one in self.left_out if one != BASELINE)})

    def of_all_devices(self, rows: list[Variant]) -> list[Variant]:
        """The rows to draw for all its devices, one device after the other; the same list for the same list."""
        chosen = tuple(self.rows(rows, device) for device in self.devices)
        return _together.of(chosen, None, lambda: [row for own in chosen for row in own])

    def estimates(self, rows: list[Variant], device: str) -> list[Variant]:
        """The rows of estimates to draw for a device that nobody has here."""
        return self._without(self._chosen(rows, estimated_target(device)))

    def budget(self, rows: list[Variant]) -> Budget:
        """The limits; ``rows`` are all that are known, to look up what is fast enough on another target."""
        fast, ratio, target = None, self.speedup, self.fast_on
        if ratio is not None and target is not None:
            wishes = target, ratio, self.batch, self.length
            fast = _fast.of(
                (rows,), wishes, lambda: fast_runs(choose(rows, target, self.batch, length=self.length), ratio)
            )
        return Budget(self.lost_points, self.file_mb, ratio, fast)

    def words(self) -> str:
        """What is chosen, for a reader whom it leaves without any variant."""
        families = (t(f"family.{name}") for name in self.families)
        length = () if self.length is None else (t("compress.lengths.real") if self.length == "real" else self.length,)
        chosen = {"study": self.studies, "model": self.models, "family": families, "length": length}
        named = {name: ", ".join(values) for name, values in chosen.items()} | {"batch": str(self.batch)}
        return "; ".join(t(f"chosen.{name}", names=names) for name, names in named.items() if names)

    def _chosen(self, rows: list[Variant], target: str) -> list[Variant]:
        return choose(rows, target, self.batch, self.models, self.families, self.studies, length=self.length)

    def _without(self, rows: list[Variant]) -> list[Variant]:
        """The rows without what the legend took away."""
        away = [one for text in self.left_out if (one := LeftOut.read(text))]
        return _kept.of(
            (rows,), self.left_out, lambda: [row for row in rows if not any(one.takes(row) for one in away)]
        )


_kept: Latest[list[Variant]] = Latest(4)
_together: Latest[list[Variant]] = Latest(1)
_fast: Latest[frozenset[str]] = Latest()


def runtimes() -> tuple[str, ...]:
    """What stands behind the device in the names of targets, each once."""
    return tuple(dict.fromkeys(name.partition("-")[2] for name in targets()))


def _one_of(key: str, known: Sequence[str]) -> str:
    if key not in known:
        raise BadInput(f"there is no quantity {key!r} for this axis; known are {', '.join(known)}")
    return key
