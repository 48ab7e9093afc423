"""The trash: what was deleted stays for a week, whatever its age was, then goes when more is deleted or work begins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from explorer import cli, housekeeping, jobs, presets, stories, trash
from explorer.errors import BadInput
from explorer.home import home, runs_folder
from explorer.jobs import supervisor
from explorer.rundir import RunFolder
from explorer.store import Store
from explorer.technique import build
from tests.support.sample_results import sample_runs, write_runs

DAY_S = 86_400


@pytest.fixture
def runs(tmp_path, monkeypatch) -> list[str]:
    """Four finished runs, whose folders are a year old, each with model files of 1,000 bytes."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    made = sample_runs(4)
    write_runs(runs_folder(), made)
    for run in made:
        artefact = runs_folder() / run.run / "artefact"
        shutil.rmtree(artefact, ignore_errors=True)
        artefact.mkdir()
        (artefact / "model.onnx").write_bytes(bytes(1000))
        for folder in (artefact, artefact.parent):
            os.utime(folder, (time.time() - 365 * DAY_S,) * 2)
    return [run.run for run in made]


def age(kind: str, run: str, days: float) -> None:
    folder = home() / "trash" / kind / run
    os.utime(folder, (time.time() - days * DAY_S,) * 2)


def test_what_is_older_than_a_week_goes_when_more_is_deleted(runs) -> None:
    jobs.delete(runs[0])
    housekeeping.remove_artefacts([runs[1]])
    age("", runs[0], 6.9)
    age("artefacts", runs[1], 7.1)
    jobs.delete(runs[2])
    assert housekeeping.restorable() == ([runs[0], runs[2]], [])
    age("", runs[0], 7.1)
    housekeeping.remove_artefacts([runs[1], runs[3]])
    assert housekeeping.restorable() == ([runs[2]], [runs[3]])


def test_what_is_older_than_a_week_goes_when_a_supervisor_starts(runs, monkeypatch) -> None:
    jobs.delete(runs[0])
    housekeeping.remove_artefacts(runs[1:3])
    age("", runs[0], 7.1)
    age("artefacts", runs[1], 7.1)
    age("artefacts", runs[2], 6.9)
    monkeypatch.setenv("EXPLORER_IDLE_S", "0")
    supervisor.main()
    assert housekeeping.restorable() == ([], [runs[2]])


def test_what_was_brought_back_can_go_again(runs) -> None:
    for _ in range(2):
        housekeeping.remove_artefacts([runs[0]])
        jobs.delete(runs[0])
        housekeeping.restore(runs[0])
        housekeeping.restore(runs[0])
    assert housekeeping.model_file_bytes([runs[0]]) == 1000
    leftover = home() / "trash" / runs[0]
    leftover.mkdir()
    (leftover / "request.json").write_text("{}")
    jobs.delete(runs[0])
    assert (leftover / "result.json").is_file()


def test_what_can_be_brought_back_is_listed_with_when_it_goes(runs, capsys) -> None:
    def said(*words: str) -> str:
        assert cli.main(["trash", *words]) == 0
        return capsys.readouterr().out

    assert said() == "The trash is empty.\n" and json.loads(said("--json")) == []
    rows = {row.run: row for row in Store().runs()}
    housekeeping.remove_artefacts([runs[0], runs[1]])
    jobs.delete(runs[1])  # its model files are there before it
    jobs.delete(runs[2])
    first = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC).timestamp()
    for place, path in enumerate((f"artefacts/{runs[1]}", runs[2], f"artefacts/{runs[0]}", runs[1])):
        os.utime(home() / "trash" / path, (first + place * DAY_S,) * 2)
    found = json.loads(said("--json"))
    assert [(one["run"], one["what"], one["until"]) for one in found] == [
        (runs[1], "model files", "2026-11-27T10:00:30+00:00"),
        (runs[2], "run", "2026-11-28T10:00:30+00:00"),
        (runs[0], "model files", "2026-11-29T10:00:30+00:00"),
        (runs[1], "run", "2026-11-30T10:00:30+00:00"),
    ]
    assert all((one["model"], one["label"]) == (rows[one["run"]].model, rows[one["run"]].label) for one in found)
    assert found[0]["bytes"] == 1000
    line = said().splitlines()[0]
    model, label = found[0]["model"], found[0]["label"]
    assert line == f"{runs[1]}  model files  {model}  {label}  1.00 kB  goes 2026-11-27 10:00 UTC"
    assert cli.main(["restore", "--help"]) == 0 and "'trash' lists it" in capsys.readouterr().out


def test_model_files_whose_run_is_gone_for_good_are_not_listed(runs) -> None:
    housekeeping.remove_artefacts(runs[:1])
    shutil.rmtree(runs_folder() / runs[0])
    assert housekeeping.in_trash() == []


