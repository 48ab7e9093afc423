"""The Demo page: both models answer for real, in a process of their own."""

import base64
import json
import re
import shutil
import time

import numpy as np
import pytest
import streamlit as st

from explorer import anatomy, store
from explorer.artefacts import baseline_file
from explorer.conclusion import conclusion
from explorer.measure.accuracy import predict
from explorer.serving.client import Agreement, Answer, Demonstration, Standing, Tally
from pages.parts import demo, demo_answers, demo_choice, demo_race
from tests.pages.conftest import button, words
from tests.pages.demo_runs import IMAGE_RUN, OTHER_TEXT_RUN, TEXT_RUN, THIRD_TEXT_RUN, baseline_folder, write_answering
from tests.support.bundles import image_split

PAGE = "7_Demo"


@pytest.fixture
def answering(place):
    """Runs whose models answer; the processes that did are closed afterwards."""
    yield write_answering(place / "home")
    st.cache_resource.clear()


@pytest.fixture
def both(place, answering):
    """The folders of the two models of a run."""

    def of(run):
        baseline = place / "home" / "cache" / "baselines" / baseline_folder(answering[run])
        return {"baseline": baseline, "variant": place / "home" / "runs" / run / "artefact"}

    return of


def figures(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def shares(app):
    """Percent by class, first the baseline's, then the variant's."""
    return [np.frombuffer(_decoded(figure["data"][0]["x"]), dtype="f8").tolist() for figure in figures(app)]


def _decoded(values):
    return base64.b64decode(values["bdata"]) if isinstance(values, dict) else np.array(values, dtype="f8").tobytes()


def expected(folder, given):
    logits = predict(folder, "cpu-onnxruntime", given)[0].astype(float)
    return (100 * np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()).tolist()


def test_nothing_compressed_yet(open_page):
    app = open_page(PAGE)
    assert "Compress one first" in words(app) and button(app, "Compress a model")


def test_both_answer_the_first_example(open_page, both):
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert not app.error and app.text_area(key="demo-text").value.startswith("What a wonderful morning")
    folders, given = both(TEXT_RUN), [app.text_area(key="demo-text").value]
    assert shares(app) == [pytest.approx(expected(folders[name], given), abs=0.01) for name in ("baseline", "variant")]
    assert [heading.value for heading in app.subheader] == ["Baseline", "Compressed", "A race"]
    sizes = [line.value for line in app.markdown if " ms · " in line.value]
    assert len(sizes) == 2 and sizes[0].endswith(" · 91.0 MB")


def test_a_text_of_ones_own(open_page, both):
    app = open_page(PAGE, selected=[TEXT_RUN])
    app.text_area(key="demo-text").set_value("w5 w9 w33").run()
    assert not app.exception
    folders = both(TEXT_RUN)
    wanted = [expected(folders[name], ["w5 w9 w33"]) for name in ("baseline", "variant")]
    assert shares(app) == [pytest.approx(one, abs=0.01) for one in wanted]
    said = [line.value for line in app.markdown if line.value in ("a", "b", "c")]
    assert said == ["abc"[int(np.argmax(one))] for one in wanted]


@pytest.mark.parametrize(("speedup", "differs"), [(1000.0, True), (1.0, False)])
def test_times_that_contradict_the_measurement_say_so(open_page, place, answering, monkeypatch, speedup, differs):
    measure(place, TEXT_RUN, speedup)
    even = [Answer((0.2, 0.5, 0.3), 2.0, 15), Answer((0.2, 0.6, 0.2), 2.0, 15)]
    monkeypatch.setattr(Demonstration, "answer", lambda shown, given: even)
    said = words(open_page(PAGE, selected=[TEXT_RUN]))
    assert ("These times and the measurement differ: Compressed was measured at 1,000 times" in said) == differs


def test_several_that_contradict_their_measurements_are_said_to_in_one_place(open_page, place, answering, monkeypatch):
    for run, speedup in ((TEXT_RUN, 1000.0), (OTHER_TEXT_RUN, 2000.0), (THIRD_TEXT_RUN, 1.0)):
        measure(place, run, speedup)
    even = [Answer((0.2, 0.5, 0.3), 2.0, 15)] * 4
    monkeypatch.setattr(Demonstration, "answer", lambda shown, given: even)
    app = open_page(PAGE, selected=[OTHER_TEXT_RUN, THIRD_TEXT_RUN, TEXT_RUN])
    (said,) = [one.value for one in app.markdown if "measurement differ" in one.value]
    assert re.findall(r"measured at ([\d,]+) times", said) == ["1,000", "2,000"]


def measure(place, run, speedup):
    """Write down that the run's variant is so many times as fast as the baseline."""
    measured = {"speedup": speedup, "speedup_low": 0.9 * speedup, "speedup_high": 1.1 * speedup, "noisy": False}
    file = place / "home" / "runs" / run / "result.json"
    result = json.loads(file.read_text())
    file.write_text(json.dumps({**result, "latency": [{**entry, **measured} for entry in result["latency"]]}))
    store.Store().refresh(run)


def test_an_example_is_one_click_away(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN])
    app.button(key="demo-example-3").click().run()
    assert app.text_area(key="demo-text").value == "My phone died again and nobody answers the hotline."


