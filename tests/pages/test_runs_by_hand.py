"""What a hand does on the Runs page: runs and the queue rest, and runs, model files and studies go and come back."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from explorer import jobs
from explorer.bench import serve_dashboard
from explorer.home import runs_folder
from explorer.pictures import settle
from explorer.recipe import Recipe
from explorer.store import Store
from tests.support.browser import page_of, silent
from tests.support.sample_results import sample_runs, write_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG_AGO = "2020-01-01T00:00:00+00:00"
OLD = [
    replace(run, result={**run.result, "finished_at": datetime.now(UTC).isoformat() if place == 1 else LONG_AGO})
    for place, run in enumerate(sample_runs(4))
]
"""Runs of one model; all but the second ended long ago."""

CARDS = '[class*="st-key-quiet-card"] strong, [data-testid="stColumn"] strong'
NAMES = f"() => [...document.querySelectorAll('{CARDS}')].map(one => one.innerText)"
CELLS = """() => [...document.querySelectorAll('[data-testid="stDataFrame"] tbody tr')]
    .map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent))"""


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    """A home with old runs and three that are launched, each of which counts until it is let go, and its dashboard."""
    home = tmp_path_factory.mktemp("yard") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(home))
        patch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:counting")
        patch.setenv("EXPLORER_SPARE_S", "0")
        patch.setenv("EXPLORER_JOBS", "1")
        write_runs(home / "runs", OLD)
        jobs.pause_queue()
        recipes = [Recipe(model="cnn-digits", seed=seed, targets=("cpu-onnxruntime",)) for seed in range(3)]
        runs = [jobs.submit(recipe, study="three") for recipe in recipes]
        with serve_dashboard(home) as (_, address):
            yield home, address, runs
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("EXPLORER_HOME") == str(home):
                process.kill()


@pytest.fixture
def page(chromium, yard, monkeypatch):
    """The Runs page; nothing may complain meanwhile."""
    monkeypatch.setenv("EXPLORER_HOME", str(yard[0]))
    with page_of(chromium, yard[1]) as page, silent(page):
        page.goto("/Runs")
        page.get_by_role("heading", level=1, name="Runs").wait_for()
        yield page


def button(page, name: str):
    """The first button of this name."""
    return page.get_by_role("button", name=name, exact=True).first


def card(page, seed: int, state: str) -> None:
    """Wait until a run's card says this state; where it does not, what the page says instead is told."""
    from playwright.sync_api import Error

    try:
        page.get_by_text(f"baseline · seed {seed} · cnn-digits · {state}").first.wait_for()
    except Error as error:
        raise AssertionError(page.get_by_test_id("stMain").inner_text()) from error


def wait_order(page, *seeds: int) -> None:
    """Wait until the cards stand in this order."""
    names = [f"baseline · seed {seed}" for seed in seeds]
    page.wait_for_function(f"names => ({NAMES})().join() === names.join()", arg=names)


def wait_cells(page, *words: str) -> None:
    """Wait until a row of the table has these words."""
    page.wait_for_function(
        f"words => ({CELLS})().some(row => words.every(word => row.includes(word)))", arg=list(words)
    )


