"""A report's data as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from explorer.charts import style
from explorer.charts.tradeoff import Mark, TradeoffInfo, tradeoff_figure
from explorer.texts import t

if TYPE_CHECKING:
    from explorer.comparison import TableRow
    from explorer.report import Host, Part, ReportInfo

MOST_HOVERS = 1000
"""From this many marks on, those that were not chosen tell their name only, so that the file stays below 6 MB."""
HEIGHT_PX = 480
COLOURS = (style.BACKGROUNDS, style.INK, style.MUTED, style.GRID, style.INTERVAL)
"""The colours that differ between the themes; those of families do not."""
MEASURED = ("artefact", "data", "accuracy", "latency", "noise", "size")


def report_html(info: ReportInfo) -> bytes:
    """The whole file, in UTF-8: as text, for whose letters Python takes two bytes each, it would be twice as large."""
    plotly, script = _plotly(), _file("report.js")
    parts = {
        "language": _safe(info.language),
        "policy": _safe(_policy(plotly, script.encode())),
        "title": _safe(info.title),
        "style": _file("report.css"),
        "body": "\n".join(_body(info)),
        "charts": in_script(_charts(info)),
        "script": script,
    }
    before, after = _file("template.html").split("$plotly")
    return plotly.join(Template(text).substitute(parts).encode() for text in (before, after))


def in_script(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _file(name: str) -> str:
    return (resources.files("explorer.report") / name).read_text(encoding="utf-8")


def _plotly() -> bytes:
    """Plotly's JavaScript as its package ships it (there is no smaller one in it); it must not end its own element."""
    script = (resources.files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    assert not re.search(rb"</script|<!--", script, re.IGNORECASE)
    return script


def _policy(*scripts: bytes) -> str:
    """Nothing is loaded from anywhere and only these scripts run; pictures are those that the page makes itself."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _charts(info: ReportInfo) -> dict[str, Any]:
    """The figures as Plotly's JavaScript takes them, and what they have in common."""
    drawn = [chart for chart in info.charts if not chart.empty]
    light = sum(len(chart.marks) for chart in drawn) > MOST_HOVERS
    remove = [*style.CONFIG["modeBarButtonsToRemove"], "toImage", "select2d"]
    return {
        "figures": [_figure(_lightened(chart) if light else chart) for chart in drawn],
        "config": {"displaylogo": False, "scrollZoom": False, "modeBarButtonsToRemove": remove},
        "dark": {colours["light"]: colours["dark"] for colours in COLOURS},
        "file": f"trade-off-{info.date}",
        "words": {"png": t("pictures.save", format="PNG"), "svg": t("pictures.save", format="SVG")},
    }


def _figure(info: TradeoffInfo) -> dict[str, Any]:
    """SVG only, since WebGL compiles code, which the policy forbids."""
    figure = tradeoff_figure(info, "light", HEIGHT_PX, see_through=True)
    figure.update_layout(clickmode="none")
    plain = json.loads(figure.to_json())
    for trace in plain["data"]:
        trace.pop("customdata", None)
        trace["type"] = "scatter"
    return {"data": plain["data"], "layout": plain["layout"]}


def _lightened(info: TradeoffInfo) -> TradeoffInfo:
    return replace(info, marks=tuple(_lighter(mark) for mark in info.marks))


def _lighter(mark: Mark) -> Mark:
    if mark.selected:
        return mark
    return replace(mark, hover=style.plain(mark.label), x_interval=None, y_interval=None)


def _body(info: ReportInfo) -> Iterable[str]:
    subtitle = t("report.subtitle", date=info.date, count=len(info.parts))
    yield f'<header><h1>{_safe(info.title)}</h1><p class="muted">{_safe(subtitle)}</p></header><main>'
    yield _section(t("report.conclusions"), _conclusions(info.parts))
    yield _section(t("report.chart"), *map(_drawn, info.charts), _not_drawn(info.not_drawn))
    yield _section(t("report.figures"), _table(info))
    yield _section(t("report.findings"), *map(_findings, info.parts))
    yield _section(t("report.measured"), _list(t(f"report.measured.{key}") for key in MEASURED))
    yield _section(t("report.hosts"), *map(_host, info.hosts))
    how = f"<p>{_safe(t('report.recipes.sentence'))}</p>"
    yield _section(t("report.recipes"), how, *map(_recipe, info.parts)) + "</main>"


def _section(heading: str, *content: str) -> str:
    """``content`` is HTML already."""
    return f"<section><h2>{_safe(heading)}</h2>{''.join(content)}</section>"


def _conclusions(parts: Iterable[Part]) -> str:
    said = "".join(f"<dt>{_safe(part.heading)}</dt><dd>{_safe(part.conclusion)}</dd>" for part in parts)
    return f'<dl class="conclusions">{said}</dl>'


def _drawn(info: TradeoffInfo) -> str:
    if info.empty:
        return f"<p>{_safe(info.empty)}</p>"
    alt = _safe(f"{info.title}. {info.subtitle}")
    without = _safe(t("report.chart.script"))
    return (
        f'<figure><div class="chart" role="figure" aria-label="{alt}"><p>{without}</p></div>'
        f"<figcaption>{_safe(f'{info.caption} {info.knee_words}'.strip())}</figcaption></figure>"
    )


def _not_drawn(letters: Sequence[str]) -> str:
    words = t("report.chart.without", letters=", ".join(letters))
    return f'<p class="muted">{_safe(words)}</p>' if letters else ""


def _table(info: ReportInfo) -> str:
    names = [t("column.quantity"), *(part.heading for part in info.parts)]
    head = "".join(f'<th scope="col">{_safe(name)}</th>' for name in names)
    rows = "".join(_table_row(row, info.parts) for row in info.table)
    return (
        f'<p class="muted">{_safe(t("report.figures.sentence"))}</p><div class="wide" tabindex="0" role="group" '
        f'aria-label="{_safe(t("report.figures"))}"><table class="figures"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _table_row(row: TableRow, parts: Sequence[Part]) -> str:
    if not row.cells:
        return f'<tr class="group"><th scope="colgroup" colspan="{len(parts) + 1}">{_safe(row.name)}</th></tr>'
    cells = "".join(
        f'<td data-letter="{_safe(part.letter)}">{_safe(value)}{_note(note)}</td>'
        for part, (value, note) in zip(parts, row.cells, strict=True)
    )
    return f'<tr><th scope="row">{_safe(row.name)}{_note(row.note)}</th>{cells}</tr>'


def _note(note: str) -> str:
    return f"<small>{_safe(note)}</small>" if note else ""


def _findings(part: Part) -> str:
    said = _list(part.findings) if part.findings else f"<p>{_safe(t('report.findings.none'))}</p>"
    return f'<div class="part"><h3>{_safe(part.heading)}</h3>{said}</div>'


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_safe(sentence)}</li>' for sentence in sentences)}</ul>"


def _host(host: Host) -> str:
    lines = "".join(f'<tr><th scope="row">{_safe(name)}</th><td>{_safe(value)}</td></tr>' for name, value in host.lines)
    return f'<div class="host"><h3>{_safe(host.name)}</h3><table>{lines}</table></div>'


def _recipe(part: Part) -> str:
    return f"<h3>{_safe(part.heading)}</h3><pre>{_safe(part.recipe)}</pre>"
