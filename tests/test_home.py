"""A home that cannot be used is one sentence everywhere: in the engine, on the command line, on every page."""

import os

import pytest

from explorer import cli
from explorer.errors import ExplorerError
from explorer.home import cache_folder, home, runs_folder


@pytest.fixture(params=["a file", "below a file", "not writable"])
def unusable(request, tmp_path, monkeypatch):
    """A path in ``EXPLORER_HOME`` where nothing can be kept; gives the words that say why."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    name = {"a file": "file", "below a file": "file/home", "not writable": "folder"}[request.param]
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / name))
    if request.param == "not writable":
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write everywhere
    return {
        "a file": "a file of this name is there",
        "below a file": "not a directory",
        "not writable": "it cannot be written to",
    }[request.param]


def test_an_unusable_home_is_one_sentence_that_names_its_role(unusable):
    for ask in (home, runs_folder, lambda: cache_folder("prefixes")):
        with pytest.raises(ExplorerError) as caught:
            ask()
        assert str(caught.value).startswith("EXPLORER_HOME, the folder of runs, cache and index, cannot be used (")
        assert f"('{os.environ['EXPLORER_HOME']}': {unusable})" in str(caught.value)
        assert str(caught.value).endswith("; expected is a folder that can be written to.")


def test_a_folder_inside_that_cannot_be_made_is_the_same_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    (tmp_path / "runs").touch()
    with pytest.raises(ExplorerError, match=r"^EXPLORER_HOME, .*/runs': a file of this name is there\)"):
        runs_folder()


@pytest.mark.parametrize("words", [["runs"], ["runs", "--json"], ["logs", "x"], ["front"]])
def test_the_command_line_prints_it_and_exits_with_1(unusable, words, capsys):
    assert cli.main(words) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("EXPLORER_HOME, ") and err.count("\n") == 1
