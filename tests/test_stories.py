"""Stories: what a step may say, names that are no paths, files that appear whole."""

import json

import pytest

from explorer import stories
from explorer.errors import BadInput
from explorer.measure.devices import devices
from explorer.stories import Step, Story
from explorer.view import View


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "stories"


def steps(*titles):
    return tuple(stories.step(title=title) for title in titles)


def test_a_story_comes_back_as_it_was(folder):
    one = stories.step(
        title="  Smaller ",
        sentence="Half of it is gone.",
        view=View(
            models=("vit-digits",),
            families=("pruning",),
            studies=("mine",),
            x="latency",
            y="difference",
            size="parameters",
            log_x=True,
            devices=("cpu", "cuda"),
            joined=True,
            runtime="torch",
            batch=8,
            length="128",
            left_out=("family:baseline", "model:a: b", "size:file_size:2.5..40"),
            estimate=next(iter(devices())),
            lost_points=1,
            file_mb=2.5,
            speedup=1.5,
            fast_on="cuda-torch",
        ),
        runs=["a", "b"],
    )
    stories.save(stories.story("My  talk", [one]))
    assert [path.name for path in folder.iterdir()] == ["My talk.json"]
    read = stories.load("My talk")
    assert read == Story(name="My talk", steps=(one,))
    assert (read.steps[0].title, read.steps[0].runs, read.steps[0].view.batch) == ("Smaller", ("a", "b"), 8)


FORMER = {
    "title": "Smaller", "sentence": "S", "models": ["m"], "families": ["pruning"], "studies": [], "x": "latency",
    "y": "difference", "size": "none", "log_x": True, "log_y": False, "target": "cpu-torch-bf16", "batch": 8,
    "length": "128", "runs": ["r"],
}  # fmt: skip
"""A step as version 0.3 wrote it."""


def test_a_story_of_a_former_version_is_read(folder):
    folder.mkdir(parents=True)
    (folder / "Old.json").write_text(json.dumps({"name": "Old", "steps": [FORMER, {"title": "Short"}]}))
    view = View(
        models=("m",), families=("pruning",), x="latency", y="difference", log_x=True, runtime="torch-bf16", batch=8,
        length="128",
    )  # fmt: skip
    assert stories.load("Old").steps == (
        Step(title="Smaller", sentence="S", view=view, runs=("r",)),
        Step(title="Short"),
    )
    assert view.targets == ("cpu-torch-bf16",)


def test_stories_are_listed_and_forgotten(folder):
    for name in ("zebra", "Ärger 2", "apple"):
        stories.save(stories.story(name, steps("one")))
    (folder / "no.story.json").write_text("{}")
    (folder / "other.txt").write_text("")
    assert stories.names() == ["apple", "zebra", "Ärger 2"]
    stories.delete("zebra")
    stories.delete("zebra")
    assert stories.names() == ["apple", "Ärger 2"]


@pytest.mark.parametrize(
    "name",
    ["", " ", "..", ".", "../up", "a/b", "a\\b", "/etc/passwd", "a.b", ".hidden", "-x", "x" * 51, "a\0b", "a\nb/c"],
)
def test_no_name_leads_out_of_the_folder(name, tmp_path):
    for use in (stories.load, stories.delete, lambda n: stories.story(n, []), lambda n: stories.new(n, steps("a")[0])):
        with pytest.raises(BadInput, match="A story's name has 1 to 50 letters"):
            use(name)
    assert not list(tmp_path.rglob("*.json"))


