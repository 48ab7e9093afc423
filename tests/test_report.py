"""The report: one file that loads nothing, with every text escaped and every number as in the results."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import yaml

from explorer.charts import Axes, style
from explorer.conclusion import conclusion
from explorer.errors import BadInput
from explorer.quantities import file_size, signed, significant
from explorer.report import places, report_html, report_info
from explorer.report.page import in_script
from explorer.variants import choose, flatten
from tests.support.sample_results import OTHER_HOST, sample_runs

EVIL = '<script>alert("x")</script><img src=http://example.org/a.png onerror=alert(1)>'
TARGET = "cpu-onnxruntime"


class Page(HTMLParser):
    """What a browser would see: elements with attributes, the text of scripts and styles, and all other text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.cells, self.rows, self.open, self.words = [], [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, text):
        if "script" in self.open:
            self.scripts.append(text)
        elif "style" not in self.open:
            self.words.append(text)
            if {"td", "th"} & set(self.open):
                self.rows[-1][-1] += (" | " if "small" in self.open else "") + text


def made(runs, title="What we found", axes=None, target=TARGET, everyone=None):
    rows = choose(flatten(everyone or runs), target, 1)
    info = report_info(title, "2026-11-26", runs, rows, axes or Axes(), target, 1)
    return info, report_html(info).decode()


@pytest.fixture(scope="module")
def runs():
    return [sample_runs(16)[index] for index in (0, 1, 2, 5)]


@pytest.fixture(scope="module")
def report(runs):
    return made(runs, everyone=sample_runs(8))


@pytest.fixture(scope="module")
def page(report):
    return Page(report[1])


def charts_of(page):
    return json.loads(next(text for text in page.scripts if text.startswith("{")))


def chart_of(page):
    [chart] = charts_of(page)["figures"]
    return chart


def test_the_reason_why_a_target_is_missing_stands_once(page):
    (row,) = [cells for cells in page.rows if "no NVIDIA GPU" in " ".join(cells)]
    assert row == ["Latency | no NVIDIA GPU was found on this machine", *["unavailable"] * 4]


def test_nothing_is_loaded_from_anywhere(page):
    for tag, attributes in page.elements:
        assert not {"src", "href", "action", "data", "srcset", "poster", "background"} & set(attributes), tag
        assert tag not in {"link", "iframe", "object", "embed", "img", "form", "base", "svg"}
        assert not [name for name in attributes if name.startswith("on")]
    assert "http" not in "".join(page.words)


def test_only_its_own_two_scripts_may_run(report, page):
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    scripts = re.findall(r"<script>(.*?)</script>", report[1], re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts]
    assert len(scripts) == 2 and rules["script-src"] == " ".join(hashes)
    order = [tag if tag != "meta" else a.get("http-equiv", "meta") for tag, a in page.elements]
    assert order.index("Content-Security-Policy") < order.index("style") < order.index("script")


def test_it_is_smaller_than_6_mb(report):
    assert len(report[1].encode()) < 6_000_000


def test_many_variants_still_fit(runs):
    _, text = made(runs, everyone=[*runs, *(replace(run, run=f"other-{run.run}") for run in sample_runs(4000, seed=1))])
    assert len(text.encode()) < 6_000_000
    data = [trace for chart in charts_of(Page(text))["figures"] for trace in chart["data"]]
    drawn = [trace for trace in data if trace["mode"] == "markers" and trace["x"] != [None]]
    assert sum(len(trace["x"]) for trace in drawn) == 4004


def test_what_people_wrote_is_escaped(runs):
    evil = replace(
        runs[2],
        label=EVIL,
        model=EVIL,
        recipe={**runs[2].recipe, "model": EVIL},
        result={**runs[2].result, "findings": [EVIL], "host": {**runs[2].result["host"], "os": EVIL, "cpu": EVIL}},
    )
    _, text = made([runs[0], evil], title=EVIL)
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 3
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "<img src" not in text and "<script>alert" not in text
    said = "".join(page.words)
    assert said.count('<script>alert("x")</script>') >= 6  # as text: title, name, finding, host, system, recipe
    hover = next(mark for trace in chart_of(page)["data"] for mark in trace.get("text") or () if "alert" in mark)
    assert "<script" not in hover and "&lt;script" in hover


