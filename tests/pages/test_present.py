"""The Present page: stories are made from the current view or by hand, and shown step by step."""

import json

import pytest

from explorer import stories
from explorer.conclusion import conclusion
from tests.pages.conftest import button, words

PAGE = "9_Present"


@pytest.fixture
def story(own):
    """Three steps: file size with a variant lit up, latency, and one whose run is gone."""
    made = [
        stories.step(title="Smaller *now*", sentence="Less & less.", models=["minilm-tweets"], runs=["sample-0002"]),
        stories.step(title="Faster", models=["minilm-tweets"], x="latency", target="cpu-torch", batch=8),
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
    assert (step.x, step.y, step.batch, step.target) == ("latency", "difference", 8, "cpu-onnxruntime")
    assert (step.models, step.runs) == (("minilm-tweets",), ("sample-0001", "sample-0002"))
    assert app.selectbox(key="told").value == "My talk" and app.text_input(key="step-title").value == ""
    assert "**1. First**" in words(app)


def test_a_step_is_made_by_hand(open_page, story):
    app = open_page(PAGE, told="Talk")
    app.text_input(key="step-title").set_value("By hand")
    app.selectbox(key="step-x").set_value("speedup")
    app.selectbox(key="step-target").set_value("cpu-torch")
    app.multiselect(key="step-runs").set_value(["sample-0005"])
    app.run()
    assert "Speed-up" in words(app) or "speed-up" in words(app)
    button(app, "Add this view").click().run()
    step = stories.load("Talk").steps[-1]
    assert (step.title, step.x, step.target, step.runs) == ("By hand", "speedup", "cpu-torch", ("sample-0005",))
    assert len(stories.load("Talk").steps) == 4


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
    assert second == story[1].model_copy(update={"title": "Much faster", "sentence": "Look.", "x": "speedup"})


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
    assert (step.title, step.x, step.y, step.batch, step.runs) == (
        "Again",
        "file_size",
        "difference",
        1,
        ("sample-0005",),
    )


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
    assert 'stSidebar"]' in styles(app) and ".st-key-steps { opacity: 0" in styles(app)


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
