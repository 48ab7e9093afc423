from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from explorer.charts import Axes, side_by_side, tradeoff_figure, tradeoff_info
from explorer.charts.style import SYMBOLS
from explorer.charts.tradeoff import WEBGL_MARKS, labels, staircase
from explorer.variants import choose, flatten, with_baselines
from tests.support.sample_results import HOST, OTHER_HOST, sample_runs


def rows_of(runs, target="cpu-onnxruntime", models=("minilm-tweets",)):
    return choose(with_baselines(flatten(runs), runs), target, 1, models)


@pytest.fixture
def own():
    return rows_of(sample_runs(16))


@pytest.fixture
def mixed():
    return rows_of(sample_runs(16) + sample_runs(16, seed=1, recorded=True, host=OTHER_HOST))


def test_one_mark_per_variant_with_its_run_and_units(own):
    info = tradeoff_info(own, Axes())
    assert {mark.run for mark in info.marks} == {row.run for row in own}
    mark = next(mark for mark in info.marks if mark.baseline)
    assert (mark.x, mark.y) == (91.0, pytest.approx(80.0))
    assert mark.y_interval == pytest.approx((78.3, 81.7))


def test_titles_say_meaning_unit_and_which_way_is_better(own):
    info = tradeoff_info(own, Axes(x="speedup"), "CPU")
    assert info.title == "Accuracy against speed-up"
    assert info.x_title == "Speed-up (×)   larger is better →"
    assert info.y_title == "Accuracy (%)   higher is better →"
    assert tradeoff_info(own, Axes(x="latency")).x_title == "Latency p50 (ms)   ← smaller is better"
    assert info.caption == "Measured on Imaginary CPU 9000, 2 cores, 2026-11-20."


def test_a_chart_of_latencies_of_texts_says_how_long_they_were(own):
    where = "CPU, ONNX Runtime, batch of 1"
    assert tradeoff_info(own, Axes(), where).subtitle == where
    assert tradeoff_info(own, Axes("latency"), where).subtitle == f"{where}, texts of 32 tokens"
    assert tradeoff_info(own, Axes(size="latency"), where).subtitle == f"{where}, texts of 32 tokens"
    longer = sample_runs(16)
    for run in longer[4:8]:
        for entry in run.result["latency"]:
            entry["sequence"] = 512
    assert tradeoff_info(rows_of(longer), Axes("latency"), where).subtitle == f"{where}, texts of several lengths"
    images = rows_of(sample_runs(16), models=["vit-digits"])
    assert images and tradeoff_info(images, Axes("latency"), where).subtitle == where


def test_nobody_beats_what_stands_on_the_front(own):
    info = tradeoff_info(own, Axes())
    on_front = [mark for mark in info.marks if mark.on_front]
    for mark in on_front:
        assert not any(o.x <= mark.x and o.y >= mark.y and (o.x, o.y) != (mark.x, mark.y) for o in info.marks)
    assert {mark.run for mark in on_front} == set(info.fronts[0].runs)


@pytest.mark.parametrize("x", ["file_size", "latency", "speedup"])
def test_recorded_points_and_own_ones_never_share_a_front(mixed, x):
    info = tradeoff_info(mixed, Axes(x=x))
    assert {front.recorded for front in info.fronts} == {True, False}
    for front in info.fronts:
        assert {run.startswith("recorded-") for run in front.runs} == {front.recorded}


def test_two_hosts_share_a_size_front_but_no_latency_front():
    second = [run for run in sample_runs(24, seed=2, host=OTHER_HOST)][16:]
    rows = rows_of(sample_runs(8) + second)
    assert len(tradeoff_info(rows, Axes(x="file_size")).fronts) == 1
    fronts = tradeoff_info(rows, Axes(x="latency")).fronts
    host_of = {row.run: row.host for row in rows}
    assert [len({host_of[run] for run in front.runs}) for front in fronts] == [1, 1]