def test_clean_says_what_would_go_what_went_and_whether_it_comes_back(runs, capsys) -> None:
    def said(*words: str) -> list[str]:
        assert cli.main(["clean", "--days", "0", "--no-front", *words]) == 0
        return capsys.readouterr().out.splitlines()

    rows = [row for row in Store().runs() if row.run in runs]
    *each, all_ = said("--preview")
    assert each == [f"{row.run}  {row.model}  {row.label}  1.00 kB" for row in rows]
    assert all_ == "The model files of 4 runs (4.00 kB) would go."
    found = json.loads("".join(said("--preview", "--json")))
    assert (found["removable"], found["bytes"]) == (4, 4000)
    assert found["runs"] == [{"run": row.run, "model": row.model, "name": row.label, "bytes": 1000} for row in rows]
    assert housekeeping.model_file_bytes(runs) == 4000 and housekeeping.restorable() == ([], [])
    first, second = said()
    assert first == "The model files of 4 runs (4.00 kB) are in the trash for 7 days."
    assert "restore RUN' brings them back" in second
    for run in runs:
        housekeeping.restore(run)
    assert said("--trash") == ["The model files of 4 runs (4.00 kB) are gone for good.", "4.00 kB were freed."]
    assert housekeeping.restorable() == ([], [])
    assert said("--preview") == said("--trash") == ["There are none to remove."]


def test_clean_is_limited_to_a_study_and_keeps_what_is_on_a_front_of_all(runs, capsys) -> None:
    def said(*words: str) -> list[str]:
        status = cli.main(["clean", "--days", "0", *words])
        found = capsys.readouterr()
        return [str(status), *(found.out + found.err).splitlines()]

    for run in runs[2:]:
        RunFolder(runs_folder() / run).add_study("mine")
    Store().reindex()
    _, *lines = said("--preview")
    going = [line.split()[0] for line in lines[:-1]]
    _, *lines = said("--preview", "--study", "mine")
    assert [line.split()[0] for line in lines if line.startswith("sample")] == runs[2:3] != going
    assert (
        said("--no-front", "--study", "mine")[1] == "The model files of 2 runs (2.00 kB) are in the trash for 7 days."
    )
    assert housekeeping.restorable() == ([], runs[2:])
    status, line = said("--study", "yours")
    assert status == "2" and line.startswith("There is no study 'yours'; known are ") and "mine" in line


@pytest.fixture
def kept(tmp_path, monkeypatch) -> list[str]:
    """A preset and a story, by the names that bring them back once they are deleted."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    presets.save("Mine & yours", [build({"technique": "int8-dynamic"})])
    stories.save(stories.story("Talk", [stories.step(title="First")]))
    return [f"presets/{presets.saved()[0].name}", "stories/Talk"]


def forget(kept: list[str]) -> None:
    presets.delete(kept[0].removeprefix("presets/"))
    stories.delete("Talk")
    assert presets.saved() == [] and stories.names() == []


def test_presets_and_stories_come_back(kept, capsys) -> None:
    before = presets.saved()[0], stories.load("Talk")
    forget(kept)
    assert housekeeping.restorable_files() == dict(zip(kept, ("Mine & yours", "Talk"), strict=True))
    assert [(one.run, one.what, one.label) for one in housekeeping.in_trash()] == [
        (kept[0], "preset", "Mine & yours"),
        (kept[1], "story", "Talk"),
    ]
    assert cli.main(["restore", *kept]) == 0
    assert (presets.saved()[0], stories.load("Talk")) == before
    assert housekeeping.restorable_files() == {} and housekeeping.restorable() == ([], [])


def test_a_story_that_was_made_anew_is_not_overwritten(kept) -> None:
    forget(kept)
    stories.save(stories.story("Talk", [stories.step(title="Another")]))
    with pytest.raises(BadInput, match="nothing of 'stories/Talk'"):
        housekeeping.restore("stories/Talk")
    stories.delete("Talk")
    housekeeping.restore("stories/Talk")
    assert stories.load("Talk").steps[0].title == "Another", "the later one took the earlier one's place in the trash"


def test_presets_and_stories_go_after_a_week_or_when_the_trash_is_emptied(kept) -> None:
    forget(kept)
    age("stories", "Talk.json", 7.1)
    trash.empty(home(), trash.KEPT_DAYS)
    assert list(housekeeping.restorable_files()) == kept[:1]
    assert housekeeping.empty_trash() > 0 and housekeeping.restorable_files() == {}


def test_it_imports_the_standard_library_only() -> None:
    code = "import sys, explorer.trash; print(sorted({'numpy', 'pydantic', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_documents_name_the_days() -> None:
    text = (Path(__file__).parents[1] / "docs" / "jobs.md").read_text(encoding="utf-8")
    assert f"{trash.KEPT_DAYS} days in the trash" in text
