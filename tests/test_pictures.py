"""Pictures of the pages, and what is said where there is no browser for them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PIL import Image

from explorer import pictures
from explorer.charts.style import BACKGROUNDS
from explorer.store import Store
from tests.support.sample_results import sample_runs, write_runs

ROOT = pictures.PROJECT


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPLORER_LANGUAGE", raising=False)
    return tmp_path / "home"


def test_every_page_has_an_address():
    files = [path.name for path in (ROOT / "pages").glob("*.py")]
    assert len(pictures.addresses()) == 1 + len(files)
    assert pictures.addresses()["overview"] == "/" and pictures.addresses()["trade_offs"] == "/Trade_offs"


def test_the_last_runs_of_one_model_are_shown(home):
    write_runs(home / "runs", sample_runs(16))
    query = pictures.chosen_runs(Store())
    assert query == "?selected=sample-0015&compared=sample-0013%2Csample-0014%2Csample-0015"


def test_without_playwright_one_sentence_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    assert pictures.main([str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "Pictures need Playwright, which is not installed; requirements.txt has it.\n"
    assert not (tmp_path / "out").exists()


def taken(out, *more, **environment):
    """What the command does in a process of its own: Playwright opens once in a process, and the tests have it open."""
    command = [sys.executable, "-m", "explorer.pictures", str(out), *more]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.browser
@pytest.mark.slow
def test_without_chromium_one_sentence_says_so(tmp_path):
    done = taken(tmp_path / "out", EXPLORER_CHROMIUM=str(tmp_path / "no-browser"))
    assert done.returncode == 2
    assert done.stderr.startswith("Chromium did not start; install it")


@pytest.mark.browser
@pytest.mark.slow
def test_one_page_in_both_themes_wide_and_narrow(tmp_path, home, chromium):
    write_runs(home / "runs", sample_runs(4))
    done = taken(tmp_path / "out", "--only", "compare")
    assert (done.returncode, done.stderr) == (0, "")
    written = sorted((tmp_path / "out").iterdir())
    assert sorted(done.stdout.split()) == [str(path) for path in written]
    assert [path.stem for path in written] == [
        f"compare-{theme}-{width}" for theme in ("dark", "light") for width in (1280, 400)
    ]
    for path in written:
        _, theme, width = path.stem.split("-")
        with Image.open(path) as image:
            assert image.width == int(width) and image.height >= pictures.HEIGHT
            last = image.convert("RGB").getpixel((image.width - 20, image.height - 5))
        assert "#{:02X}{:02X}{:02X}".format(*last) == BACKGROUNDS[theme], path.name