def test_two_gpus_behind_equal_processors_share_no_latency_front():
    runs = sample_runs(8)
    for index, run in enumerate(runs):
        run.result["host"] = HOST | {"gpu": {"name": f"Imaginary GPU {index % 2}"}}
        for entry in (*run.result["latency"], *run.result["accuracy"]):
            if entry["target"] == "cpu-torch":
                entry["target"] = "cuda-torch"
    rows = rows_of(runs, "cuda-torch")
    info = tradeoff_info(rows, Axes(x="latency"))
    host_of = {row.run: row.host for row in rows}
    assert sorted(host_of[front.runs[0]] for front in info.fronts) == ["Imaginary GPU 0", "Imaginary GPU 1"]
    assert all(len({host_of[run] for run in front.runs}) == 1 for front in info.fronts)
    assert info.caption.startswith("Measured on Imaginary GPU 0, ")
    assert len(tradeoff_info(rows_of(runs), Axes(x="latency")).fronts) == 1


def test_a_speed_up_names_the_baseline_it_is_against_and_the_caption_how_far_its_mark_is_from_that():
    runs = sample_runs(3)
    runs[2].result["latency"][0] |= {"baseline_p50_ms": 11.4, "p50_ms": 5.7, "speedup": 2.0}
    info = tradeoff_info(rows_of(runs), Axes(x="latency"))
    said = {mark.run: mark.hover for mark in info.marks}
    assert "Speed-up: 2.00× " in said["sample-0002"]
    assert ", the baseline beside it took 11.4 ms" in said["sample-0002"]
    assert "beside it" not in said["sample-0000"], "it is the baseline"
    assert "up to 1.9 times apart" in info.caption, "6.0 ms alone"
    assert "beside" not in tradeoff_info(rows_of(runs), Axes(x="file_size")).caption, "the mark tells no latency"
    assert "beside" not in tradeoff_info(rows_of(runs[:2]), Axes(x="latency")).caption, "both are 6.0 ms"


def test_different_tasks_never_share_a_front():
    rows = rows_of(sample_runs(16), models=())
    task_of = {row.run: row.task for row in rows}
    fronts = tradeoff_info(rows, Axes()).fronts
    assert sorted(front.name for front in fronts) == ["digits", "tweets"]
    assert all({task_of[run] for run in front.runs} == {front.name} for front in fronts)


@pytest.mark.parametrize(
    ("larger_is_better", "xs", "ys"),
    [(False, (1, 3, 3, 5, 5), (1, 1, 2, 2, 4)), (True, (1, 1, 3, 3, 5), (4, 2, 2, 1, 1))],
)
def test_the_staircase_never_promises_more_than_was_measured(larger_is_better, xs, ys):
    points = [(1, 4), (3, 2), (5, 1)] if larger_is_better else [(1, 1), (3, 2), (5, 4)]
    assert staircase(points, larger_is_better) == (xs, ys)


def test_the_gpu_without_a_gpu_says_why():
    info = tradeoff_info(rows_of(sample_runs(8), "cuda-onnxruntime"), Axes())
    assert info.marks == ()
    assert info.empty == "Not measured: no NVIDIA GPU was found on this machine."


def test_filters_that_leave_nothing_say_so():
    assert tradeoff_info([], Axes()).empty == "No variant fits these filters. Take one of them away."


def test_area_grows_with_the_third_quantity(own):
    info = tradeoff_info(own, Axes(size="parameters"))
    marks = sorted((mark for mark in info.marks if mark.diameter > 8), key=lambda mark: mark.x)
    assert [mark.diameter for mark in marks] == sorted(mark.diameter for mark in marks)
    assert marks[-1].diameter == 28
    assert {mark.diameter for mark in tradeoff_info(own, Axes()).marks} == {11}


def test_the_selection_lies_on_top_and_is_named(own):
    chosen = own[3].run
    info = tradeoff_info(own, Axes(), selected=[chosen])
    assert info.marks[-1].run == chosen and info.marks[-1].selected
    assert own[3].label in {
        annotation.text.replace("<br>", " ") for annotation in tradeoff_figure(info).layout.annotations
    }


