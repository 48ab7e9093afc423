"""A guest changes nothing, whatever page or function is tried; who launched what is written down."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from explorer import access, cli, housekeeping, importing, jobs, presets, remeasure, stories, studies, verify
from explorer.anatomy import background, own
from explorer.errors import BadInput
from explorer.home import home, runs_folder
from explorer.jobs import foreground
from explorer.measure import elsewhere
from explorer.recipe import Recipe
from explorer.store import Store
from explorer.studies import files
from explorer.technique import build

STEP = build({"technique": "int8-dynamic"})
RECIPE = Recipe(model="cnn-digits", steps=(STEP,), targets=("cpu-onnxruntime",))
RUN = "20260101-000000-abcdef"
CHECKED = own.Own(
    model="/models/mine",
    data="/data/tweets.csv",
    description="",
    kind="text",
    model_kind="text transformer",
    task="tweets",
    labels=("bad", "good"),
    parameters=1,
    splits={},
    checked_at="2026-01-01T00:00:00+00:00",
)
CHANGES = {
    jobs.submit: [RECIPE],
    jobs.enqueue: [RECIPE],
    jobs.cancel: [RUN],
    jobs.retry: [RUN],
    jobs.delete: [RUN],
    jobs.move: [RUN, "first"],
    jobs.pause: [RUN],
    jobs.resume: [RUN],
    jobs.pause_queue: [],
    jobs.resume_queue: [],
    jobs.ensure_supervisor: [],
    foreground.run_here: [RUN, print],
    verify.verify: [RUN, print],
    remeasure.measure_run: [Path(RUN), print],
    remeasure.measure_bundle: [Path("bundle"), print],
    importing.take_in: [None],
    presets.save: ["Mine", [STEP]],
    presets.delete: ["0" * 32],
    stories.save: [None],
    stories.delete: ["Mine"],
    studies.describe: ["mine", "Widths"],
    studies.archive: ["mine"],
    studies.duplicate: ["mine", "another"],
    files.import_study: [Path("x.zip")],
    housekeeping.remove_artefacts: [["x"]],
    housekeeping.restore: ["x"],
    housekeeping.empty_trash: [],
    housekeeping.empty_cache: [],
    housekeeping.delete_artefacts: [["run"]],
    own.remember: [CHECKED],
    own.forget: ["/models/mine", "/data/tweets.csv"],
    background.start: ["heads", "x", "explorer", []],
    background.stop: ["heads", "x"],
    Store.reindex: [None],
}
"""Every function that launches, stops, keeps or removes something, with what it is given."""
LOOKS = {
    # a guest's look carries nothing on, see below
    jobs: "active await_ends carry_on events log_text run_folder why_not_moved why_not_paused",
    foreground: "",
    verify: "accuracy_checks agrees computer_checks file_checks latency_checks lines rebuild_checks",
    remeasure: "answers is_bundle",
    importing: "reported",
    presets: "for_wish saved",
    stories: "checked_name load names new place_of step story",
    studies: "archived changed check_name in_sight study",
    files: "export_study",
    housekeeping: "check_space disk_use in_trash model_file_bytes removable restorable restorable_files",
    own: "full_paths name_of now remembered",
    background: "look serve",  # what a started process serves, somebody was allowed to start
}
"""The other public functions of the same modules."""
COMMANDS_THAT_CHANGE = {
    "run": ["recipe.yaml"],
    "submit": ["recipe.yaml"],
    "cancel": [RUN],
    "pause": [],
    "resume": [],
    "retry": [RUN],
    "move": [RUN],
    "clean": ["--days", "0"],
    "restore": [RUN],
    "delete": [RUN],
    "describe-study": ["mine", "Widths"],
    "archive-study": ["mine"],
    "duplicate-study": ["mine", "another"],
    "import-study": ["x.zip"],
    "import-measurements": ["x.json"],
    "measure": [RUN],
    "verify": [RUN, "--rebuild"],
    "reindex": [],
}
COMMANDS_THAT_LOOK = {
    "models": [],
    "techniques": [],
    "targets": [],
    "runs": [],
    "logs": [RUN],
    "disk": [],
    "trash": [],
    "front": [],
    "results": [],
    "export": [RUN, "--to", "bundle"],
    "export-bundles": ["--study", "mine", "--to", "mine.zip"],
    "export-study": ["mine", "--to", "mine.zip"],
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(access, "_asked", [access.Visitor])


@pytest.fixture
def run():
    """A run that failed, of the study 'mine'; gives all files of the home but the index."""
    folder = runs_folder() / RUN
    folder.mkdir()
    request = {
        "run": RUN,
        "recipe": RECIPE.plain(),
        "digest": "d",
        "study": "mine",
        "created_at": "2026-01-01T00:00:00",
    }
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "events.jsonl").write_text('{"kind": "state", "state": "failed"}')
    (folder / "artefact").mkdir()

    def found() -> dict[Path, float]:
        files = (path for path in home().rglob("*") if not path.name.startswith("index.sqlite"))
        return {path: path.stat().st_mtime_ns for path in files}

    return found


def _name(function) -> str:
    return f"{function.__module__.removeprefix('explorer.')}.{function.__name__}"


@pytest.mark.parametrize(("change", "given"), CHANGES.items(), ids=map(_name, CHANGES))
def test_a_guest_changes_nothing(change, given, monkeypatch) -> None:
    given = [Store() if one is None and change == Store.reindex else one for one in given]
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    with pytest.raises(BadInput, match="for looking only"):
        change(*given)
    monkeypatch.delenv("EXPLORER_VIEW_ONLY")
    access.follow(lambda: access.logged_in(None))
    with pytest.raises(BadInput, match="for looking only"):
        change(*given)
    assert not list(runs_folder().iterdir())


@pytest.mark.parametrize("module", LOOKS, ids=lambda module: module.__name__)
def test_every_public_function_is_known_to_change_something_or_not(module) -> None:
    public = {
        name
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == {f.__name__ for f in CHANGES if f.__module__ == module.__name__} | set(LOOKS[module].split())


def test_every_command_is_known_to_change_something_or_not() -> None:
    names = {one.name or one.callback.__name__.replace("_", "-") for one in cli.app.registered_commands}
    assert names == set(COMMANDS_THAT_CHANGE) | set(COMMANDS_THAT_LOOK)


@pytest.mark.parametrize(("command", "given"), [*COMMANDS_THAT_CHANGE.items(), *COMMANDS_THAT_LOOK.items()])
def test_no_command_changes_anything_for_a_guest(command, given, run, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(RECIPE.to_yaml())
    monkeypatch.setattr(elsewhere, "read", lambda file: None)
    Store().runs()
    before = run()
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    status = cli.main([command, *given])
    said = capsys.readouterr().err
    assert run() == before
    assert (access.LOOKING_ONLY in said and status == 2) == (command in COMMANDS_THAT_CHANGE), said


def test_a_guest_s_look_carries_nothing_on(run, monkeypatch) -> None:
    (runs_folder() / RUN / "events.jsonl").unlink()  # now it is queued
    started = []
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: started.append(1))
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    jobs.carry_on()
    assert cli.main(["runs"]) == 0
    assert not started
    monkeypatch.delenv("EXPLORER_VIEW_ONLY")
    jobs.carry_on()
    assert started


def test_editors_are_those_that_are_listed(monkeypatch) -> None:
    assert access.logged_in("a@b.c") == access.Visitor("a@b.c")
    monkeypatch.setenv("EXPLORER_EDITORS", "Boss@b.c, me@b.c")
    assert access.logged_in("a@b.c").guest and not access.logged_in("boss@b.c").guest


@pytest.mark.parametrize(
    ("editors", "unreadable", "reason"),
    [("", False, None), (" , ", False, None), ("a@b.c", False, access.NO_LOGIN), ("", True, access.UNREADABLE_LOGIN)],
)
def test_without_a_login_that_works_nobody_passes_for_an_editor(editors, unreadable, reason, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_EDITORS", editors)
    access.follow(lambda: access.without_login(unreadable))
    assert access.why_not() == reason
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    assert access.why_not() == access.LOOKING_ONLY


@pytest.mark.parametrize(
    ("claims", "known_as"),
    [
        ({"email": "a@b.c", "name": "Ada", "sub": "1"}, "a@b.c"),
        ({"email": "a@b.c", "email_verified": True, "sub": "1"}, "a@b.c"),
        ({"email": "a@b.c", "email_verified": False, "sub": "1"}, "1"),
        ({"email": "a@b.c", "email_verified": "false", "sub": "1"}, "1"),
        ({"name": "boss@b.c", "sub": "evil"}, "evil"),
    ],
)
def test_nobody_becomes_an_editor_by_a_name_of_their_choice(claims, known_as, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_EDITORS", "boss@b.c")
    assert access.identity(claims) == known_as
    assert access.logged_in(access.identity(claims)).guest


def test_who_launched_what_is_written_down_and_told(monkeypatch, capsys) -> None:
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    access.follow(lambda: access.Visitor("a@b.c"))
    run, _ = jobs.enqueue(RECIPE)
    assert json.loads((runs_folder() / run / "request.json").read_text())["by"] == "a@b.c"
    assert Store().run(run).launched_by == "a@b.c"
    access.follow(access.Visitor)
    assert jobs.enqueue(RECIPE) == (run, False) and Store().run(run).launched_by == "a@b.c", "nobody is added"
    other, _ = jobs.enqueue(RECIPE.model_copy(update={"seed": 1}))
    jobs.pause(run)
    cli.main(["runs", "--state", "queued"])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{run}  paused     cnn-digits") and "  by a@b.c  " in first
    assert second.startswith(f"{other}  queued ") and " by " not in second


def test_whoever_launches_an_equal_run_is_written_down_beside_the_first(monkeypatch, capsys) -> None:
    monkeypatch.setattr(jobs, "ensure_supervisor", lambda: None)
    for person in ("a@b.c", "d@e.f", "a@b.c", "d@e.f"):
        access.follow(lambda person=person: access.Visitor(person))
        run, _ = jobs.enqueue(RECIPE)
    assert Store().run(run).launched_by == "a@b.c, d@e.f"
    assert jobs.enqueue(RECIPE, study="mine") == (run, False)
    assert Store().run(run).studies == ("default", "mine")
    Store().reindex()
    assert Store().run(run).launched_by == "a@b.c, d@e.f", "the run's folder knows it"
    cli.main(["runs"])
    assert "  by a@b.c, d@e.f  " in capsys.readouterr().out
