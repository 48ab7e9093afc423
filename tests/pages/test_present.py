"""The Present page: stories are made from the current view or by hand, and shown step by step."""

import json

import pytest

from explorer import stories
from explorer.charts.style import INTERVAL
from explorer.conclusion import conclusion
from explorer.view import View
from tests.pages.conftest import button, words
from tests.support.counted import sample_counted
from tests.support.gpu_results import GPU_HOST, measured_on_gpu
from tests.support.sample_results import sample_runs, write_recorded, write_runs

PAGE = "9_Present"
TWEETS = View(models=("minilm-tweets",))


@pytest.fixture
def story(own):
    """Three steps: file size with a variant lit up, latency, and one whose run is gone."""
    made = [
        stories.step(title="Smaller *now*", sentence="Less & less.", view=TWEETS, runs=["sample-0002"]),
        stories.step(title="Faster", view=TWEETS.model_copy(update={"x": "latency", "runtime": "torch", "batch": 8})),
        stories.step(title="Gone", runs=["nobody"]),
    ]
    stories.save(stories.story("Talk", made))
    return made


def figure_of(app):
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def show(open_page, **query):
    return open_page(PAGE, query={"story": "Talk", **query})


def test_nothing_to_present_yet(open_page):
    app = open_page(PAGE)
    assert "Compress a model first" in words(app) and button(app, "Compress a model")


def test_without_a_story_it_says_what_to_do(open_page, own):
    assert "choose a view on Trade-offs" in words(open_page(PAGE))


def test_the_current_view_becomes_a_story(open_page, own):
    app = open_page(
        "3_Trade_offs",
        selected=["sample-0001", "sample-0002"],
        x="latency",
        y="difference",
        model=["minilm-tweets"],
        batch=8,
    )
    app.switch_page(f"pages/{PAGE}.py").run()
    assert not app.exception
    app.text_input(key="story-name").set_value("My talk")
    app.text_input(key="step-title").set_value("First")
    app.text_area(key="step-sentence").set_value("Look here.")
    button(app, "Add this view").click().run()
    assert not app.exception and not app.error
    (step,) = stories.load("My talk").steps
    assert (step.title, step.sentence) == ("First", "Look here.")
    assert step.view == TWEETS.model_copy(update={"x": "latency", "y": "difference", "batch": 8})
    assert step.runs == ("sample-0001", "sample-0002")
    assert app.selectbox(key="told").value == "My talk" and app.text_input(key="step-title").value == ""
    assert "**1. First**" in words(app)


def test_a_step_is_made_by_hand(open_page, story):
    app = open_page(PAGE, told="Talk")
    app.text_input(key="step-title").set_value("By hand")
    app.selectbox(key="step-x").set_value("speedup")
    app.selectbox(key="step-where").set_value("joined")
    app.selectbox(key="step-runtime").set_value("torch")
    app.selectbox(key="step-budget-lost").set_value("2")
    app.selectbox(key="step-budget-speed").set_value("1.5")
    app.selectbox(key="step-budget-on").set_value("cpu-onnxruntime")
    app.selectbox(key="step-estimate").set_value("apple-m2")
    app.multiselect(key="step-left-out").set_value(["family:pruning", "family:baseline"])
    app.multiselect(key="step-runs").set_value(["sample-0005"])
    app.run()
    said = words(app)
    for part in (
        "against speed-up · Joined, PyTorch",
        "Left out: Pruning, Baseline.",
        "Estimated for Apple M2",
        "2 points",
    ):
        assert part in said
    button(app, "Add this view").click().run()
    step = stories.load("Talk").steps[-1]
    assert (step.title, step.runs) == ("By hand", ("sample-0005",)) and len(stories.load("Talk").steps) == 4
    assert step.view == View(
        models=step.view.models, x="speedup", devices=("cpu", "cuda"), joined=True, runtime="torch", lost_points=2,
        speedup=1.5, fast_on="cpu-onnxruntime", estimate="apple-m2", left_out=("family:pruning", "family:baseline"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "devices"),
    [
        ("cpu", {}),
        ("gpu", {"devices": ("cuda",)}),
        ("both", {"devices": ("cpu", "cuda")}),
        ("joined", {"devices": ("cpu", "cuda"), "joined": True}),
    ],
)
def test_a_step_keeps_all_that_trade_offs_shows(open_page, story, where, devices):
    given = {"where": where, "budget-lost": "2", "budget-file": "50", "budget-speed": "1.5", "budget-on": "cpu-torch",
             "estimate": "apple-m2", "left-out": "family:distillation", "length": "128"}  # fmt: skip
    app = open_page("3_Trade_offs", query={**given, "told": "Talk", "model": "minilm-tweets"})
    app.session_state["told"] = "Talk"
    app.switch_page(f"pages/{PAGE}.py").run()
    app.text_input(key="step-title").set_value("All of it")
    button(app, "Add this view").click().run()
    assert not app.exception and not app.error
    kept = stories.load("Talk").steps[-1].view
    assert kept == View(
        models=("minilm-tweets",), lost_points=2, file_mb=50, speedup=1.5, fast_on="cpu-torch", estimate="apple-m2",
        left_out=("family:distillation",), length=kept.length, **devices,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "title", "sentence"),
    [("../up", "One", "A story's name has 1 to 50 letters"), ("fine", " ", "A step of a story needs a title")],
)
def test_nonsense_is_one_sentence_and_keeps_nothing(open_page, own, name, title, sentence):
    app = open_page(PAGE)
    app.text_input(key="story-name").set_value(name)
    app.text_input(key="step-title").set_value(title)
    button(app, "Add this view").click().run()
    (error,) = app.error
    assert error.value.startswith(sentence) and not app.exception
    assert stories.names() == []


