"""What a model is made of: a treemap of its layers, by parameters or by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from explorer.anatomy import Module
from explorer.charts import style
from explorer.charts.profile import profile_info
from explorer.charts.style import Theme
from explorer.quantities import count, significant
from explorer.texts import t
from explorer.texts.sentences import sentence

Measure = Literal["parameters", "heat", "time"]
"""Area by parameters and colour by kind; area by parameters and colour by time; area by time."""
MEASURES: tuple[Measure, ...] = ("parameters", "heat", "time")

COLOURS = {
    "embeddings": style.SERIES_COLOURS[2],
    "attention": style.SERIES_COLOURS[0],
    "feed_forward": style.SERIES_COLOURS[1],
    "convolution": style.SERIES_COLOURS[4],
    "normalisation": style.SERIES_COLOURS[5],
    "head": style.SERIES_COLOURS[3],
}
TINT = 0.42
"""How much of a colour a field has, the rest being the background: words in the colour of text stay legible on it."""
ROOT = "model"
LEVELS = 3
"""The whole, its layers and what they do; single modules show when a layer is enlarged, for they would be tiny."""
"""What each further line of a title or a subtitle takes."""


@dataclass(frozen=True)
class Times:
    """Milliseconds a call by layer, and how, where and when they were measured."""

    ms: dict[str, float]
    where: str

    def share(self, layer: str) -> float:
        """Percent of the time of all layers."""
        return 100 * self.ms.get(layer, 0.0) / (sum(self.ms.values()) or 1.0)


@dataclass(frozen=True)
class Field:
    """One rectangle of a treemap; ``parent`` is empty for the whole. ``heat`` is milliseconds, None where not known."""

    id: str
    parent: str
    label: str
    value: float
    kind: str = ""
    heat: float | None = None
    hover: str = ""


@dataclass(frozen=True)
class TreemapInfo:
    """One treemap: ``fields`` in order, parents before children, each parent's value the sum of its children's."""

    title: str
    subtitle: str
    measure: Measure
    fields: tuple[Field, ...]


def times_of(result: Mapping[str, Any] | None) -> Times | None:
    """The times of the uncompressed model's layers from a result; None where it has no profile of them."""
    charts = profile_info(result) if result else ()
    layers = next((chart for chart in charts if chart.key == "layers"), None)
    if layers is None:
        return None
    known = {name: ms for name, ms in zip(layers.names, layers.baseline, strict=True) if ms is not None}
    return Times(known, layers.subtitle) if known else None


def treemap_info(title: str, modules: Sequence[Module], measure: Measure, times: Times | None = None) -> TreemapInfo:
    """Arrange the modules in layers, and in each layer by what they do; ``times`` is needed for all but parameters."""
    if measure == "time" and times is not None:
        return TreemapInfo(t("models.treemap.time", model=title), times.where, measure, _time_fields(title, times))
    known = times if measure == "heat" else None
    fields = [_whole(title, modules)]
    for layer in dict.fromkeys(module.layer for module in modules):
        fields += _layer_fields(layer, [module for module in modules if module.layer == layer], fields[0], known)
    subtitle = known.where if known else t("models.treemap.subtitle")
    words = "models.treemap.heat" if known else "models.treemap.parameters"
    return TreemapInfo(t(words, model=title), subtitle, measure if known else "parameters", tuple(fields))


def _whole(title: str, modules: Sequence[Module]) -> Field:
    total = sum(module.parameters for module in modules)
    return Field(ROOT, "", title, total, hover=t("models.hover.all", name=title, parameters=f"{total:,}"))


def _layer_fields(layer: str, modules: Sequence[Module], whole: Field, times: Times | None) -> list[Field]:
    """The field of a layer and those in it: one for each kind where there are several, then the modules."""
    sums: Counter[str] = Counter()
    for module in modules:
        sums[module.kind] += module.parameters
    heat = times.ms.get(layer) if times else None

    def field(name: str, parent: str, label: str, value: int, kind: str) -> Field:
        full = name.replace("/", " · ")
        return Field(name, parent, label, value, kind, heat, _hover(full, value, whole.value, heat, times, layer))

    several = len(sums) > 1
    only = modules[0].kind if not several else ""
    fields = [field(layer, whole.id, short_name(layer), sum(sums.values()), only)]
    if several:
        fields += [field(f"{layer}/{kind}", layer, t(f"models.part.{kind}"), n, kind) for kind, n in sums.items()]
    if len(modules) > 1:
        for module in modules:
            parent = f"{layer}/{module.kind}" if several else layer
            fields.append(field(f"{parent}/{module.name}", parent, module.name, module.parameters, module.kind))
    return fields