@pytest.fixture
def on_own_data(place, answering, both):
    """The newest run of texts, on data of one's own: their file."""
    path, run = place / "own.csv", answering[THIRD_TEXT_RUN]
    labels = [run.result["labels"][number % 3] for number in range(60)]
    path.write_text("text,label\n" + "".join(f"w{n} of mine,{label}\n" for n, label in enumerate(labels)))
    request = place / "home" / "runs" / run.run / "request.json"
    fields = json.loads(request.read_text())
    fields["recipe"]["data"] = str(path)
    request.write_text(json.dumps(fields))
    baseline = both(run.run)["baseline"]
    shutil.copytree(baseline, baseline.with_name(anatomy.key(run.model, str(path))))
    return path


def test_on_data_of_ones_own_the_examples_are_from_them(open_page, on_own_data):
    app = open_page(PAGE, selected=[THIRD_TEXT_RUN])
    shown = [one.label for one in app.button if (one.key or "").startswith("demo-example-")]
    assert len(shown) == 4 and all(re.fullmatch(r"w\d+ of mine", text) for text in shown)
    assert app.text_area(key="demo-text").value == shown[0]
    assert "wonderful morning" not in words(app)


def test_where_ones_own_data_give_no_examples_there_are_none(open_page, on_own_data, monkeypatch):
    monkeypatch.setattr(demo_answers, "example_texts", lambda *_: [])
    app = open_page(PAGE, selected=[THIRD_TEXT_RUN])
    assert not [one for one in app.button if (one.key or "").startswith("demo-example-")]
    assert app.text_area(key="demo-text").value == "" and "Write a sentence." in words(app)
    assert "Or one of these" not in words(app)


def test_without_a_text_it_says_what_to_do(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN])
    app.text_area(key="demo-text").set_value("  ").run()
    assert app.info[0].value == "Write a sentence, or click one of the examples." and figures(app) == []


def test_what_is_drawn_is_scaled_and_answered(open_page, both, monkeypatch):
    drawing = np.zeros((112, 112), dtype=np.uint8)
    drawing[20:100, 50:60] = 255
    monkeypatch.setattr(demo_answers, "canvas", lambda: base64.b64encode(drawing.tobytes()).decode())
    app = open_page(PAGE, selected=[IMAGE_RUN])
    assert not app.error
    seen = demo_answers.digit(drawing)
    assert shares(app)[1] == pytest.approx(expected(both(IMAGE_RUN)["variant"], seen[None]), abs=0.01)


def test_before_something_is_drawn_nothing_is_answered(open_page, answering):
    app = open_page(PAGE, selected=[IMAGE_RUN])
    assert "Draw one digit" in words(app) and figures(app) == []
    assert "appear here as soon as" in words(app) and "**Baseline** · 1.90 MB" in words(app)
    assert [heading.value for heading in app.subheader] == ["A race"]


def test_an_example_image_is_answered(open_page, both):
    app = open_page(PAGE, selected=[IMAGE_RUN], **{"demo-way": "example"})
    assert not app.error
    split = image_split()
    first = split.inputs[split.labels.tolist().index(0)]
    assert shares(app)[1] == pytest.approx(expected(both(IMAGE_RUN)["variant"], first[None]), abs=0.01)
    assert app.get("image")[0].proto.imgs[0].caption == "The right answer is a."


