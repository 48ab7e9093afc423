"""The process that answers: it starts when asked, races, crashes and comes back, and goes when it is not needed."""

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from explorer.errors import ExplorerError
from explorer.jobs.lifecycle import environment
from explorer.measure.accuracy import predict
from explorer.measure.lock import measuring_slot
from explorer.serving.client import Agreement

TEXT = "w3 w9 w41"


def process_of(shown):
    return shown._process.popen


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_both_answer_a_text(opened, text_files):
    found = opened(text_files).answer(TEXT)
    for answer, folder in zip(found, text_files.folders, strict=True):
        assert answer.best == predict(folder, "cpu-onnxruntime", [TEXT])[0].argmax()
        assert sum(answer.probabilities) == pytest.approx(1)


def test_three_variants_answer_and_race_beside_the_baseline(opened, three_variants):
    shown = opened(three_variants)
    said = [answer.best for answer in shown.answer(TEXT)]
    assert said == [predict(folder, "cpu-onnxruntime", [TEXT])[0].argmax() for folder in three_variants.folders]
    race = shown.race(500)
    wait_for(lambda: shown.standing(race).state == "done")
    standing = shown.standing(race)
    assert [tally.requests for tally in standing.tallies] == [500] * 4
    baseline, *others = (predict(folder, "cpu-onnxruntime", _texts()).argmax(1) for folder in three_variants.folders)
    assert [one.same for one in standing.agreements] == [(baseline == other).sum() for other in others]


def test_it_answers_on_the_target_that_was_chosen(opened, text_files):
    with pytest.raises(ExplorerError, match="cannot run on CPU, PyTorch: this artefact has no PyTorch model"):
        opened(text_files, target="cpu-torch").answer(TEXT)


def test_both_answer_an_image(opened, image_files):
    image = np.random.default_rng(7).integers(0, 256, (8, 8), dtype=np.uint8)
    found = opened(image_files).answer(image)
    assert found[0].best == predict(image_files.variants[0], "cpu-onnxruntime", image[None])[0].argmax()
    assert found[1].probabilities == found[0].probabilities


def test_a_race_ends_with_real_totals(opened, text_files):
    shown = opened(text_files)
    race = shown.race(1000)
    wait_for(lambda: shown.standing(race).state == "done")
    standing = shown.standing(race)
    assert (standing.baseline.requests, standing.variants[0].requests) == (1000, 1000)
    assert standing.baseline.per_s == 1000 / standing.baseline.seconds
    answers = [predict(folder, "cpu-onnxruntime", _texts()).argmax(1) for folder in text_files.folders]
    assert standing.agreements == (Agreement(40, (answers[0] == answers[1]).sum()),)


def _texts():
    from tests.support.bundles import text_split

    return text_split().inputs


def test_a_race_can_be_watched_joined_answered_beside_and_stopped(opened, text_files):
    shown = opened(text_files)
    race = shown.race(100_000)
    wait_for(lambda: shown.standing(race).variants[0].requests > 0)
    assert shown.standing(race).running and shown.race(5) == race
    assert shown.answer(TEXT)[1].best is not None
    stopped = shown.stop(race)
    assert stopped.state == "stopped" and 0 < stopped.share(stopped.variants[0]) < 1
    assert shown.standing(race) == stopped
    assert shown.race(1) != race


def test_a_race_that_is_not_known(opened, text_files):
    shown = opened(text_files)
    assert shown.standing("nobody") is None
    with pytest.raises(ExplorerError, match="1 to 100,000 requests; given were 0"):
        shown.race(0)


def test_a_race_without_inputs_says_what_to_do(opened, text_files):
    shown = opened(replace(text_files, inputs=text_files.inputs.with_name("none.npz")))
    with pytest.raises(ExplorerError, match="kept no inputs to race with; run its recipe again"):
        shown.race(10)
    assert shown.answer(TEXT)[0].best is not None


def test_a_crash_is_one_sentence_and_the_next_try_starts_anew(opened, text_files):
    shown = opened(text_files)
    shown.answer(TEXT)
    first = process_of(shown)
    first.kill()
    with pytest.raises(ExplorerError) as crash:
        _ask_before_it_is_noticed(shown)
    assert str(crash.value) == (
        "The process that answers ended unexpectedly (signal 9); try again, and it starts anew."
    )
    assert shown.answer(TEXT)[1].best is not None
    assert process_of(shown).pid != first.pid


def _ask_before_it_is_noticed(shown):
    """As when it is killed in the middle of a request: the client has not seen it end."""
    process_of(shown).poll = lambda: None
    shown.answer(TEXT)


def test_a_broken_model_is_one_sentence(opened, text_files):
    (text_files.variants[0] / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ExplorerError, match="The variant's file cannot be loaded on CPU, ONNX Runtime"):
        opened(text_files).answer(TEXT)


def test_it_ends_when_nobody_asks_and_starts_again_unnoticed(opened, text_files):
    shown = opened(text_files, idle_s=0.3)
    shown.answer(TEXT)
    first = process_of(shown)
    assert first.wait(20) == 0
    assert shown.answer(TEXT)[1].best is not None
    assert process_of(shown).pid != first.pid


def test_one_that_ends_just_then_is_asked_again(opened, text_files):
    shown = opened(text_files, idle_s=0.3)
    shown.answer(TEXT)
    process_of(shown).wait(20)
    process_of(shown).poll = lambda: None
    assert shown.answer(TEXT)[1].best is not None


def test_closing_ends_the_process(opened, text_files):
    shown = opened(text_files)
    shown.answer(TEXT)
    number = process_of(shown).pid
    shown.close()
    assert not psutil.pid_exists(number)
    shown.close()


def test_it_ends_with_whoever_started_it(text_files, home):
    """Even one that is killed: its end of the pipe closes."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from explorer.serving.client import Demonstration\n"
        "from explorer.serving.lineup import Lineup\n"
        "inputs, baseline, *variants = map(Path, sys.argv[1:])\n"
        "shown = Demonstration(Lineup(baseline, tuple(variants), inputs), threads=1)\n"
        "shown.race(100_000)\n"
        "print(shown._process.popen.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    places = [str(path) for path in (text_files.inputs, *text_files.folders)]
    command = [sys.executable, "-c", code, *places]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(home), text=True) as owner:
        number = int(owner.stdout.readline())
        assert psutil.pid_exists(number)
        owner.kill()
    wait_for(lambda: not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE)


def test_nothing_answers_beside_a_measurement(opened, text_files, home):
    shown = opened(text_files)
    home.mkdir(exist_ok=True)
    with measuring_slot(home, lambda text: None):
        with pytest.raises(ExplorerError, match="A latency is being measured"):
            shown.answer(TEXT)
        with pytest.raises(ExplorerError, match="A latency is being measured"):
            shown.race(10)
    assert shown.answer(TEXT)[0].best is not None


def test_a_race_keeps_measurements_waiting_until_it_is_over(opened, text_files, home):
    shown = opened(text_files)
    race = shown.race(100_000)
    with (
        pytest.raises(ExplorerError, match="kept the machine busy"),
        measuring_slot(home, lambda text: None, timeout=0.2),
    ):
        pass
    shown.stop(race)
    with measuring_slot(home, lambda text: None, timeout=5):
        pass