def test_of_many_selected_the_shown_one_is_named_first_and_no_words_overlap(own):
    chosen = [row.run for row in own if not row.baseline]
    info = tradeoff_info(own, Axes(), selected=chosen)
    assert [mark.run for mark in info.marks if mark.shown] == chosen[-1:]
    found = labels(info)
    assert found[0].mark.run == chosen[-1]
    boxes = [label.place.box for label in found]
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_two_baselines_at_one_spot_are_named_once(mixed):
    info = tradeoff_info(mixed, Axes(x="file_size"))
    assert sum(mark.baseline for mark in info.marks) == 2
    assert [label.lines for label in labels(info) if label.mark.baseline] == [("baseline",)]


def test_baselines_of_several_models_say_whose_they_are():
    rows = rows_of(sample_runs(16), models=())
    said = {" ".join(label.lines) for label in labels(tradeoff_info(rows, Axes())) if label.mark.baseline}
    assert said == {"baseline of minilm-tweets", "baseline of vit-digits"}


def test_noise_matters_on_measured_axes_only():
    runs = sample_runs(4)
    runs[1].result["latency"][0]["noisy"] = True
    rows = rows_of(runs)
    noisy = {mark.run for mark in tradeoff_info(rows, Axes(x="latency")).marks if mark.noisy}
    assert runs[1].run in noisy
    assert not any(mark.noisy for mark in tradeoff_info(rows, Axes(x="file_size")).marks)


def test_an_estimate_is_never_on_a_measured_front():
    runs = sample_runs(4)
    for run in runs[1:]:
        for entry in run.result["latency"]:
            entry["kind"] = "estimated"
    info = tradeoff_info(rows_of(runs), Axes(x="latency"))
    assert {run for front in info.fronts for run in front.runs} == {runs[0].run}
    assert sum(mark.estimated for mark in info.marks) == 3


def test_every_mark_in_the_figure_carries_its_run(mixed):
    info = tradeoff_info(mixed, Axes())
    for theme in ("light", "dark"):
        figure = tradeoff_figure(info, theme)
        drawn = [entry[0] for trace in figure.data if trace.customdata is not None for entry in trace.customdata]
        assert sorted(drawn) == sorted(mark.run for mark in info.marks)
        assert figure.layout.dragmode is None  # pages draw boxes with it, a report zooms


def test_recorded_marks_are_open(mixed):
    figure = tradeoff_figure(tradeoff_info(mixed, Axes()))
    for trace in figure.data:
        for entry, symbol in zip(trace.customdata or (), trace.marker.symbol or (), strict=False):
            assert symbol.startswith("circle")
            assert ("open" in symbol) == (
                entry[0].startswith("recorded") or entry[0].startswith("baseline-of-recorded")
            )


def test_names_cannot_act_as_markup():
    runs = [replace(run, label="<b onclick=x>&") for run in sample_runs(2)]
    info = tradeoff_info(rows_of(runs), Axes(), selected=[runs[1].run])
    assert all("<b onclick" not in mark.hover for mark in info.marks)
    assert "<b onclick" not in tradeoff_figure(info).to_json().replace("\\u003c", "<")


def order(info):
    """What is drawn, from below upwards: by type of trace the runs of its marks, for a front its name."""
    figure = tradeoff_figure(info)
    fronts = {front.name for front in info.fronts}
    named = (
        (trace, [own[0] for own in (() if trace.customdata is None else trace.customdata)]) for trace in figure.data
    )
    return [(one.type, runs or one.name) for one, runs in named if runs or (one.mode == "lines" and one.name in fronts)]