def test_steps_are_moved_and_taken_out(open_page, story):
    app = open_page(PAGE, told="Talk")
    button(app, "Move 2 up").click().run()
    assert [step.title for step in stories.load("Talk").steps] == ["Faster", "Smaller *now*", "Gone"]
    button(app, "Remove 3").click().run()
    assert [step.title for step in stories.load("Talk").steps] == ["Faster", "Smaller *now*"]
    assert "Smaller \\*now\\*" in words(app)


def test_a_step_is_edited_in_its_place(open_page, story):
    app = open_page(PAGE, told="Talk")
    button(app, "Edit 2").click().run()
    assert app.text_input(key="edit-title").value == "Faster"
    assert (app.selectbox(key="edit-0-x").value, app.number_input(key="edit-0-batch").value) == ("latency", 8)
    assert button(app, "Edit 1").disabled and button(app, "Move 1 down").disabled, "what was typed would be lost"
    app.text_input(key="edit-title").set_value("Much faster")
    app.text_area(key="edit-sentence").set_value("Look.")
    app.selectbox(key="edit-0-x").set_value("speedup")
    button(app, "Save the step").click().run()
    assert not app.exception and not app.error and "edit-title" not in [one.key for one in app.text_input]
    first, second, third = stories.load("Talk").steps
    assert (first, third) == (story[0], story[2])
    assert (second.title, second.sentence) == ("Much faster", "Look.")
    assert second.view == story[1].view.model_copy(update={"x": "speedup"})


def test_what_a_step_names_stays_though_it_is_gone(open_page, story):
    app = open_page(PAGE, told="Talk")
    button(app, "Edit 3").click().run()
    button(app, "Save the step").click().run()
    assert stories.load("Talk").steps[2] == story[2]


def test_a_step_takes_what_trade_offs_shows_now_and_keeps_its_words(open_page, story):
    app = open_page("3_Trade_offs", selected=["sample-0005"], y="difference", model=["minilm-tweets"], batch=1)
    app.session_state["told"] = "Talk"
    app.switch_page(f"pages/{PAGE}.py").run()
    button(app, "Edit 2").click().run()
    app.text_input(key="edit-title").set_value("Again")
    button(app, "Take what Trade-offs shows").click().run()
    assert app.selectbox(key="edit-1-y").value == "difference" and app.text_input(key="edit-title").value == "Again"
    button(app, "Save the step").click().run()
    step = stories.load("Talk").steps[1]
    assert (step.title, step.runs) == ("Again", ("sample-0005",))
    assert step.view == TWEETS.model_copy(update={"y": "difference"})


def test_a_step_that_is_edited_can_be_left_as_it_was(open_page, story):
    app = open_page(PAGE, told="Talk")
    button(app, "Edit 1").click().run()
    app.text_input(key="edit-title").set_value("No")
    button(app, "Cancel").click().run()
    assert list(stories.load("Talk").steps) == story and not button(app, "Edit 1").disabled
    button(app, "Edit 1").click().run()
    assert app.text_input(key="edit-title").value == "Smaller *now*"
    app.text_input(key="edit-title").set_value(" ")
    button(app, "Save the step").click().run()
    assert (
        app.error[0].value.startswith("A step of a story needs a title") and list(stories.load("Talk").steps) == story
    )


def test_a_story_is_deleted(open_page, story):
    app = open_page(PAGE, told="Talk")
    button(app, "Yes, delete it").click().run()
    assert not app.exception and stories.names() == []


def test_the_link_for_guests(open_page, story):
    app = open_page(PAGE, told="Talk")
    assert app.code[0].value.endswith("?story=Talk&step=1&view=1")
    said = next(caption.value for caption in app.caption if "docs/team.md" in caption.value)
    assert "forbids nothing" in said, "beside the link itself"
    app = open_page(PAGE, told="Talk", language="zh")
    assert app.code[0].value.endswith("?story=Talk&step=1&lang=zh&view=1")