def test_the_right_answer_is_among_the_confidences_where_it_is_known(open_page, answering, place, monkeypatch):
    seven = [*"abcdefg"]
    file = place / "home" / "runs" / IMAGE_RUN / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "labels": seven}))
    store.Store().refresh(IMAGE_RUN)
    answers = [Answer((0.01, 0.02, 0.03, 0.04, 0.2, 0.3, 0.4), 2.0, 15)] * 2
    monkeypatch.setattr(Demonstration, "answer", lambda shown, given: answers)
    app = open_page(PAGE, selected=[IMAGE_RUN], **{"demo-way": "example"})
    assert app.get("image")[0].proto.imgs[0].caption == "The right answer is a."
    shown = [figure["layout"]["yaxis"]["ticktext"] for figure in figures(app)]
    assert shown == [["a", "e", "f", "g", "3 others"]] * 2


def test_before_all_have_answered_what_is_left_is_not_known(open_page, answering, monkeypatch):
    early = Standing("running", 1000, (Tally(3, 0.1), Tally(0, 0.0)), (Agreement(0, 0),))
    monkeypatch.setattr(Demonstration, "race", lambda shown, requests: "one")
    monkeypatch.setattr(Demonstration, "standing", lambda shown, race: early)
    app = open_page(PAGE, selected=[TEXT_RUN])
    button(app, "Start: 1,000 requests each").click().run()
    assert "How long the slowest still needs is not known yet." in words(app)


def race_until(app, reached):
    """Draw the page again until ``reached``, as the browser does."""
    until = time.monotonic() + 30
    while True:
        app.run()
        assert not app.exception and time.monotonic() < until
        if reached():
            return app


def race_to_its_end(app):
    return race_until(app, lambda: not any(one.label == "Stop" for one in app.button))


def places(app):
    """What stands on the page, in its order: the bars, and sentences by their first words."""
    found = [one for one in app.main if one.type == "progress" or (one.type == "markdown" and "**" in one.value)]
    return ["bar" if one.type == "progress" else one.value.split(":**")[0].lstrip("*") for one in found]


def test_a_race_runs_to_its_end(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN])
    measured = conclusion(answering[TEXT_RUN].result, "cpu-onnxruntime", 1)
    assert f"**Measured:** {measured}" in words(app).replace("\\", "")
    button(app, "Start: 1,000 requests each").click().run()
    race_to_its_end(app)
    bars = [bar.proto.text for bar in app.get("progress")]
    assert [bar.partition(":")[0] for bar in bars] == ["Baseline", "Compressed"]
    assert all("1,000 requests in " in bar and bar.endswith(" per second") for bar in bars)
    assert [bar.proto.value for bar in app.get("progress")] == [100, 100]
    assert "**This race:**" in words(app) and "of 40 inputs" in words(app)
    assert places(app)[:5] == ["Order of arrival", "Measured", "This race", "bar", "bar"], (
        "what it came to is seen first"
    )


def test_a_race_can_be_stopped(open_page, answering, monkeypatch):
    monkeypatch.setattr(demo_race, "REQUESTS", 100_000)
    app = open_page(PAGE, selected=[TEXT_RUN])
    button(app, "Start: 100,000 requests each").click().run()
    assert "of 100,000" in app.get("progress")[0].proto.text and "**This race:**" not in words(app)
    race_until(app, lambda: "until the slowest is through" in words(app))
    assert re.search(r"About \d.* until the slowest is through", words(app))
    button(app, "Stop").click().run()
    assert "until the slowest" not in words(app)
    assert not app.exception and "The race was stopped early." in words(app)
    assert "Order of arrival" not in words(app)
    assert button(app, "Start: 100,000 requests each")


def test_a_race_that_ended_with_its_process_is_said_to_be_gone(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN], **{"demo-race": (("cpu-onnxruntime", TEXT_RUN), "nobody")})
    assert "Start it again." in words(app) and button(app, "Start: 1,000 requests each")