def test_a_name_that_is_taken_is_refused_for_a_new_story():
    stories.save(stories.new("Talk", steps("one")[0]))
    with pytest.raises(BadInput, match="There is a story called 'talk' already"):
        stories.new("talk", steps("two")[0])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": "x" * 121}, "'title': "),
        ({"sentence": "x" * 601}, "'sentence': "),
        ({"view": {"x": "nonsense"}}, "'view.x': there is no quantity 'nonsense'"),
        ({"view": {"size": "big"}}, "'view.size': there is no quantity 'big'"),
        ({"target": "moon-torch"}, "'view.devices.0': "),
        ({"target": "cpu-moon"}, "'view.runtime': there is no runtime 'moon'; known are onnxruntime"),
        ({"view": {"devices": []}}, "'view.devices': "),
        ({"view": {"batch": 0}}, "'view.batch': "),
        ({"view": {"batch": "many"}}, "'view.batch': "),
        ({"view": {"lost_points": -1}}, "'view.lost_points': "),
        ({"view": {"fast_on": "moon"}}, "'view.fast_on': There is no target 'moon'"),
        ({"view": {"estimate": "abacus"}}, "'view.estimate': There is no device 'abacus'"),
        ({"view": {"left_out": ["family:none"]}}, "'view.left_out': 'family:none' cannot be left out"),
        ({"runs": ["x" * 201]}, "'runs.0': "),
        ({"more": 1}, "'view.more': "),
    ],
)
def test_nonsense_is_one_sentence(fields, sentence):
    with pytest.raises(BadInput) as caught:
        stories.step(**{"title": "One", **fields})
    assert str(caught.value).startswith(f"This is not a step of a story: {sentence}")
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"name": "a", "steps": [{"title": "t", "x": "q"}]}',
        '{"name": "a", "steps": [1]}',
        "\xff",
    ],
)
def test_a_file_that_is_no_story_is_one_sentence(folder, content):
    folder.mkdir(parents=True)
    (folder / "broken.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match="The file of the story 'broken' cannot be read") as caught:
        stories.load("broken")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(folder):
    folder.mkdir(parents=True)
    (folder / "large.json").write_bytes(b" " * 1_000_001)
    with pytest.raises(BadInput, match="larger than 1,000,000 bytes"):
        stories.load("large")


def test_an_unknown_story_names_the_known_ones():
    stories.save(stories.story("one", steps("a")))
    with pytest.raises(BadInput, match="There is no story 'two'; known are 'one'"):
        stories.load("two")


def test_a_file_is_called_what_its_story_is(folder):
    stories.save(stories.story("one", steps("a")))
    (folder / "one.json").rename(folder / "two.json")
    assert stories.load("two").name == "two"


def test_steps_are_added_moved_and_taken_out():
    one = stories.story("s", steps("a", "b", "c"))
    titles = lambda story: [step.title for step in story.steps]  # noqa: E731
    assert titles(one.moved(0, 1)) == ["b", "a", "c"]
    assert titles(one.moved(2, 1)) == ["a", "c", "b"]
    assert titles(one.moved(0, -1)) == ["a", "b", "c"]
    assert titles(one.without(1)) == ["a", "c"]
    assert titles(one.with_step(steps("d")[0])) == ["a", "b", "c", "d"]
    assert titles(one.replaced(1, steps("d")[0])) == ["a", "d", "c"]


def test_a_story_has_an_end():
    with pytest.raises(BadInput, match="at most 40 steps; given were 41"):
        stories.story("s", steps(*["a"] * 40)).with_step(steps("b")[0])


@pytest.mark.parametrize(
    ("text", "place"),
    [(None, 1), ("", 1), ("2", 2), ("3", 3), ("0", 1), ("4", 3), ("-1", 1), ("x", 1), ("²", 1), ("9" * 50, 1)],
)
def test_an_address_asks_for_a_step_that_is_there(text, place):
    assert stories.place_of(text, 3) == place


def test_a_story_is_plain_json(folder):
    stories.save(stories.story("s", steps("a")))
    fields = json.loads((folder / "s.json").read_text())
    assert (
        fields["name"] == "s" and fields["steps"][0]["title"] == "a" and fields["steps"][0]["view"]["x"] == "file_size"
    )


def test_a_step_without_a_title_is_one_sentence():
    with pytest.raises(BadInput, match="A step of a story needs a title; given was none"):
        stories.step(title=" ")
