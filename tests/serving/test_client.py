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

TEXT = "w3 w9 w41"


def process_of(pair):
    return pair._process.popen


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_both_answer_a_text(opened, text_files):
    found = opened(text_files).answer(TEXT)
    for name, folder in (("baseline", text_files.baseline), ("variant", text_files.variant)):
        assert found[name].best == predict(folder, "cpu-onnxruntime", [TEXT])[0].argmax()
        assert sum(found[name].probabilities) == pytest.approx(1)


def test_both_answer_an_image(opened, image_files):
    image = np.random.default_rng(7).integers(0, 256, (8, 8), dtype=np.uint8)
    found = opened(image_files).answer(image)
    assert found["baseline"].best == predict(image_files.variant, "cpu-onnxruntime", image[None])[0].argmax()
    assert found["variant"].probabilities == found["baseline"].probabilities


def test_a_race_ends_with_real_totals(opened, text_files):
    pair = opened(text_files)
    race = pair.race(1000)
    wait_for(lambda: pair.standing(race).state == "done")
    standing = pair.standing(race)
    assert (standing.baseline.requests, standing.variant.requests, standing.inputs) == (1000, 1000, 40)
    assert standing.baseline.per_s == 1000 / standing.baseline.seconds
    answers = [predict(f, "cpu-onnxruntime", _texts()).argmax(1) for f in (text_files.baseline, text_files.variant)]
    assert standing.same == (answers[0] == answers[1]).sum()


def _texts():
    from tests.support.bundles import text_split

    return text_split().inputs


def test_a_race_can_be_watched_joined_answered_beside_and_stopped(opened, text_files):
    pair = opened(text_files)
    race = pair.race(100_000)
    wait_for(lambda: pair.standing(race).variant.requests > 0)
    assert pair.standing(race).running and pair.race(5) == race
    assert pair.answer(TEXT)["variant"].best is not None
    stopped = pair.stop(race)
    assert stopped.state == "stopped" and 0 < stopped.share(stopped.variant) < 1
    assert pair.standing(race) == stopped
    assert pair.race(1) != race


def test_a_race_that_is_not_known(opened, text_files):
    pair = opened(text_files)
    assert pair.standing("nobody") is None
    with pytest.raises(ExplorerError, match="1 to 100,000 requests; given were 0"):
        pair.race(0)


def test_a_race_without_inputs_says_what_to_do(opened, text_files):
    pair = opened(replace(text_files, inputs=text_files.inputs.with_name("none.npz")))
    with pytest.raises(ExplorerError, match="kept no inputs to race with; run its recipe again"):
        pair.race(10)
    assert pair.answer(TEXT)["baseline"].best is not None


def test_a_crash_is_one_sentence_and_the_next_try_starts_anew(opened, text_files):
    pair = opened(text_files)
    pair.answer(TEXT)
    first = process_of(pair)
    first.kill()
    with pytest.raises(ExplorerError) as crash:
        _ask_before_it_is_noticed(pair)
    assert str(crash.value) == (
        "The process that answers ended unexpectedly (signal 9); try again, and it starts anew."
    )
    assert pair.answer(TEXT)["variant"].best is not None
    assert process_of(pair).pid != first.pid


def _ask_before_it_is_noticed(pair):
    """As when it is killed in the middle of a request: the client has not seen it end."""
    process_of(pair).poll = lambda: None
    pair.answer(TEXT)


def test_a_broken_model_is_one_sentence(opened, text_files):
    (text_files.variant / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ExplorerError, match="ONNX Runtime cannot load the variant's file"):
        opened(text_files).answer(TEXT)


def test_it_ends_when_nobody_asks_and_starts_again_unnoticed(opened, text_files):
    pair = opened(text_files, idle_s=0.3)
    pair.answer(TEXT)
    first = process_of(pair)
    assert first.wait(20) == 0
    assert pair.answer(TEXT)["variant"].best is not None
    assert process_of(pair).pid != first.pid


def test_one_that_ends_just_then_is_asked_again(opened, text_files):
    pair = opened(text_files, idle_s=0.3)
    pair.answer(TEXT)
    process_of(pair).wait(20)
    process_of(pair).poll = lambda: None
    assert pair.answer(TEXT)["variant"].best is not None


def test_closing_ends_the_process(opened, text_files):
    pair = opened(text_files)
    pair.answer(TEXT)
    number = process_of(pair).pid
    pair.close()
    assert not psutil.pid_exists(number)
    pair.close()


def test_it_ends_with_whoever_started_it(text_files, home):
    """Even one that is killed: its end of the pipe closes."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from explorer.serving.client import Pair\n"
        "from explorer.serving.pairs import PairFiles\n"
        "pair = Pair(PairFiles(*map(Path, sys.argv[1:])), threads=1)\n"
        "pair.race(100_000)\n"
        "print(pair._process.popen.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    places = [str(path) for path in (text_files.baseline, text_files.variant, text_files.inputs)]
    command = [sys.executable, "-c", code, *places]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(home), text=True) as owner:
        number = int(owner.stdout.readline())
        assert psutil.pid_exists(number)
        owner.kill()
    wait_for(lambda: not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE)


def test_nothing_answers_beside_a_measurement(opened, text_files, home):
    pair = opened(text_files)
    home.mkdir(exist_ok=True)
    with measuring_slot(home, lambda text: None):
        with pytest.raises(ExplorerError, match="A latency is being measured"):
            pair.answer(TEXT)
        with pytest.raises(ExplorerError, match="A latency is being measured"):
            pair.race(10)
    assert pair.answer(TEXT)["baseline"].best is not None


def test_a_race_keeps_measurements_waiting_until_it_is_over(opened, text_files, home):
    pair = opened(text_files)
    race = pair.race(100_000)
    with (
        pytest.raises(ExplorerError, match="kept the machine busy"),
        measuring_slot(home, lambda text: None, timeout=0.2),
    ):
        pass
    pair.stop(race)
    with measuring_slot(home, lambda text: None, timeout=5):
        pass
