import multiprocessing
import threading
import time

import pytest

from explorer.errors import Cancelled, ExplorerError
from explorer.measure.lock import measuring_slot, training_slot


def quiet(text):
    pass


def test_training_shares_the_machine(tmp_path):
    with training_slot(tmp_path, quiet), training_slot(tmp_path, quiet):
        pass


def test_measuring_waits_for_training_and_says_so(tmp_path):
    said = []
    with (
        training_slot(tmp_path, quiet),
        pytest.raises(ExplorerError, match="kept the machine busy for 0 s"),
        measuring_slot(tmp_path, said.append, timeout=0.2),
    ):
        pass
    assert said == ["waiting for other runs to finish before measuring"]
    with measuring_slot(tmp_path, said.append, timeout=0.2):
        pass
    assert len(said) == 1


def test_training_waits_for_measuring_until_cancelled(tmp_path):
    said = []
    with (
        measuring_slot(tmp_path, quiet),
        pytest.raises(Cancelled),
        training_slot(tmp_path, said.append, cancelled=lambda: len(said) > 0),
    ):
        pass
    assert said == ["waiting for a measurement to finish"]


def test_one_measurement_at_a_time(tmp_path):
    with (
        measuring_slot(tmp_path, quiet),
        pytest.raises(ExplorerError),
        measuring_slot(tmp_path, quiet, timeout=0.1),
    ):
        pass


def test_training_that_starts_later_does_not_overtake_a_waiting_measurement(tmp_path):
    """Otherwise training that overlaps for ever would keep measurements out."""
    waits, order = threading.Event(), []

    def measure():
        with measuring_slot(tmp_path, lambda text: waits.set(), timeout=20):
            order.append("measure")

    def train():
        with training_slot(tmp_path, quiet):
            order.append("train")

    with training_slot(tmp_path, quiet):
        measuring = threading.Thread(target=measure)
        measuring.start()
        assert waits.wait(10)
        training = threading.Thread(target=train)
        training.start()
        time.sleep(0.3)
        assert order == []
    measuring.join(20)
    training.join(20)
    assert order == ["measure", "train"]


def hold(folder, held):
    with measuring_slot(folder, quiet):
        held.set()
        time.sleep(60)


def test_a_killed_process_frees_the_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, held))
    holder.start()
    assert held.wait(20)
    with pytest.raises(ExplorerError), measuring_slot(tmp_path, quiet, timeout=0.1):
        pass
    holder.kill()
    holder.join()
    with measuring_slot(tmp_path, quiet, timeout=5):
        pass
