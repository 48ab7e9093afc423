"""What is said about studies: it is kept, sent along, and an archived one is out of sight with its files untouched."""

from __future__ import annotations

import pytest

from explorer import studies
from explorer.errors import BadInput
from explorer.home import home, runs_folder
from explorer.store import Store
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "here"))
    write_runs(tmp_path / "here" / "runs", sample_runs(4))
    return tmp_path


NAME = "default"


def own() -> list[str]:
    return [row.run for row in Store().runs(study=NAME) if not row.recorded]


def test_a_description_is_kept() -> None:
    assert studies.study(NAME) == studies.Study(NAME)
    studies.describe(NAME, "  Which width is enough?  ")
    assert studies.study(NAME).description == "Which width is enough?"


def test_an_archived_study_is_out_of_sight_until_it_is_brought_back() -> None:
    runs, before = own(), Store().runs()
    studies.archive(NAME)
    assert studies.archived() == {NAME}
    assert [row for row in studies.in_sight(before) if not row.recorded] == []
    assert own() == runs and all((runs_folder() / run).is_dir() for run in runs)
    studies.archive(NAME, False)
    assert studies.in_sight(before) == before


def test_a_run_of_another_study_too_stays_in_sight() -> None:
    assert studies.duplicate(NAME, "mine") == 4
    studies.archive(NAME)
    assert [row.run for row in studies.in_sight(Store().runs()) if not row.recorded] == own()


def test_a_duplicate_has_the_runs_and_the_description_and_goes_its_own_way() -> None:
    studies.describe(NAME, "Widths")
    assert studies.duplicate(NAME, " mine ") == 4
    assert studies.study("mine").description == "Widths"
    assert [row.run for row in Store().runs(study="mine")] == own()
    studies.describe("mine", "Depths")
    assert studies.study(NAME).description == "Widths"
    Store().reindex()
    assert [row.run for row in Store().runs(study="mine")] == own()


@pytest.mark.parametrize("name", ["", "  ", "recorded", "x" * 101, "two\nlines", NAME])
def test_a_name_that_is_taken_or_none_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        studies.duplicate(NAME, name)


def test_a_name_that_no_file_could_have_is_a_name() -> None:
    studies.duplicate(NAME, "../50 % / α")
    studies.describe("../50 % / α", "odd")
    assert studies.study("../50 % / α").description == "odd"
    assert {path.parent for path in home().rglob("*.json") if path.parent.name == "studies"} == {home() / "studies"}


def test_only_one_s_own_studies_are_described() -> None:
    for name in ("recorded", "nothing"):
        with pytest.raises(BadInput, match=f"There is no study '{name}' of your own"):
            studies.describe(name, "mine now")
    with pytest.raises(BadInput, match="2,001 characters; at most 2,000"):
        studies.describe(NAME, "x" * 2001)


def test_a_guest_changes_nothing(monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    for change in (
        lambda: studies.describe(NAME, "x"),
        lambda: studies.archive(NAME),
        lambda: studies.duplicate(NAME, "y"),
    ):
        with pytest.raises(BadInput, match="for looking only"):
            change()
    assert studies.study(NAME) == studies.Study(NAME)


def test_garbage_says_nothing() -> None:
    studies.archive(NAME)
    for path in (home() / "studies").iterdir():
        path.write_text("[1, 2")
    assert studies.study(NAME) == studies.Study(NAME) and studies.archived() == frozenset()