def test_present_begins_with_the_first_step(open_page, story):
    app = open_page(PAGE, told="Talk")
    button(app, "Present").click().run()
    assert app.header[0].value == "Smaller \\*now\\*"
    assert app.query_params["story"] in ("Talk", ["Talk"])


def test_a_step_shows_its_chart_and_conclusion(open_page, story, own):
    app = show(open_page)
    assert app.header[0].value == "Smaller \\*now\\*" and "Less & less." in words(app)
    said = conclusion(own[2].result, "cpu-onnxruntime", 1)
    assert f"int8-dynamic: {said}" in words(app).replace("\\", "")
    figure = figure_of(app)
    assert figure["layout"]["xaxis"]["title"]["text"].startswith("File size")
    runs = {point[0] for trace in figure["data"] for point in trace.get("customdata") or ()}
    assert runs == {f"sample-000{number}" for number in range(8)}, "only the step's model"


@pytest.fixture
def twins(place):
    """Eight runs measured here, three of them recorded on a GPU under other names."""
    write_runs(place / "home" / "runs", sample_runs(8))
    recorded = sample_runs(3, recorded=True, host=GPU_HOST)
    write_recorded(place / "recorded", [measured_on_gpu(run, beside_cpu=False) for run in recorded])


def present(open_page, **view):
    """The page while it shows a step of this view, and the targets of the marks on each of its charts."""
    made = stories.step(title="One", view=TWEETS.model_copy(update=view), runs=["sample-0002"])
    stories.save(stories.story("Talk", [made]))
    app = show(open_page)
    return app, [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def drawn(figure):
    """The runs that have marks on a figure."""
    return {point[0] for trace in figure["data"] for point in trace.get("customdata") or ()}


def test_two_panels_are_presented_as_two(open_page, twins):
    _, (cpu, gpu) = present(open_page, devices=("cpu", "cuda"))
    assert {f"sample-000{number}" for number in range(8)} == drawn(cpu)
    assert {f"recorded-000{number}" for number in range(1, 3)} < drawn(gpu) and not drawn(gpu) & drawn(cpu)
    assert cpu["layout"]["yaxis"]["range"] == gpu["layout"]["yaxis"]["range"]


def test_the_joined_panel_is_presented_joined(open_page, twins):
    _, (both,) = present(open_page, devices=("cpu", "cuda"), joined=True)
    assert {"sample-0002", "recorded-0002"} < drawn(both)
    assert "CPU and GPU" in both["layout"]["title"]["subtitle"]["text"]


def test_a_device_without_marks_says_why_while_it_is_presented(open_page, own):
    app, (cpu,) = present(open_page, devices=("cpu", "cuda"))
    assert drawn(cpu) and "Not measured: no NVIDIA GPU was found on this machine." in words(app)


def test_a_budget_greys_marks_and_names_the_best_and_what_is_left_out_is_not_drawn(open_page, own):
    app, (figure,) = present(open_page, lost_points=4.2, file_mb=60.0, left_out=("family:distillation",))
    away = {run.run for run in own if run.families == ("distillation",)}
    assert away and not away & drawn(figure)
    edges = {edge for one in figure["data"] if one.get("customdata") for edge in one["marker"]["line"]["color"]}
    assert INTERVAL["light"] in edges
    said = words(app)
    assert "Grey marks break the budget: at most 4.2 points of accuracy lost; a file of at most 60 MB." in said
    assert "4 of 6 variants fit; most accurate " in said


def test_estimates_are_presented_beside_what_was_measured(open_page, place):
    write_runs(place / "home" / "runs", sample_counted(8))
    _, (measured, foreseen) = present(open_page, x="latency", estimate="apple-m2")
    assert "Apple M2" in foreseen["layout"]["title"]["subtitle"]["text"]
    assert drawn(foreseen) and "Apple M2" not in measured["layout"]["title"]["subtitle"]["text"]


def test_next_and_back(open_page, story):
    app = show(open_page)
    assert button(app, "Back").disabled and not button(app, "Next").disabled
    button(app, "Next").click().run()
    assert app.header[0].value == "Faster" and "2 of 3" in words(app)
    assert "PyTorch" in figure_of(app)["layout"]["title"]["subtitle"]["text"]
    button(app, "Next").click().run()
    assert app.header[0].value == "Gone" and button(app, "Next").disabled
    assert "This variant is not here any more" in words(app)
    button(app, "Back").click().run()
    assert app.header[0].value == "Faster"


def test_a_link_opens_a_step(open_page, story):
    assert show(open_page, step="2").header[0].value == "Faster"
    assert show(open_page, step="99").header[0].value == "Gone"


def test_keys_turn_the_pages(open_page, story):
    app = show(open_page, step="2")
    keys = {one.label: one.proto.shortcut for one in app.button if one.proto.shortcut}
    assert keys == {"Back": "left", "Next": "right", "End": "escape"}


def test_a_guest_sees_the_story_and_nothing_else(open_page, story):
    app = show(open_page, step="2", view="1")
    assert [one.label for one in app.button] == ["Back", "Next"]
    assert not app.main.selectbox and not app.main.text_input and not app.main.multiselect
    assert 'stSidebar"]' in styles(app) and "animation: leave 0.01s 0s forwards" in styles(app)


def test_the_presenter_can_end_it(open_page, story):
    app = show(open_page, step="2")
    button(app, "End").click().run()
    assert not app.exception and app.selectbox(key="told")
    assert "story" not in app.query_params


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Nothing", "There is no story 'Nothing'; known are 'Talk'."),
        ("../../etc/passwd", "A story's name has 1 to 50 letters"),
    ],
)
@pytest.mark.parametrize("way", ["All stories", "Overview"])
def test_an_unknown_story_is_one_sentence_with_ways_out(open_page, story, name, sentence, way):
    app = open_page(PAGE, query={"story": name, "step": "1"})
    assert app.error[0].value.startswith(sentence)
    button(app, way).click().run()
    assert not app.exception and not app.error and "story" not in app.query_params
    assert app.title[0].value == ("Present" if way == "All stories" else "Compression Explorer")


