"""The trash: what was deleted stays for a week, whatever its age was, then goes when more is deleted or work begins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from explorer import cli, housekeeping, jobs, trash
from explorer.home import home, runs_folder
from explorer.jobs import supervisor
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


def test_clean_says_what_would_go_what_went_and_whether_it_comes_back(runs, capsys) -> None:
    def said(*words: str) -> list[str]:
        assert cli.main(["clean", "--days", "0", "--no-front", *words]) == 0
        return capsys.readouterr().out.splitlines()

    assert said("--preview") == ["The model files of 4 runs (4.00 kB) would go."]
    assert json.loads("".join(said("--preview", "--json"))) == {"removable": 4, "bytes": 4000}
    assert housekeeping.model_file_bytes(runs) == 4000 and housekeeping.restorable() == ([], [])
    first, second = said()
    assert first == "The model files of 4 runs (4.00 kB) are in the trash for 7 days."
    assert "restore RUN' brings them back" in second
    for run in runs:
        housekeeping.restore(run)
    assert said("--trash") == ["The model files of 4 runs (4.00 kB) are gone for good.", "4.00 kB were freed."]
    assert housekeeping.restorable() == ([], [])
    assert said("--preview") == said("--trash") == ["There are none to remove."]


def test_it_imports_the_standard_library_only() -> None:
    code = "import sys, explorer.trash; print(sorted({'numpy', 'pydantic', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_documents_name_the_days() -> None:
    text = (Path(__file__).parents[1] / "docs" / "jobs.md").read_text(encoding="utf-8")
    assert f"{trash.KEPT_DAYS} days in the trash" in text
