"""Lists in an address: short ones as they are, long ones under a name of their own."""

import os

import pytest

from explorer import selections
from explorer.rundir import write_whole

LONG = [f"20260102-030405-{place:06x}" for place in range(1000)]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))


@pytest.mark.parametrize("names", [[], ["a"], ["family:pruning", "model:org/a model, 50 % & ~ more"], LONG])
def test_a_list_comes_back_whole_and_in_its_order(names):
    text = selections.in_address(names)
    assert len(text) <= selections.MOST_LETTERS
    assert selections.from_address(text) == names


def test_an_address_names_each_once():
    assert selections.from_address("a,b,,a") == ["a", "b"]


def test_a_long_list_is_kept_once(tmp_path):
    assert selections.in_address(LONG) == selections.in_address(LONG)
    assert len(list((tmp_path / "selections").iterdir())) == 1


def test_the_files_used_last_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(selections, "MOST_FILES", 2)
    first, second = selections.in_address(LONG), selections.in_address(LONG[1:])
    for age, text in enumerate((second, first)):
        os.utime(tmp_path / "selections" / f"{text[1:]}.json", (1000 - age, 1000 - age))
    selections.from_address(first)  # is used now
    third = selections.in_address(LONG[2:])
    assert [len(selections.from_address(text)) for text in (first, second, third)] == [1000, 0, 998]


def test_a_guest_takes_along_the_last_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_VIEW_ONLY", "1")
    text = selections.in_address(LONG)
    names = selections.from_address(text)
    assert len(text) <= selections.MOST_LETTERS
    assert 20 < len(names) < 200 and names == LONG[-len(names) :]
    assert not list((tmp_path / "selections").glob("*"))


def test_a_disk_without_room_leaves_the_last_ones(monkeypatch):
    def full(path, text):
        raise OSError("no room")

    monkeypatch.setattr(selections, "write_whole", full)
    assert selections.from_address(selections.in_address(LONG))[-1] == LONG[-1]


@pytest.mark.parametrize("text", ["~", "~../../request", "~" + "0" * 32, "~" + "g" * 32])
def test_what_was_not_kept_is_nothing(text):
    assert selections.from_address(text) == []


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1, 2]", "1"])
def test_a_spoilt_file_is_nothing(tmp_path, content):
    text = selections.in_address(LONG)
    write_whole(tmp_path / "selections" / f"{text[1:]}.json", content)
    assert selections.from_address(text) == []