@pytest.mark.parametrize("copies", [1, WEBGL_MARKS])
def test_fronts_and_what_is_selected_lie_on_what_others_beat(own, copies):
    beaten = next(r for r in own if not r.baseline and r.run not in tradeoff_info(own, Axes()).fronts[0].runs)
    rows = own + [replace(beaten, run=f"beaten-{place}") for place in range(copies)]
    info = tradeoff_info(rows, Axes(), selected=["beaten-0"])
    drawn = order(info)
    line = next(place for place, (_, runs) in enumerate(drawn) if runs == info.fronts[0].name)
    below = {run for _, runs in drawn[:line] for run in runs}
    above = [run for _, runs in drawn[line + 1 :] for run in runs]
    assert set(above) == {mark.run for mark in info.marks if mark.on_front or mark.baseline} | {"beaten-0"}
    assert above[-1] == "beaten-0" and below.isdisjoint(above) and len(below) + len(above) == len(rows)
    kinds = {kind for kind, _ in drawn}
    assert kinds == {"scatter" if copies == 1 else "scattergl"}, "Plotly puts what WebGL draws above the rest"


@pytest.mark.parametrize("see_through", [False, True])
def test_a_chosen_open_mark_keeps_its_colour_and_has_a_wider_edge_than_others(mixed, see_through):
    recorded = [row for row in mixed if row.recorded and not row.baseline]
    figure = tradeoff_figure(tradeoff_info(mixed, Axes(), selected=[recorded[0].run]), see_through=see_through)
    looks = {}
    for trace in figure.data:
        if trace.customdata is not None:
            own = [known[0] for known in trace.customdata]
            looks |= dict(zip(own, zip(trace.marker.color, trace.marker.line.width, strict=True), strict=True))
    chosen, others = recorded[0], [row for row in recorded[1:] if row.family == recorded[0].family]
    assert others and {looks[row.run][0] for row in others} == {looks[chosen.run][0]}
    assert looks[chosen.run][1] > max(looks[row.run][1] for row in others)


def test_the_more_marks_there_are_the_more_those_that_others_beat_step_back(own):
    beaten = next(r for r in own if not r.baseline and r.run not in tradeoff_info(own, Axes()).fronts[0].runs)
    colours, sizes = [], []
    for count in (1, 200, 2000):
        info = tradeoff_info(own + [replace(beaten, run=f"beaten-{place}") for place in range(count)], Axes())
        drawn = [trace for trace in tradeoff_figure(info).data if trace.customdata is not None]
        one = next(trace for trace in drawn if any(known[0] == "beaten-0" for known in trace.customdata))
        opacities, diameters = np.unique(one.marker.opacity), np.unique(one.marker.size)
        assert len(opacities) == len(diameters) == 1
        colours.append(opacities[0])
        sizes.append(diameters[0])
        front = next(trace for trace in drawn if any(known[0] in info.fronts[0].runs for known in trace.customdata))
        assert (set(np.unique(front.marker.opacity)), set(np.unique(front.marker.size))) == ({1.0}, {11.0})
    assert colours == sorted(colours, reverse=True) and sizes == sorted(sizes, reverse=True)
    assert len(set(colours)) == len(set(sizes)) == 3


def test_scales_are_logarithmic_where_all_is_above_zero(own):
    sizes = tradeoff_info(own, Axes(x="latency", y="file_size", log_x=True, log_y=True))
    figure = tradeoff_figure(sizes)
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    difference = tradeoff_info(own, Axes(x="difference", y="file_size", log_x=True))
    assert not difference.log_x and tradeoff_figure(difference).layout.xaxis.type is None


def test_charts_side_by_side_have_one_scale_upwards(own):
    lower = [replace(row, accuracy=row.accuracy - 0.1, accuracy_low=None, accuracy_high=None) for row in own]
    one, other = side_by_side([tradeoff_info(own, Axes()), tradeoff_info(lower, Axes())])
    ranges = [tradeoff_figure(info).layout.yaxis.range for info in (one, other)]
    assert ranges[0] == ranges[1] and 0 <= ranges[0][0] < 100 * min(row.accuracy for row in lower) < ranges[0][1]
    apart = side_by_side([tradeoff_info(own, Axes("file_size", "latency")), tradeoff_info(own, Axes())])
    assert [info.y_range for info in apart] == [None, None], "latencies of two devices have scales of their own"


def test_where_there_are_fronts_of_two_kinds_the_caption_says_which_line_is_whose(own, mixed):
    assert "A solid line joins your own variants" in tradeoff_info(mixed, Axes()).caption
    assert "solid" not in tradeoff_info(own, Axes()).caption