def _hover(name: str, value: int, total: float, heat: float | None, times: Times | None, layer: str) -> str:
    words = t("models.hover", name=name, parameters=f"{value:,}", share=significant(100 * value / (total or 1)))
    if times is None or heat is None:
        return words
    return f"{words} {t('models.hover.time', layer=layer, ms=significant(heat), share=significant(times.share(layer)))}"


def _time_fields(title: str, times: Times) -> tuple[Field, ...]:
    total = sum(times.ms.values())
    whole = Field(ROOT, "", title, total, hover=t("models.hover.call", name=title, ms=significant(total)))
    layers = [
        Field(name, ROOT, short_name(name), ms, "", ms, _time_hover(name, times)) for name, ms in times.ms.items() if ms
    ]
    return (whole, *layers)


def _time_hover(name: str, times: Times) -> str:
    return t("models.hover.layer", name=name, ms=significant(times.ms[name]), share=significant(times.share(name)))


def short_name(layer: str) -> str:
    """A numbered layer as people call it (``encoder.layers.3`` is ``layer 3``), any other by its own name."""
    path, _, number = layer.rpartition(".")
    name = f"{path.rpartition('.')[2].removesuffix('s')} {number}" if number.isdigit() and path else layer
    return sentence(name)


def size_words(modules: Sequence[Module]) -> str:
    """Which layer has the most parameters, in a sentence."""
    sums = _sums(modules)
    layer, most = max(sums.items(), key=lambda item: item[1])
    share = significant(100 * most / sum(sums.values()))
    return t("models.largest", layer=short_name(layer), parameters=count(most), share=share, layers=len(sums))


def time_words(modules: Sequence[Module], times: Times) -> str:
    """Which layer takes the most time, and how that compares with its parameters, in a sentence."""
    sums = _sums(modules)
    layer = max(times.ms, key=lambda name: times.ms[name])
    share = significant(100 * sums.get(layer, 0) / (sum(sums.values()) or 1))
    return t("models.slowest", layer=short_name(layer), time=significant(times.share(layer)), share=share)


def _sums(modules: Sequence[Module]) -> Counter[str]:
    found: Counter[str] = Counter()
    for module in modules:
        found[module.layer] += module.parameters
    return found


def treemap_figure(info: TreemapInfo, theme: Theme = "light") -> go.Figure:
    """Draw ``info``; a click on a field enlarges it and shows what is in it, one on the bar below leads back."""
    figure = go.Figure(layout=style.base_layout(theme, info.title, info.subtitle))
    fields = info.fields
    figure.add_trace(
        go.Treemap(
            ids=[field.id for field in fields],
            parents=[field.parent for field in fields],
            labels=[style.plain(field.label) for field in fields],
            values=[field.value for field in fields],
            branchvalues="total",
            text=[_amount(info.measure, field.value) for field in fields],
            texttemplate="%{label}<br>%{text}",
            customdata=[style.plain(field.hover) for field in fields],
            hovertemplate="%{customdata}<extra></extra>",
            marker=_marker(info, theme),
            textfont={"color": style.INK[theme], "size": 13},
            pathbar={"side": "bottom", "thickness": 24, "textfont": {"size": 12, "color": style.INK[theme]}},
            tiling={"pad": 2},
            maxdepth=LEVELS,
            root={"color": "rgba(0,0,0,0)"},
        )
    )
    figure.update_layout(height=560, margin={"b": 28, "l": 0, "r": 0})
    return figure


def _amount(measure: Measure, value: float) -> str:
    return f"{significant(value)} ms" if measure == "time" else count(value)


def _marker(info: TreemapInfo, theme: Theme) -> dict[str, Any]:
    line: dict[str, Any] = {
        "line": {"color": style.BACKGROUNDS[theme], "width": 1},
        "pad": {"t": 20, "l": 2, "r": 2, "b": 2},
    }
    if info.measure == "parameters":
        return {
            **line,
            "colors": [tint(COLOURS.get(field.kind, style.INTERVAL[theme]), theme) for field in info.fields],
        }
    most = max((field.heat or 0.0 for field in info.fields), default=0.0) or 1.0
    colours = [_shade((field.heat or 0.0) / most, theme) for field in info.fields]
    return {**line, "colors": colours}


def tint(colour: str, theme: Theme, share: float = TINT) -> str:
    """``share`` of a colour over the background."""
    parts = [(_channels(colour), share), (_channels(style.BACKGROUNDS[theme]), 1 - share)]
    mixed = [round(sum(channels[place] * weight for channels, weight in parts)) for place in range(3)]
    return "#" + "".join(f"{channel:02X}" for channel in mixed)


def _shade(share: float, theme: Theme) -> str:
    """From the grey of grids to the tinted accent: the stronger, the more time."""
    return tint(style.SERIES_COLOURS[1], theme, 0.05 + 0.55 * share)


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
