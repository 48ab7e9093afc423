"""More runs than pages read: the newest are shown, one sentence says so, and an older one is found by its id."""

from __future__ import annotations

import shutil
from functools import lru_cache

import pytest

from explorer import studies
from explorer.home import runs_folder
from explorer.rundir import RunFolder
from explorer.store import Store, rows
from pages.parts import data
from tests.pages.conftest import run_tables, words

SENTENCE = "Pages show the newest 10 of your 16 runs that are over."


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST", 10)


@pytest.mark.parametrize("page", ["", "2_Runs", "3_Trade_offs", "4_Compare", "8_Report"])
def test_pages_say_which_runs_they_read(open_page, own, window, page) -> None:
    assert SENTENCE in words(open_page(page))


def test_the_newest_runs_are_read_and_the_recorded_ones(open_page, own, recorded, window) -> None:
    rows = data.runs()
    assert [row.run for row in rows if not row.recorded] == [run.run for run in own[6:]]
    assert [row.run for row in rows if row.recorded] == [run.run for run in recorded]
    assert {row.run for row in data.variants() if not row.recorded and not row.derived} <= {run.run for run in own[6:]}
    assert data.beyond() == 16


def test_where_all_runs_are_read_nothing_is_said(open_page, own, monkeypatch) -> None:
    monkeypatch.setattr(data, "MOST", 16)
    assert "runs that are over" not in words(open_page("2_Runs")) and data.beyond() == 0


def test_an_older_run_is_shown_by_its_address(open_page, own, window) -> None:
    older = own[2]
    assert data.find(older.run).run == older.run and data.find("20200101-000000-000000") is None
    app = open_page("2_Runs", query={"selected": older.run})
    shown = [*reversed(own[6:]), older]
    assert len(app.dataframe[0].value) == len(shown)
    assert list(run_tables(app).values()) == [[len(shown) - 1]]
    app = open_page("3_Trade_offs", query={"selected": older.run})
    assert any(older.label in heading.value for heading in app.subheader)


def test_studies_that_are_put_away_make_room_for_older_runs(own, window) -> None:
    for run in own[:8]:
        RunFolder(runs_folder() / run.run).add_study("first")
    Store().reindex()
    assert data.beyond() == 16
    studies.archive("default")
    assert [row.run for row in data.runs()] == [run.run for run in own[:8]]
    assert data.beyond() == 0 and data.find(own[12].run) is None


def test_what_is_made_of_finished_runs_lasts_while_others_wait_and_work(own) -> None:
    finished, variants, kin = data.finished(), data.variants(), data.kin()
    request = {"recipe": {"model": "cnn-digits", "steps": [], "targets": []}, "digest": "waits", "study": "default"}
    waiting = RunFolder.create(runs_folder(), request)
    assert {row.run for row in data.runs()} == {*(run.run for run in own), waiting.run}
    assert data.finished() is finished and data.variants() is variants and data.kin() is kin
    shutil.rmtree(runs_folder() / own[0].run)
    assert data.finished() == finished[1:] and own[0].run not in data.kin()
    assert own[0].run in {row.run for row in variants} - {row.run for row in data.variants()}


def test_each_result_is_unpacked_once(own, monkeypatch) -> None:
    unpack, unpacked = rows.unpacked.__wrapped__, []
    remembering = lru_cache(maxsize=1)(lambda packed: (unpacked.append(packed), unpack(packed))[1])
    monkeypatch.setattr(rows, "unpacked", remembering)
    data.learn()
    assert data.variants() and data.kin()
    assert len(unpacked) == len(own)