def test_json_cannot_end_its_script():
    text = in_script({"a": "</script><!--", "b": "&"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><!--", "b": "&"}


def row(page, name):
    return next(cells[1:] for cells in page.rows if cells[0] == name)


def test_every_size_is_the_results(page, runs):
    for name, field in (("File size", "file_bytes"), ("Download size", "zipped_bytes")):
        cells = next(cells[1:] for cells in page.rows if cells[0].startswith(name))
        assert [cell.split(" | ")[0] for cell in cells] == [file_size(run.result["size"][field]) for run in runs]


def test_every_accuracy_is_the_results(page, runs):
    cells = [cells[1:] for cells in page.rows if cells[0] == "Accuracy (validation)"]
    assert len(cells) == 2  # ONNX Runtime, then PyTorch
    for target, found in zip(("cpu-onnxruntime", "cpu-torch"), cells, strict=True):
        for cell, run in zip(found, runs, strict=True):
            entry = next(e for e in run.result["accuracy"] if e["target"] == target)
            value, note = cell.split(" | ")
            low, high = (f"{100 * entry[key]:.1f}" for key in ("ci_low", "ci_high"))
            assert value == f"{100 * entry['value']:.1f} % [{low}, {high}]"
            points = [signed(100 * entry[key]) for key in ("difference", "difference_low", "difference_high")]
            assert note.startswith(f"{points[0]} points [{points[1]}, {points[2]}]")


def test_every_latency_is_the_results(page, runs):
    cells = [cells[1:] for cells in page.rows if cells[0].startswith("Latency p50")]
    wanted = [(target, batch) for target in ("cpu-onnxruntime", "cpu-torch") for batch in (1, 8)]
    for (target, batch), found in zip(wanted, cells[:4], strict=True):
        for cell, run in zip(found, runs, strict=True):
            entry = next(e for e in run.result["latency"] if (e["target"], e["batch"]) == (target, batch))
            value, note = cell.split(" | ")
            assert value == f"{significant(entry['p50_ms'])} ms"
            speeds = [significant(entry[key]) for key in ("speedup", "speedup_low", "speedup_high")]
            assert f"{speeds[0]}" in note and f"[{speeds[1]}, {speeds[2]}]" in note


def test_every_point_is_the_results(page):
    drawn = {
        (x, y) for trace in chart_of(page)["data"] if trace["mode"] == "markers"
        for x, y in zip(trace["x"], trace["y"], strict=True) if x is not None
    }  # fmt: skip
    wanted = {(row.file_bytes * 1e-6, row.accuracy * 100) for row in choose(flatten(sample_runs(8)), TARGET, 1)}
    assert drawn == wanted


def test_the_chart_draws_in_svg_and_names_the_chosen(page):
    chart = chart_of(page)
    assert {trace["type"] for trace in chart["data"]} == {"scatter"}
    assert {"B", "C", "D"} <= {note["text"] for note in chart["layout"]["annotations"]}  # A is the baseline


def test_each_task_has_a_chart_and_what_is_on_none_is_named():
    chosen = [sample_runs(16)[index] for index in (1, 9, 2)]
    assert [run.model for run in chosen] == ["minilm-tweets", "vit-digits", "minilm-tweets"]
    info, text = made([chosen[0], chosen[1]], everyone=sample_runs(16))
    tweets, digits = charts_of(Page(text))["figures"]
    assert [text.count(f"batch of 1 · {model}") > 0 for model in ("minilm-tweets", "vit-digits")] == [True, True]
    for chart, letter, least in ((tweets, "A", 10), (digits, "B", 1)):
        across = [x for trace in chart["data"] if trace["mode"] == "markers" for x in trace["x"] if x is not None]
        assert least < max(across) < 12 * least, "marks of the other task are not here"
        assert [note["text"] for note in chart["layout"]["annotations"] if note["text"] in ("A", "B")] == [letter]
    assert info.not_drawn == () and "Not drawn" not in text
    rows = [row for row in choose(flatten(chosen), TARGET, 1) if row.run != chosen[2].run]
    without = report_info("", "2026-11-26", chosen, rows, Axes(), TARGET, 1)
    assert without.not_drawn == ("C",)
    assert "Not drawn, since these axes were not measured there: C." in report_html(without).decode()


def test_each_variant_has_its_conclusion_and_recipe(page, report, runs):
    said = "".join(page.words)
    for part, run in zip(report[0].parts, runs, strict=True):
        assert part.conclusion == conclusion(run.result, TARGET, 1) and part.conclusion in said
        assert yaml.safe_load(part.recipe) == run.recipe and part.recipe in said
        assert part.findings == ("Embeddings are 51 % of the parameters.",)
    assert [part.heading for part in report[0].parts][:2] == ["A · baseline", "B · prune-neurons"]


def test_each_host_is_named_once_with_what_it_measured(runs):
    other = sample_runs(3, recorded=True, host=OTHER_HOST)[2]
    info, _ = made([*runs[:2], other])
    assert [host.name for host in info.hosts] == ["Imaginary CPU 9000, 2 cores", "Other Imaginary CPU, 8 cores"]
    lines = [dict(host.lines) for host in info.hosts]
    assert [line["Variants"] for line in lines] == ["A, B", "C"]
    assert lines[0]["Measured"] == "2026-11-20" and lines[0]["Memory"] == "8.00 GB"
    assert lines[0]["Versions"] == "Python 3.11, onnxruntime 1.0"
    assert info.parts[2].heading.endswith("(recorded)")


def test_folders_of_this_machine_are_left_out(runs):
    own = replace(runs[1], model="/home/me/secret/net", recipe={**runs[1].recipe, "model": "/home/me/secret/net"})
    _, text = made([runs[0], own])
    assert "/home/me" not in text and "model: net" in text


def test_a_chart_that_cannot_be_drawn_says_why(runs):
    _, text = made(runs, axes=Axes(x="cold_start"))
    assert 'class="chart"' not in text.split("<script")[0]
    assert charts_of(Page(text))["figures"] == []
    assert len(Page(text).rows) > 10


@pytest.mark.parametrize("count", [1, 7])
def test_two_to_six_variants(count):
    with pytest.raises(BadInput, match=f"2 to 6 variants; given were {count}"):
        made(sample_runs(count))


def test_a_run_without_a_result_is_refused(runs):
    with pytest.raises(BadInput, match="has no result"):
        report_info("", "2026-11-26", [runs[0], replace(runs[1], result=None)], [], Axes(), TARGET, 1)


def test_a_title_that_is_too_long_is_refused(runs):
    with pytest.raises(BadInput, match="at most 120 letters; given were 121"):
        made(runs, title="x" * 121)


def test_places_are_those_that_were_measured(runs):
    assert places(runs) == [(TARGET, 1), (TARGET, 8), ("cpu-torch", 1), ("cpu-torch", 8)]


def test_places_of_most_runs_stand_first(runs):
    latency = [{**entry, "target": "cuda-torch"} for entry in runs[0].result["latency"][:1]]
    other = replace(runs[0], result={**runs[0].result, "latency": [*latency, runs[0].result["latency"][0]]})
    assert places([other, runs[1]])[0] == (TARGET, 1) and places([other])[0] == ("cuda-torch", 1)


def test_chosen_variants_with_close_values_are_told_apart():
    runs = sample_runs(8)
    chosen = [runs[1], runs[2], runs[5]]
    rows = choose(flatten(runs), TARGET, 1)
    base = next(row for row in rows if row.baseline)
    names = {run.run: place for place, run in enumerate(chosen, 1)}
    near = [
        replace(row, file_bytes=base.file_bytes - 300_000 * names[row.run], accuracy=base.accuracy)
        if row.run in names
        else row
        for row in rows
    ]
    info = report_info("Close", "2026-11-26", chosen, near, Axes(), TARGET, 1)
    drawn = chart_of(Page(report_html(info).decode()))
    notes = {note["text"]: note for note in drawn["layout"]["annotations"]}
    assert {"A", "B", "C"} <= set(notes) and all(notes[letter]["showarrow"] for letter in "ABC")
    ends = {(notes[letter]["ax"], notes[letter]["ay"]) for letter in "ABC"}
    assert len(ends) == 3
    lit = [
        trace for trace in drawn["data"] if "rgba(" in json.dumps(trace["marker"]["color"] if "marker" in trace else "")
    ]
    assert lit and all(max(_listed(trace["marker"]["size"])) <= 11 for trace in lit)


def _listed(value):
    return value if isinstance(value, list) else [value]


def test_every_colour_of_the_theme_has_a_dark_one(page):
    drawn, dark = chart_of(page), charts_of(page)["dark"]
    light = [colours["light"] for colours in (style.BACKGROUNDS, style.INK, style.MUTED, style.GRID, style.INTERVAL)]
    assert set(dark) == set(light)
    assert drawn["layout"]["paper_bgcolor"] in dark and drawn["layout"]["font"]["color"] in dark


def test_what_a_knee_is_stands_below_the_chart_in_plain_words():
    runs = [run for run in sample_runs(16) if run.model == "minilm-tweets"]
    info, text = made(runs[:3], everyone=runs)
    (knee,) = info.charts[0].knees
    said = " ".join(Page(text).words)
    assert (
        f"Knee of accuracy against file size: {knee.label}. The line bends most there: to either side, a small " in said
    )
    assert "knee" not in " ".join(Page(made(runs[:2])[1]).words).lower(), "where there is none, nothing needs a word"
