"""The budget: what one is willing to give, and the best variants that keep it."""

from __future__ import annotations

import streamlit as st

from explorer.budget import Budget, Picks, picks
from explorer.charts import TradeoffInfo
from explorer.choices import choices
from explorer.labels import shown_name
from explorer.latest import Latest
from explorer.quantities import QUANTITIES
from explorer.texts import t, target_title
from explorer.variants import Variant
from explorer.view import View
from pages.parts import linked, state
from pages.parts.page import safe

ANY = "any"
STOPS = {
    "lost": ("0", "0.5", "1", "2", "3", "5", "10", ANY),
    "file": ("0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "100", "200", "500", "1000", ANY),
    "speed": (ANY, "1", "1.25", "1.5", "2", "3", "4", "5", "10"),
}
SHOWN = "shown"
"""The speed counts on the target of the chart."""
_best: Latest[Picks] = Latest(4)
_tasks: Latest[list[tuple[str, list[Variant]]]] = Latest(4)


def controls(rows: list[Variant], view: View) -> View:
    """Three sliders, each goes from strict to anything, and where the speed counts; the view within these limits."""
    targets = sorted(choices(rows).targets)
    lost, size, speed, *place = st.columns([4, 4, 4, 3] if len(targets) > 1 else 3, gap="medium")
    with lost:
        points = _limit("lost")
    with size:
        megabytes = _limit("file")
    with speed:
        ratio = _limit("speed")
    target = SHOWN
    for column in place:
        with column:
            target = _target(targets)
    fast_on = None if target == SHOWN else target
    limits = {"lost_points": points, "file_mb": megabytes, "speedup": ratio, "fast_on": fast_on}
    return view.model_copy(update=limits)


def _target(targets: list[str]) -> str:
    return linked.select(
        t("budget.on"),
        [SHOWN, *targets],
        "budget-on",
        target_words,
    )


def _limit(name: str) -> float | None:
    chosen = linked.stops(t(f"budget.{name}"), STOPS[name], ANY, f"budget-{name}", lambda stop: stop_words(name, stop))
    return None if chosen == ANY else float(chosen)


def stop_words(name: str, stop: str) -> str:
    """One stop of the slider called ``name``."""
    return t("budget.any") if stop == ANY else t(f"budget.{name}.stop", value=stop)


def target_words(name: str) -> str:
    """Where the speed counts."""
    return t("budget.on.shown") if name == SHOWN else target_title(name)


def best(rows: list[Variant], budget: Budget, info: TradeoffInfo, device: str, place: str = "") -> None:
    """How many variants fit, and the best of them by name; a click shows one. ``place`` heads those of one device.

    ``rows`` are those of one target on the chart ``info``, whose knees are among the best. Each task has its own best.
    """
    several = len({row.model for row in rows}) > 1
    for number, (models, own) in enumerate(_by_task(rows)):
        heading = " · ".join(filter(None, (place, safe(models))))
        _best_of_task(own, budget, info, f"{device}-{number}" if number else device, heading, several)


def _best_of_task(
    rows: list[Variant], budget: Budget, info: TradeoffInfo, device: str, heading: str, several: bool
) -> None:
    found = _best.of((rows,), budget, lambda: picks(rows, budget))
    if not found.total:
        return
    if not found.count:
        none = t("budget.none", total=found.total)
        st.info(f"**{heading}.** {none}" if heading else none)
        return
    words = t("budget.fitting" if budget.given else "budget.all", count=found.count, total=found.total)
    st.markdown(f"**{heading}.** {words}" if heading else words)
    with st.container(key=f"quiet-picks-{device}", horizontal=True, gap=None):
        for name, row, key in _best_ones(found):
            _pick(name, row, key, device, several, t(f"budget.{name}"))
        _knees(rows, info, device, several)


def said(rows: list[Variant], budget: Budget, place: str = "") -> str:
    """How many variants of one target fit, and the best of each task, beside a chart that is only shown."""
    found, several = [], len({row.model for row in rows}) > 1
    for models, own in _by_task(rows):
        heading, words = " · ".join(filter(None, (place, models))), _said_of_task(own, budget, several)
        found.append(f"{heading}: {words}" if heading else words)
    return " ".join(found)


def _said_of_task(rows: list[Variant], budget: Budget, several: bool) -> str:
    found = _best.of((rows,), budget, lambda: picks(rows, budget))
    if not found.count:
        return t("budget.none.said", total=found.total)
    names = (
        f"{t(f'budget.{name}').lower()} {shown_name(row, several)}, {_value(row, key)}"
        for name, row, key in _best_ones(found)
        if name != "megabyte"
    )
    return t("budget.said", count=found.count, total=found.total, names=t("word.semicolon").join(names))


def _by_task(rows: list[Variant]) -> list[tuple[str, list[Variant]]]:
    """The rows of each task, whose accuracies compare, with the names of its models where there are several tasks."""
    return _tasks.of((rows,), None, lambda: _split(rows))


def _split(rows: list[Variant]) -> list[tuple[str, list[Variant]]]:
    tasks: dict[str, list[Variant]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row)
    if len(tasks) < 2:
        return [("", rows)]
    return [(", ".join(dict.fromkeys(row.model for row in own)), own) for own in tasks.values()]


def limits(view: View) -> str:
    """The limits of a view in a sentence; nothing where there are none."""
    given = {"lost": view.lost_points, "file": view.file_mb, "speed": view.speedup}
    words = [t(f"budget.{name}.limit", value=f"{limit:g}") for name, limit in given.items() if limit is not None]
    if view.speedup is not None and view.fast_on:
        words[-1] += f" ({target_title(view.fast_on)})"
    return t("budget.limits", limits=t("word.semicolon").join(words)) if words else ""


def _best_ones(found: Picks) -> list[tuple[str, Variant, str]]:
    """Each best one with what it is best in."""
    named = (
        ("accurate", found.most_accurate, "accuracy"),
        ("smallest", found.smallest, "file_size"),
        ("fastest", found.fastest, "speedup"),
        ("megabyte", found.per_megabyte, "file_size"),
    )
    return [(name, row, key) for name, row, key in named if row is not None]


def _knees(rows: list[Variant], info: TradeoffInfo, device: str, several: bool) -> None:
    """The knees that the chart names and that fit, else why there is none."""
    by_spot = {(row.target, row.run): row for row in rows}
    knees = [mark for mark in info.knees if mark.spot in by_spot]
    title = t("budget.knee", **info.axes.words)
    for mark in knees:
        if mark.fits:
            _pick("knee", by_spot[mark.spot], info.axes.x, device, several, title, f"-{mark.run}")
    if not any(mark.fits for mark in knees):
        why = t("budget.knee.unfit" if knees else "chart.knee.none")
        st.markdown(f":small[**{safe(title)}** {t('word.none')}]", help=why, width="content")


def _pick(name: str, row: Variant, key: str, device: str, several: bool, title: str, which: str = "") -> None:
    st.button(
        f"**{title}** {safe(shown_name(row, several))} · {_value(row, key)}",
        key=f"best-{device}-{name}{which}",
        help=t(f"budget.{name}.help"),
        on_click=state.select,
        args=([row.run],),
        type="tertiary",
        wrap=True,
    )


def _value(row: Variant, key: str) -> str:
    value = QUANTITIES[key].of(row)
    return QUANTITIES[key].number(value) if value is not None else ""
