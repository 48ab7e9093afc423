"""Somebody's own models that a check found to be good are kept, read back and forgotten."""

import pytest

from explorer.anatomy import own
from explorer.anatomy.own import Own, forget, full_paths, remember, remembered
from explorer.home import home


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))


def one(model="/models/mine", data="/data/tweets.csv", **other):
    fields = {
        "description": "BertForSequenceClassification from a local folder.",
        "kind": "text",
        "model_kind": "text transformer",
        "task": "tweets-12345678",
        "labels": ("bad", "good"),
        "parameters": 5000,
        "splits": {"train": 48, "calibration": 8, "validation": 12, "test": 12},
        "checked_at": "2026-11-20T10:00:00+00:00",
    }
    return Own(model=model, data=data, **(fields | other))


def test_they_are_kept_as_json_the_latest_check_first():
    assert remembered() == []
    early, late = one(), one(data="/data/other.csv", checked_at="2026-11-21T10:00:00+00:00")
    remember(early)
    remember(late)
    assert remembered() == [late, early]
    assert all(path.suffix == ".json" for path in (home() / "models").iterdir())


def test_another_check_of_the_two_takes_the_place_of_the_first():
    remember(one())
    remember(one(parameters=6000))
    assert [found.parameters for found in remembered()] == [6000]


def test_one_is_forgotten_and_the_others_stay():
    remember(one())
    remember(one(data="/data/other.csv"))
    forget("/models/mine", "/data/other.csv")
    forget("/models/mine", "/data/never.csv")
    assert remembered() == [one()]


def test_a_file_that_cannot_be_read_is_passed_over():
    remember(one())
    (home() / "models" / "broken.json").write_text("{")
    (home() / "models" / "odd.json").write_text('{"model": 3}')
    assert remembered() == [one()]


def test_paths_are_those_that_a_run_writes_down(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "d.csv").write_text("text,label\n")
    monkeypatch.chdir(tmp_path)
    assert full_paths("./m", "d.csv") == (str(tmp_path / "m"), str(tmp_path / "d.csv"))
    assert full_paths("owner/name", None) == ("owner/name", None)


def test_other_inputs_are_another_name():
    assert len({own.name_of("a", "b"), own.name_of("a", ""), own.name_of("", "b"), own.name_of("ab", "")}) == 4
