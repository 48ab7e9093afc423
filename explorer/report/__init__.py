"""A report: one HTML file with everything in it, for people who do not have this program.

In two steps as charts are: ``report_info`` makes plain data, ``report_html`` writes it. The file loads nothing from
anywhere: Plotly's JavaScript stands in it, and a Content-Security-Policy allows its own two scripts by their hashes and
nothing else. That policy is the second line of defence; the first is that every text is escaped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import yaml

from explorer.charts.tradeoff import Axes, TradeoffInfo, tradeoffs_by_task
from explorer.comparison import TableRow, table
from explorer.conclusion import conclusion
from explorer.errors import BadInput
from explorer.export import portable
from explorer.labels import with_origin
from explorer.quantities import file_size, short_date
from explorer.report.page import report_html
from explorer.runlike import RunLike
from explorer.texts import language, t, target_title
from explorer.texts.sentences import sentence
from explorer.variants import Variant, host_text

__all__ = ["FEWEST", "MOST", "Host", "Part", "ReportInfo", "Reported", "places", "report_html", "report_info"]

FEWEST, MOST = 2, 6
LONGEST_TITLE = 120
LETTERS = "ABCDEF"


class Reported(RunLike, Protocol):
    """What is read of a run; ``explorer.store.RunRow`` has it."""

    @property
    def recipe(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Part:
    """One chosen variant: its letter and name, what it comes to in one sentence, its findings, its recipe as YAML."""

    run: str
    letter: str
    name: str
    conclusion: str
    findings: tuple[str, ...]
    recipe: str

    @property
    def heading(self) -> str:
        return f"{self.letter} · {self.name}"


@dataclass(frozen=True)
class Host:
    """A machine in lines of name and value, and what was measured on it."""

    name: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReportInfo:
    """Everything that stands in a report: a chart per task, and a ``table`` with one cell for each of ``parts``."""

    title: str
    date: str
    language: str
    where: str
    charts: tuple[TradeoffInfo, ...]
    parts: tuple[Part, ...]
    table: tuple[TableRow, ...]
    hosts: tuple[Host, ...]

    @property
    def not_drawn(self) -> tuple[str, ...]:
        """The letters of the parts that no chart shows."""
        drawn = {mark.run for chart in self.charts for mark in chart.marks}
        return tuple(part.letter for part in self.parts if part.run not in drawn)


def places(runs: Sequence[Reported]) -> list[tuple[str, int]]:
    """Targets and batch sizes at which times were measured, those first at which they were of most of the runs."""
    measured = [
        {_place(entry): None for entry in (run.result or {}).get("latency", ()) if entry.get("p50_ms")} for run in runs
    ]
    return [place for place, _ in Counter(place for one in measured for place in one).most_common()]


def _place(entry: dict[str, Any]) -> tuple[str, int]:
    return entry["target"], entry["batch"]


def report_info(
    title: str,
    date: str,
    runs: Sequence[Reported],
    rows: Sequence[Variant],
    axes: Axes,
    target: str,
    batch: int,
    models: Sequence[str] = (),
) -> ReportInfo:
    """Gather what a report of ``runs`` says; ``rows`` are all variants on its charts, of ``target`` at ``batch``.

    ``date`` is ISO 8601; ``models`` are all that are known, which decides their symbols. Raises ``BadInput`` for fewer
    than two or more than six runs, for one without a result, and for a title that is too long.
    """
    _check(title, runs)
    parts = tuple(_part(run, letter, runs, target, batch) for run, letter in zip(runs, LETTERS, strict=False))
    where = t("chart.where", target=target_title(target), batch=batch)
    # the names stand above the chart; on it they would leave no room for each other
    letters = {run.run: part.letter for run, part in zip(runs, parts, strict=True)}
    shown = [replace(row, label=letters.get(row.run, row.label), model=_model(row.model)) for row in rows]
    return ReportInfo(
        title=" ".join(title.split()) or t("report.title.default"),
        date=date,
        language=language(),
        where=where,
        charts=tuple(tradeoffs_by_task(shown, axes, where, list(letters), [_model(name) for name in models])),
        parts=parts,
        table=tuple(table([run.result or {} for run in runs])),
        hosts=tuple(_hosts(runs, parts)),
    )


def _check(title: str, runs: Sequence[Reported]) -> None:
    if not FEWEST <= len(runs) <= MOST:
        raise BadInput(f"A report shows {FEWEST} to {MOST} variants; given were {len(runs)}.")
    for run in runs:
        if not run.result:
            raise BadInput(f"The run '{run.run}' has no result; expected is a run that is done.")
    if len(title) > LONGEST_TITLE:
        raise BadInput(f"A title has at most {LONGEST_TITLE} letters; given were {len(title)}.")


def _part(run: Reported, letter: str, runs: Sequence[Reported], target: str, batch: int) -> Part:
    result = run.result or {}
    words = [sentence(run.label), *([_model(run.model)] if len({other.model for other in runs}) > 1 else [])]
    recipe = yaml.safe_dump(portable(run.recipe), sort_keys=False, allow_unicode=True)
    return Part(
        run=run.run,
        letter=letter,
        name=with_origin(" · ".join(words), run),
        conclusion=conclusion(result, target, batch),
        findings=tuple(sentence(str(one)) for one in result.get("findings", ())),
        recipe=recipe,
    )


def _model(name: str) -> str:
    """A model's name without this machine's folders."""
    return str(portable({"model": name})["model"])


def _hosts(runs: Sequence[Reported], parts: Sequence[Part]) -> list[Host]:
    """Each machine once, with the variants that were measured on it."""
    known: dict[str, list[tuple[Reported, Part]]] = {}
    for run, part in zip(runs, parts, strict=True):
        known.setdefault(json.dumps((run.result or {})["host"], sort_keys=True), []).append((run, part))
    return [_host(json.loads(host), measured) for host, measured in known.items()]


def _host(host: dict[str, Any], measured: Sequence[tuple[Reported, Part]]) -> Host:
    results = [run.result or {} for run, _ in measured]
    days = sorted({short_date(result["finished_at"]) for result in results})
    gpu, memory, versions = host.get("gpu") or {}, host.get("memory_bytes"), host.get("versions") or {}
    lines = {
        t("report.host.variants"): ", ".join(part.letter for _, part in measured),
        t("report.host.measured"): days[0] if len(days) == 1 else f"{days[0]} – {days[-1]}",
        t("report.host.cores"): str(host.get("cores", "")),
        t("report.host.isa"): ", ".join(host.get("isa") or ()),
        t("report.host.memory"): file_size(memory) if memory else "",
        t("report.host.gpu"): ", ".join(str(gpu[key]) for key in ("name", "driver") if gpu.get(key)),
        t("report.host.os"): str(host.get("os", "")),
        t("report.host.versions"): ", ".join(
            [f"Python {host.get('python', '?')}", *(f"{name} {version}" for name, version in versions.items())]
        ),
        t("report.host.engine"): ", ".join(sorted({str(result.get("engine", "")) for result in results})),
    }
    return Host(sentence(host_text(host)), tuple((name, value) for name, value in lines.items() if value))
