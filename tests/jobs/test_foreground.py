"""A run in the foreground ends for whoever waits as its kind of failure asks: bad input is told from bad luck."""

from __future__ import annotations

import pytest

from explorer import cli, jobs
from explorer.errors import BadInput
from explorer.jobs.foreground import run_here

NO_COLUMN = "The file 'tweets.csv' has no column 'text'; expected are 'text' and 'label'."


def test_bad_input_that_the_worker_finds_is_raised_as_such(home, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:mistaken")
    run, _ = jobs.enqueue(home.recipe())
    with pytest.raises(BadInput) as caught:
        run_here(run, lambda event: None)
    assert str(caught.value) == NO_COLUMN
    row = home.row(run)
    assert (row.state, row.reason) == ("failed", NO_COLUMN)
    assert jobs.events(run)[-1]["bad_input"] is True


@pytest.mark.parametrize("pipeline", ["full_disk", "broken", "hungry", "vanishing"])
def test_any_other_failure_is_a_row(home, monkeypatch, pipeline):
    monkeypatch.setenv("EXPLORER_PIPELINE", f"tests.jobs.pipelines:{pipeline}")
    run, _ = jobs.enqueue(home.recipe())
    assert run_here(run, lambda event: None).state == "failed"
    assert not any("bad_input" in event for event in jobs.events(run))


def test_the_command_line_exits_with_2_and_that_sentence(home, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:mistaken")
    (tmp_path / "recipe.yaml").write_text("model: cnn-digits\ntargets: [cpu-onnxruntime]\n")
    assert cli.main(["run", str(tmp_path / "recipe.yaml")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1] == NO_COLUMN