def until(condition, seconds: float = 20) -> None:
    """Wait for what happens on the disk."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def finish(home: Path, runs: list[str]) -> None:
    """Let the runs go on to their ends."""
    jobs.resume_queue()
    for run in runs:
        (home / "runs" / run / "go").touch()
    until(lambda: all(Store().run(run).state == "done" for run in runs))


def test_runs_and_the_queue_rest_go_on_and_change_places(page, yard):
    home, _, (first, *_) = yard
    count = home / "runs" / first / "count"
    page.get_by_text("The queue is paused: nothing new is started.").wait_for()
    button(page, "Start what is queued").click()
    card(page, 0, "running")
    wait_cells(page, "running", "Training")
    button(page, "Start nothing new").click()
    top = '[data-testid="stProgress"]'
    before = page.locator(top).bounding_box()["y"]
    page.get_by_text("The queue is paused").wait_for()
    assert page.locator(top).bounding_box()["y"] == before, "nothing jumps"
    button(page, "Pause").click()
    card(page, 0, "paused")
    wait_cells(page, "paused", "baseline · seed 0")
    until(lambda: len({(count.read_text(), time.sleep(0.2)) for _ in range(2)}) == 1)
    resting = count.read_text()
    waiting = page.locator('[class*="st-key-quiet-card"]')
    for name, order in (("Up", (0, 2, 1)), ("Down", (0, 1, 2)), ("First", (0, 2, 1)), ("Last", (0, 1, 2))):
        place = 1 if order == (0, 2, 1) else 0
        waiting.nth(place).get_by_role("button", name=name, exact=True).click()
        wait_order(page, *order)
    assert count.read_text() == resting
    button(page, "Resume").click()
    card(page, 0, "running")
    until(lambda: count.read_text() != resting)
    (home / "runs" / first / "go").touch()
    card(page, 0, "done")
    assert [Store().run(run).state for run in yard[2]] == ["done", "queued", "queued"]
    button(page, "Start what is queued").click()
    finish(home, yard[2])
    card(page, 1, "done")
    card(page, 2, "done")


def test_a_deleted_run_comes_back_and_a_study_goes_out_and_comes_in(page, yard, tmp_path):
    home, _, runs = yard
    finish(home, runs)
    before = set((home / "runs").iterdir())
    page.locator('[class*="st-key-delete-box"] button').click()
    button(page, "Yes, delete it").click()
    page.get_by_text("was deleted.").wait_for()
    (gone,) = before - set((home / "runs").iterdir())
    button(page, "Undo").click()
    page.get_by_text("was deleted.").wait_for(state="detached")
    assert gone.is_dir()
    page.get_by_text("Studies", exact=True).click()
    page.get_by_role("combobox", name="Study").click()
    page.get_by_role("option", name="three").click()
    settle(page)
    with page.expect_download() as waiting:
        button(page, "Download").click()
    waiting.value.save_as(tmp_path / "three.zip")
    for run in runs:
        shutil.rmtree(home / "runs" / run)
    page.reload()
    page.get_by_text("Studies", exact=True).click()
    page.locator("input[type=file]").set_input_files(tmp_path / "three.zip")
    page.get_by_text("three.zip").wait_for()
    button(page, "Take in").click()
    page.get_by_text("3 runs are new in 'three', 0 were here already.").wait_for()
    assert all((home / "runs" / run / "result.json").exists() for run in runs)


def test_model_files_go_by_age_and_rank_and_come_back(page):
    accuracy = {run.run: run.result["accuracy"][0]["value"] for run in OLD}
    best = max(accuracy, key=accuracy.get)
    page.get_by_text("Disk", exact=True).click()
    page.get_by_text("Keep the best").click()
    page.get_by_role("spinbutton", name="Keep the most accurate").fill("1")
    page.keyboard.press("Enter")
    going = {run.run for run in OLD} - {OLD[1].run, best}
    words = f"Remove model files of {len(going)} runs"
    page.get_by_role("button", name=words).click()
    page.get_by_text(f"The model files of {len(going)} runs were removed; their results stay.").wait_for()
    held = {run.run for run in OLD if (runs_folder() / run.run / "artefact").is_dir()}
    assert held == {run.run for run in OLD} - going
    button(page, "Undo").click()
    page.get_by_role("button", name=words).wait_for()
    assert all((runs_folder() / run.run / "artefact").is_dir() for run in OLD)


def test_a_run_from_elsewhere_appears_on_a_page_at_rest(chromium, tmp_path):
    with serve_dashboard(tmp_path / "home") as (_, address), page_of(chromium, address) as page, silent(page):
        page.goto("/Runs")
        settle(page)
        assert page.get_by_test_id("stDataFrame").count() == 0
        write_runs(tmp_path / "home" / "runs", OLD[:1])
        page.get_by_test_id("stDataFrame").wait_for()
