import pytest

from explorer.anatomy import Module
from explorer.charts.anatomy import (
    Times,
    short_name,
    size_words,
    time_words,
    times_of,
    treemap_figure,
    treemap_info,
)
from explorer.charts.style import INK

MODULES = [
    Module("embeddings", "embeddings", "word_embeddings", 500),
    Module("embeddings", "normalisation", "LayerNorm", 20),
    Module("encoder.layer.0", "attention", "attention.self.query", 110),
    Module("encoder.layer.0", "attention", "attention.self.key", 110),
    Module("encoder.layer.0", "feed_forward", "output.dense", 240),
    Module("classifier", "head", "classifier", 20),
]
TIMES = Times({"embeddings": 0.5, "encoder.layer.0": 4.5, "all others": 0.0}, "here")


@pytest.fixture
def fields():
    return {field.id: field for field in treemap_info("MiniLM", MODULES, "parameters").fields}


def test_a_parent_is_the_sum_of_its_children(fields):
    assert fields["model"].value == 1000 and fields["model"].parent == ""
    for one in fields.values():
        children = [other.value for other in fields.values() if other.parent == one.id]
        assert not children or sum(children) == one.value
    assert all(one.parent in fields for one in fields.values() if one.parent)


def test_a_layer_of_several_kinds_is_parted_by_kind(fields):
    assert [one.id for one in fields.values() if one.parent == "model"] == [
        "embeddings", "encoder.layer.0", "classifier",
    ]  # fmt: skip
    attention = fields["encoder.layer.0/attention"]
    assert (attention.parent, attention.label, attention.value) == ("encoder.layer.0", "attention", 220)
    query = fields["encoder.layer.0/attention/attention.self.query"]
    assert (query.label, query.value, query.kind) == ("attention.self.query", 110, "attention")
    assert query.hover == "encoder.layer.0 · attention · attention.self.query: 110 parameters, 11.0 % of all."


def test_a_layer_of_one_module_is_one_field(fields):
    assert [name for name in fields if name.startswith("classifier")] == ["classifier"]
    assert fields["classifier"].kind == "head" and fields["encoder.layer.0"].label == "layer 0"


@pytest.mark.parametrize(
    ("layer", "short"),
    [("encoder.layer.0", "layer 0"), ("layers.11", "layer 11"), ("encoder.stages.2", "stage 2"), ("pooler", "pooler")],
)
def test_short_names(layer, short):
    assert short_name(layer) == short


def test_coloured_by_time():
    info = treemap_info("MiniLM", MODULES, "heat", TIMES)
    fields = {field.id: field for field in info.fields}
    assert (info.subtitle, info.measure) == ("here", "heat")
    assert fields["encoder.layer.0/attention/attention.self.key"].heat == 4.5
    assert fields["classifier"].heat is None and fields["embeddings"].heat == 0.5
    assert fields["embeddings"].hover.endswith("The layer embeddings takes 0.500 ms a call, 10.0 % of the time.")
    figure = treemap_figure(info)
    colours = dict(zip(figure.data[0].ids, figure.data[0].marker.colors, strict=True))
    assert colours["encoder.layer.0"] == colours["encoder.layer.0/feed_forward/output.dense"]
    assert len({colours[name] for name in ("encoder.layer.0", "embeddings", "classifier")}) == 3


def test_area_by_time_leaves_out_what_takes_none():
    info = treemap_info("MiniLM", MODULES, "time", TIMES)
    assert [(field.label, field.value) for field in info.fields] == [
        ("MiniLM", 5.0), ("embeddings", 0.5), ("layer 0", 4.5),
    ]  # fmt: skip
    assert treemap_figure(info).data[0].text == ("5.00 ms", "0.500 ms", "4.50 ms")


def test_without_times_only_parameters_can_be_shown():
    for measure in ("heat", "time"):
        assert treemap_info("MiniLM", MODULES, measure) == treemap_info("MiniLM", MODULES, "parameters")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("measure", ["parameters", "heat", "time"])
def test_words_can_be_read_on_every_field(theme, measure):
    figure = treemap_figure(treemap_info("<b>", MODULES, measure, TIMES), theme)
    assert figure.data[0].textfont.color == INK[theme]
    assert min(contrast(colour, INK[theme]) for colour in figure.data[0].marker.colors) > 4.5
    assert figure.data[0].labels[0] == "&lt;b&gt;" and figure.data[0].branchvalues == "total"


def contrast(one, other):
    """WCAG 2's ratio of luminances."""

    def luminance(colour):
        shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_in_words():
    assert size_words(MODULES) == "Of its 3 layers, embeddings is the largest: 520 parameters, 52.0 % of all."
    assert time_words(MODULES, TIMES) == (
        "The slowest is layer 0, which takes 90.0 % of the time and holds 46.0 % of the parameters."
    )


def row(name, baseline):
    return {"name": name, "variant_ms": 1.0, "baseline_ms": baseline, "variant_bytes": None, "baseline_bytes": None}


def result(rows):
    profile = {"batch": 1, "sequence": 28, "threads": 2, "by_operator": [], "by_layer": rows}
    host = {"cpu": "Imaginary CPU 9000", "cores": 2}
    return {"kind": "image", "host": host, "finished_at": "2026-11-20T10:00:00+00:00", "profile": profile}


def test_times_are_the_baselines_with_host_and_date():
    times = times_of(result([row("embedder", 0.25), row("encoder.stages.0", None), row("other", 0.75)]))
    assert times.ms == {"embedder": 0.25, "all others": 0.75} and times.share("embedder") == 25
    assert (
        times.where
        == "Batch of 1, 28 pixels a side, 2 threads of ONNX Runtime; Imaginary CPU 9000, 2 cores, 2026-11-20"
    )
    assert times_of(result([])) is None and times_of(result([row("embedder", None)])) is None
    assert times_of(None) is None and times_of({"profile": None}) is None
