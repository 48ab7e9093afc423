"""What the charts of a view show: one for each device or both in one, and one of estimates where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from explorer.charts import TradeoffInfo, side_by_side, tradeoff_info
from explorer.estimated_rows import estimated_rows
from explorer.measure.devices import device as known_device
from explorer.measure.targets import targets
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import Variant
from explorer.view import View
from pages.parts import data


@dataclass(frozen=True)
class Reason:
    """Why a device has no marks: its name, a sentence, and what could be done about it."""

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One device of a chart; ``place`` names it where there are two, ``reason`` says why it has no marks.

    ``rows`` have the baselines that these are compared with, drawn or not.
    """

    device: str
    place: str
    rows: list[Variant]
    reason: Reason | None = None


@dataclass(frozen=True)
class Chart:
    """One chart of the rows of all its parts; ``key`` is its widget's."""

    key: str
    info: TradeoffInfo
    rows: list[Variant]
    parts: tuple[Part, ...]

    @property
    def drawn(self) -> bool:
        """Whether any of its devices has marks."""
        return not all(part.reason for part in self.parts)


def count(view: View) -> int:
    """How many charts ``measured`` makes of a view."""
    return 1 if view.joined else len(view.devices)


def measured(rows: list[Variant], view: View, selected: Sequence[str]) -> list[Chart]:
    """A chart for each device, with one scale upwards, or one for both; the ``selected`` runs are lit up."""
    if view.joined:
        return [_joined(rows, view, selected)]
    charts = [_of_device(rows, view, device, selected) for device in view.devices]
    infos = side_by_side([chart.info for chart in charts])
    return [replace(chart, info=info) for chart, info in zip(charts, infos, strict=True)]


def estimated(view: View, selected: Sequence[str]) -> Chart | None:
    """The chart of a device that nobody has here, where one is chosen; hollow marks, no front and no budget."""
    if view.estimate is None:
        return None
    known, name = estimated_rows(data.runs(), view.estimate), known_device(view.estimate).name
    chosen = view.estimates(known, view.estimate)
    where = t("chart.where.estimated", device=name, batch=view.batch)
    info = tradeoff_info(chosen, view.axes, where, selected, kin=data.kin(), models=data.models())
    if not known:
        why: str | None = t("estimate.uncounted")
    else:
        why = info.empty if view.axes.x_quantity.on_target else t("estimate.axis")
    part = Part(view.estimate, "", chosen, Reason(name, why) if why else None)
    return Chart(f"chart-estimated-{view.estimate}", info, chosen, (part,))


def _of_device(rows: list[Variant], view: View, device: str, selected: Sequence[str]) -> Chart:
    target, chosen = view.target(device), view.rows(rows, device)
    where = t("chart.where", target=target_title(target), batch=view.batch)
    info = _info(rows, chosen, view, where, selected)
    why = _reason(view, device, chosen, info.empty) if info.empty else None
    part = Part(device, "", view.with_baselines().rows(rows, device), why)
    return Chart(f"chart-{target}", info, chosen, (part,))


def _joined(rows: list[Variant], view: View, selected: Sequence[str]) -> Chart:
    both = view.of_all_devices(rows)
    where = t("chart.where.joined", runtime=t(f"runtime.{view.runtime}"), batch=view.batch)
    info = _info(rows, both, view, where, selected)
    parts = tuple(_part(rows, view, device, info.targets) for device in view.devices)
    return Chart("chart-joined", info, both, parts)


def _part(rows: list[Variant], view: View, device: str, drawn: Sequence[str]) -> Part:
    chosen, there = view.rows(rows, device), view.target(device) in drawn
    why = None if there else _reason(view, device, chosen, tradeoff_info(chosen, view.axes).empty or "")
    return Part(device, place_words(device), view.with_baselines().rows(rows, device), why)


def place_words(device: str) -> str:
    """CPU or GPU."""
    return t("where.cpu" if device == "cpu" else "where.gpu")


def _info(rows: list[Variant], chosen: list[Variant], view: View, where: str, selected: Sequence[str]) -> TradeoffInfo:
    return tradeoff_info(chosen, view.axes, where, selected, view.budget(rows), data.kin(), data.models())


def _reason(view: View, device: str, chosen: list[Variant], words: str) -> Reason:
    """Why a device has no marks: ``words``, or that its target is not here."""
    target = view.target(device)
    if target not in targets():
        runtime, place = t(f"runtime.{view.runtime}"), place_words(device)
        return Reason(place, t("runtime.not_here", runtime=runtime, place=place))
    missing = None if chosen else data.missing(target)
    if missing:
        unavailable = t("chart.unavailable", reason=sentence(missing))
        return Reason(target_title(target), unavailable, sentence(data.recorded_notes()))
    return Reason(target_title(target), words if chosen else t("chart.empty.filters", filters=view.words()))