def test_an_axis_reaches_below_zero_only_where_something_does(own):
    figure = tradeoff_figure(tradeoff_info(own, Axes("latency", "accuracy")))
    assert [axis.rangemode for axis in (figure.layout.xaxis, figure.layout.yaxis)] == ["nonnegative"] * 2
    figure = tradeoff_figure(tradeoff_info(own, Axes("latency", "difference")))
    assert [axis.rangemode for axis in (figure.layout.xaxis, figure.layout.yaxis)] == ["nonnegative", "normal"]


def test_entries_of_the_legend_say_what_a_click_leaves_out():
    runs = sample_runs(16)
    figure = tradeoff_figure(tradeoff_info(rows_of(runs, models=()), Axes()))
    named = {trace.name: trace.meta["leaves_out"] for trace in figure.data if trace.meta}
    assert named["Pruning"] == {"family": "pruning"} and named["vit-digits"] == {"model": "vit-digits"}
    assert named["Baseline"] == {"family": "baseline"}


def test_twelve_models_have_symbols_of_their_own_and_those_that_share_one_are_named():
    known = [f"model {number}" for number in range(14)]
    row = rows_of(sample_runs(8))[0]
    twelve, all_of_them = (
        tradeoff_info([replace(row, model=model, run=model) for model in shown], Axes(), models=known)
        for shown in (known[:12], known)
    )
    assert len(set(twelve.symbols.values())) == 12 and "symbol" not in twelve.caption
    assert "One symbol stands for several models: model 0 and model 12; model 1 and model 13." in all_of_them.caption
    for info in (twelve, all_of_them):  # Plotly refuses a symbol that it does not know
        assert {trace.marker.symbol for trace in tradeoff_figure(info).data if trace.name in known} == set(SYMBOLS)


@pytest.mark.parametrize("kinds", [("recorded",), ("noisy",), ("recorded", "noisy"), ("estimated",)])
def test_every_symbol_has_its_sisters(kinds):
    row = rows_of(sample_runs(8))[1]
    rows = [replace(row, model=symbol, run=symbol, **dict.fromkeys(kinds, True)) for symbol in SYMBOLS]
    figure = tradeoff_figure(tradeoff_info(rows, Axes(x="latency"), models=SYMBOLS))
    drawn = [one for trace in figure.data if trace.customdata is not None for one in trace.marker.symbol]
    assert len(set(drawn)) == len(SYMBOLS)


def test_a_model_has_the_same_symbol_whatever_else_is_on_the_chart():
    rows, known = rows_of(sample_runs(16), models=()), ["cnn-digits", "vit-digits", "minilm-tweets"]
    both = tradeoff_info(rows, Axes(), models=known)
    assert both.symbols == {"vit-digits": "square", "minilm-tweets": "diamond"}
    alone = tradeoff_info([row for row in rows if row.model == "minilm-tweets"], Axes(), models=known)
    assert alone.symbols == {"minilm-tweets": "diamond"}
    drawn = [trace.marker.symbol for trace in tradeoff_figure(alone).data if trace.customdata is not None]
    assert drawn and {shape.removesuffix("-dot") for shapes in drawn for shape in shapes} == {"diamond"}
    unknown = tradeoff_info(rows, Axes(), models=["cnn-digits"])
    assert unknown.symbols == {"minilm-tweets": "square", "vit-digits": "diamond"}


def test_knees_are_named_with_what_they_are_of(own):
    bent = tradeoff_info(own, Axes())
    (knee,) = bent.knees
    assert bent.knee_words.startswith(f"Knee of accuracy against file size: {knee.label}. The line bends most there")
    straight = tradeoff_info([row for row in own if row.run in bent.fronts[0].runs][:2], Axes())
    assert straight.fronts and (straight.knees, straight.knee_words) == ((), "")
    estimates = [replace(row, estimated=True) for row in own]
    assert tradeoff_info(estimates, Axes()).knee_words == ""
