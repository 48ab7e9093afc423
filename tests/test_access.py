"""A guest changes nothing, whatever page or function is tried; who launched what is written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from explorer import access, housekeeping, importing, jobs, presets, stories, studies
from explorer.errors import BadInput
from explorer.home import runs_folder
from explorer.recipe import Recipe
from explorer.studies import files
from explorer.technique import build

STEP = build({"technique": "int8-dynamic"})
RECIPE = Recipe(model="cnn-digits", steps=(STEP,), targets=("cpu-onnxruntime",))
CHANGES = {
    "submit": lambda: jobs.submit(RECIPE),
    "cancel": lambda: jobs.cancel("20260101-000000-abcdef"),
    "delete": lambda: jobs.delete("20260101-000000-abcdef"),
    "move": lambda: jobs.move("20260101-000000-abcdef", "first"),
    "preset": lambda: presets.save("Mine", [STEP]),
    "preset away": lambda: presets.delete("0" * 32),
    "pause": lambda: jobs.pause("20260101-000000-abcdef"),
    "resume": lambda: jobs.resume("20260101-000000-abcdef"),
    "pause the queue": jobs.pause_queue,
    "resume the queue": jobs.resume_queue,
    "describe": lambda: studies.describe("mine", "Widths"),
    "archive": lambda: studies.archive("mine"),
    "duplicate": lambda: studies.duplicate("mine", "another"),
    "import": lambda: files.import_study(Path("x.zip")),
    "remove": lambda: housekeeping.remove_artefacts(["x"]),
    "restore": lambda: housekeeping.restore("x"),
    "trash": lambda: housekeeping.empty_trash(),
    "cache": lambda: housekeeping.empty_cache(),
    "story": lambda: stories.delete("Mine"),
    "measurements": lambda: importing.take_in(None),
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(access, "_asked", [access.Visitor])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_guest_changes_nothing(change, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    with pytest.raises(BadInput, match="for looking only"):
        change()
    monkeypatch.delenv("EXPLORER_VIEW_ONLY")
    access.follow(lambda: access.logged_in(None))
    with pytest.raises(BadInput, match="for looking only"):
        change()
    assert not list(runs_folder().iterdir())


def test_editors_are_those_that_are_listed(monkeypatch) -> None:
    assert access.logged_in("a@b.c") == access.Visitor("a@b.c")
    monkeypatch.setenv("EXPLORER_EDITORS", "Boss@b.c, me@b.c")
    assert access.logged_in("a@b.c").guest and not access.logged_in("boss@b.c").guest


def test_who_launched_what_is_written_down(monkeypatch) -> None:
    access.follow(lambda: access.Visitor("a@b.c"))
    run, _ = jobs.enqueue(RECIPE)
    assert json.loads((runs_folder() / run / "request.json").read_text())["by"] == "a@b.c"