def test_a_story_that_is_deleted_while_it_is_presented_says_so(open_page, story):
    app = show(open_page)
    stories.delete("Talk")
    button(app, "Next").click().run()
    assert app.error[0].value == "There is no story 'Talk'; known are none yet." and not app.header
    button(app, "All stories").click().run()
    assert not app.error and app.selectbox(key="told").value is None


@pytest.mark.parametrize("name", ["Nothing", "Empty", "../../etc/passwd"])
def test_a_guest_whose_story_is_not_there_gets_one_sentence_and_no_names(open_page, story, name):
    stories.save(stories.story("Empty", []))
    app = open_page(PAGE, query={"story": name, "step": "1", "view": "1"})
    assert not app.error and not app.main.button
    assert [one.value for one in app.main.markdown][-1].startswith("This story is not here any more")
    assert "Talk" not in words(app)
    assert 'stSidebar"]' in "".join(one.proto.body for one in app.get("html"))


def font(app):
    return figure_of(app)["layout"]["title"]["font"]["size"]


def styles(app):
    return "".join(one.proto.body for one in app.get("html"))


def test_the_presenter_chooses_the_size_of_the_type_and_the_address_keeps_it(open_page, story):
    app = show(open_page)
    assert font(app) == 21 and "--type: 1;" in styles(app)
    button(app, "Type: normal").click().run()
    assert app.query_params["type"] in ("large", ["large"]) and font(app) == 26 and "--type: 1.25;" in styles(app)
    button(app, "Next").click().run()
    button(app, "Type: large").click().run()
    assert font(app) == 32 and "--type: 1.5;" in styles(app)
    button(app, "End").click().run()
    assert "type" not in app.query_params
    assert app.code[0].value.endswith("?story=Talk&step=1&type=largest&view=1"), "guests see it as it was presented"
    button(app, "Present").click().run()
    assert font(app) == 32
    button(app, "Type: very large").click().run()
    assert font(app) == 21


def test_an_address_says_the_size_for_guests_and_one_that_there_is_not_is_normal(open_page, story):
    guests = show(open_page, view="1", type="largest")
    assert font(guests) == 32 and [one.label for one in guests.button] == ["Back", "Next"]
    assert font(show(open_page, type="giant")) == 21


def test_what_cannot_be_drawn_says_why(open_page, own):
    stories.save(stories.story("GPU", [stories.step(title="On a GPU", target="cuda-onnxruntime")]))
    app = open_page(PAGE, query={"story": "GPU"})
    assert "no NVIDIA GPU was found on this machine" in words(app)


def test_a_story_without_steps_says_so(open_page, own):
    stories.save(stories.story("Empty", []))
    app = open_page(PAGE, query={"story": "Empty"})
    assert "no steps yet" in words(app)
    button(app, "All stories").click().run()
    assert app.selectbox(key="told").value == "Empty"


def test_the_presenter_saves_the_chart_and_a_guest_has_no_button(open_page, story):
    def config(**query):
        return json.loads(show(open_page, **query).get("plotly_chart")[0].proto.config)

    mine = config()
    assert (mine["displayModeBar"], mine["modeBarButtons"]) == ("hover", [["toImage"]])
    assert config(view="1")["displayModeBar"] is False
