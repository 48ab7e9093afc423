"""Presets: every wish is a recipe for every kind of model, and what is saved comes back as it was."""

from __future__ import annotations

import pytest

from explorer import presets
from explorer.errors import BadInput
from explorer.home import home
from explorer.recipe import Recipe
from explorer.technique import build

MODELS = {"text transformer": "minilm-tweets", "vision transformer": "vit-digits", "CNN": "cnn-digits"}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("wish", presets.WISHES, ids=lambda wish: wish.name)
def test_every_wish_is_a_recipe_for_every_kind(wish, kind) -> None:
    steps = presets.for_wish(wish, kind)
    assert Recipe(model=MODELS[kind], steps=tuple(steps)).steps
    assert all(kind in type(step).suits for step in steps)
    if wish.name == "lossless":
        assert not any("training" in type(step).needs for step in steps), "nothing lost is quick to have"


def test_what_is_saved_comes_back() -> None:
    steps = [build({"technique": "prune-magnitude", "sparsity": 0.35}), build({"technique": "int8-dynamic"})]
    presets.save("  My   <b>best</b> ", steps)
    presets.save("Another", steps[:1])
    another, mine = presets.saved()
    assert (another.title, mine.title) == ("Another", "My <b>best</b>")
    assert mine.built() == steps
    presets.delete(mine.name)
    assert [one.title for one in presets.saved()] == ["Another"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_bad_name_is_one_sentence(name: str) -> None:
    with pytest.raises(BadInput, match="1 to 60 letters"):
        presets.save(name, [build({"technique": "int8-dynamic"})])


def test_a_name_is_taken_once_and_steps_are_needed() -> None:
    presets.save("Mine", [build({"technique": "int8-dynamic"})])
    with pytest.raises(BadInput, match="'mine' already"):
        presets.save("mine", [build({"technique": "int8-dynamic"})])
    with pytest.raises(BadInput, match="one step or more"):
        presets.save("Empty", [])


def test_no_name_leads_out_of_the_folder_and_nonsense_is_passed_over() -> None:
    presets.save("../../evil", [build({"technique": "int8-dynamic"})])
    folder = home() / "presets"
    assert len(list(folder.iterdir())) == 1 and not list(home().parent.glob("evil*"))
    victim = home() / "victim.json"
    victim.write_text("{}")
    presets.delete("../victim")
    assert victim.exists()
    (folder / ("0" * 32 + ".json")).write_text("not json")
    (folder / ("1" * 32 + ".json")).write_text('{"name": "x", "steps": [{"technique": "gone"}]}')
    assert [one.title for one in presets.saved()] == ["../../evil"]