def test_the_race_of_another_variant_is_not_shown(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN], **{"demo-race": (("cpu-onnxruntime", OTHER_TEXT_RUN), "somebody")})
    assert "Start it again." not in words(app) and not app.get("progress")


def test_up_to_three_variants_answer_beside_the_baseline(open_page, both):
    app = open_page(PAGE, selected=[OTHER_TEXT_RUN, THIRD_TEXT_RUN, TEXT_RUN])
    assert not app.error and app.selectbox(key="demo-picker").value == TEXT_RUN
    assert app.multiselect(key="demo-beside").value == [OTHER_TEXT_RUN, THIRD_TEXT_RUN]
    folders = [
        both(TEXT_RUN)["baseline"],
        *(both(run)["variant"] for run in (TEXT_RUN, OTHER_TEXT_RUN, THIRD_TEXT_RUN)),
    ]
    given = [app.text_area(key="demo-text").value]
    assert shares(app) == [pytest.approx(expected(folder, given), abs=0.01) for folder in folders]


def test_variants_are_put_beside_and_taken_away(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert len(figures(app)) == 2
    app.multiselect(key="demo-beside").set_value([THIRD_TEXT_RUN]).run()
    assert not app.exception and len(figures(app)) == 3
    assert app.session_state["selected"] == [THIRD_TEXT_RUN, TEXT_RUN]
    app.selectbox(key="demo-picker").set_value(IMAGE_RUN).run()
    assert not app.exception and not app.multiselect


def test_several_variants_race_and_each_has_its_sentences(open_page, answering):
    app = open_page(PAGE, selected=[OTHER_TEXT_RUN, TEXT_RUN])
    button(app, "Start: 1,000 requests each").click().run()
    race_to_its_end(app)
    assert [bar.proto.value for bar in app.get("progress")] == [100, 100, 100]
    assert words(app).count("**Measured:**") == words(app).count("**This race:**") == 2
    (order,) = [one.value for one in app.markdown if one.value.startswith("**Order of arrival:** 1. ")]
    seconds = [float(time) for time in re.findall(r", ([\d.]+) s", order)]
    assert len(seconds) == 3 and seconds == sorted(seconds) and all(f" {place}. " in order for place in (1, 2, 3))
    bars = [bar.proto.text for bar in app.get("progress")]
    assert sorted(seconds) == sorted(float(re.search(r"in ([\d.]+) s", bar)[1]) for bar in bars)


def test_a_race_does_not_ask_for_the_answers_again(open_page, answering, monkeypatch):
    asked, answer = [], demo.Demonstration.answer
    monkeypatch.setattr(
        demo.Demonstration, "answer", lambda shown, given: (asked.append(given), answer(shown, given))[1]
    )
    app = open_page(PAGE, selected=[TEXT_RUN])
    button(app, "Start: 1,000 requests each").click().run()
    race_to_its_end(app)
    assert len(asked) == 1
    button(app, "Ask all").click().run()
    assert len(asked) == 2


def test_the_runtime_begins_with_the_recipes_first_and_can_be_changed(open_page, both, place):
    pytest.importorskip("openvino")
    _measured_on(place / "home" / "runs" / TEXT_RUN, ["cpu-openvino-fp32", "cpu-onnxruntime"])
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert app.selectbox(key="demo-target").value == "cpu-openvino-fp32" and not app.error
    given = [app.text_area(key="demo-text").value]
    assert shares(app)[1] == pytest.approx(expected(both(TEXT_RUN)["variant"], given), abs=0.1)
    app.selectbox(key="demo-target").set_value("cpu-onnxruntime").run()
    assert not app.exception and len(figures(app)) == 2


def _measured_on(folder, targets):
    request = json.loads((folder / "request.json").read_text())
    request["recipe"]["targets"] = targets
    (folder / "request.json").write_text(json.dumps(request))


def test_a_runtime_that_the_variant_cannot_take_is_not_offered_and_says_why(open_page, place, answering):
    (place / "home" / "runs" / TEXT_RUN / "artefact" / "torch-unavailable.txt").write_text(
        "int8 works on the ONNX file"
    )
    app = open_page(PAGE, selected=[TEXT_RUN])
    offered = app.selectbox(key="demo-target").options
    assert "CPU, ONNX Runtime" in offered and not any("PyTorch" in title for title in offered)
    assert "Not on CPU, PyTorch; CPU, PyTorch in bf16" in words(app)


def test_why_a_variant_cannot_take_a_runtime_is_said_in_the_readers_language(open_page, place, answering):
    run = place / "home" / "runs" / TEXT_RUN
    reason = "PyTorch cannot load this file: int8-dynamic changes the exported ONNX graph only."
    (run / "artefact" / "torch-unavailable.txt").write_text(reason)
    (baseline_file(run).parent / "torch").mkdir()
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert any(one.value.endswith("changes the exported ONNX graph only.") for one in app.caption)
    app.selectbox(key="language").set_value("zh").run()
    assert any(one.value.endswith("只修改导出的 ONNX 计算图。") for one in app.caption)


def test_where_no_runtime_is_there_the_reason_is(open_page, answering, monkeypatch):
    monkeypatch.setattr(demo_choice.data, "missing", lambda target: "the package onnxruntime is not installed")
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert app.info[0].value == "The models cannot answer here: the package onnxruntime is not installed."


def test_confidences_can_be_saved_as_pictures(open_page, answering):
    app = open_page(PAGE, selected=[TEXT_RUN], **{"picture-format": "svg"})
    configs = [json.loads(chart.proto.config) for chart in app.get("plotly_chart")]
    assert [one["toImageButtonOptions"]["format"] for one in configs] == ["svg", "svg"]
    assert all(one.get("displayModeBar", True) for one in configs)


def test_on_a_first_start_a_recorded_variant_leaves_the_example_to_try(open_page, recorded):
    app = open_page(PAGE, selected=["recorded-0002"])
    assert button(app, "Re-run here") and button(app, "Try an example")


def test_who_has_runs_of_ones_own_needs_no_example(open_page, answering, recorded):
    app = open_page(PAGE, selected=["recorded-0002"])
    assert button(app, "Re-run here") and not any(one.label == "Try an example" for one in app.button)


def test_a_recorded_variant_can_be_run_again(open_page, recorded):
    app = open_page(PAGE, selected=["recorded-0002"])
    assert "its files are not" in app.info[0].value and button(app, "Re-run here")
    assert app.selectbox(key="demo-picker").value == "recorded-0002"


def test_an_artefact_that_is_gone(open_page, place, answering):
    (place / "home" / "runs" / TEXT_RUN / "artefact" / "model.onnx").unlink()
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert app.info[0].value.startswith("The files of this run are not") and button(app, "Re-run here")


def test_a_baseline_that_is_gone(open_page, both):
    shutil.rmtree(both(TEXT_RUN)["baseline"])
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert app.info[0].value.startswith("The uncompressed model of this run is not") and button(app, "Re-run here")


def test_a_broken_model_is_one_sentence(open_page, place, answering):
    (place / "home" / "runs" / TEXT_RUN / "artefact" / "model.onnx").write_bytes(b"not a model")
    app = open_page(PAGE, selected=[TEXT_RUN])
    assert len(app.error) == 1 and "run the recipe again" in app.error[0].value and figures(app) == []


def test_it_begins_with_the_newest_of_ones_own(open_page, answering, recorded):
    assert open_page(PAGE).selectbox(key="demo-picker").value == IMAGE_RUN


def test_the_uncompressed_model_is_not_offered(open_page, own):
    options = open_page(PAGE).selectbox(key="demo-picker").options
    assert len(options) == 14 and not any(option.startswith("baseline") for option in options)


def test_one_process_for_each_choice_and_only_a_few(open_page, answering, monkeypatch):
    closed = []
    close = demo.Demonstration.close

    def closing(one):
        closed.append(one.lineup.variants[0].parent.name)
        close(one)

    monkeypatch.setattr(demo.Demonstration, "close", closing)
    open_page(PAGE, selected=[TEXT_RUN])
    open_page(PAGE, selected=[TEXT_RUN])
    assert closed == []
    open_page(PAGE, selected=[OTHER_TEXT_RUN])
    open_page(PAGE, selected=[IMAGE_RUN])
    assert closed == [TEXT_RUN]
