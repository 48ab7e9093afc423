"""The cache: what two runs need at the same time is computed by one, and the other says that it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from explorer import cache
from explorer.measure.lock import training_slot
from tests.support.disk import Disk


def _folder(make: Callable[[], None]) -> None:
    cache.folder("exports", "name", lambda path: make())


def _array(make: Callable[[], None]) -> None:
    def compute():
        make()
        return np.zeros(1, np.float32)

    cache.array("logits", "name", compute)


@pytest.mark.parametrize("need", [_folder, _array])
def test_whoever_waits_for_what_another_computes_says_so_and_computes_nothing(tmp_path: Path, monkeypatch, need):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    said: dict[str, list[str]] = {"first": [], "second": []}
    made: list[str] = []
    begun, waited = threading.Event(), threading.Event()

    def run(name: str) -> None:
        def tell(text: str) -> None:
            said[name].append(text)
            waited.set()

        def make() -> None:
            made.append(name)
            begun.set()
            assert waited.wait(20), "the other one says that it waits"

        with training_slot(tmp_path, tell):
            need(make)

    with ThreadPoolExecutor(2) as both:
        first = both.submit(run, "first")
        assert begun.wait(20)
        second = both.submit(run, "second")
        first.result()
        second.result()
    assert made == ["first"]
    assert said == {"first": [], "second": ["waiting for another run that computes the same"]}


def test_what_is_kept_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))

    def make(path: Path) -> None:
        (path / "torch").mkdir()
        for name in ("subject.json", "torch/model.safetensors"):
            (path / name).write_bytes(b"weights")

    disk = Disk(monkeypatch)
    kept = cache.folder("prefixes", "name", make)
    disk.check_safe(kept, before="name")
    disk.check_kept(kept)
    cache.array("logits", "numbers", lambda: np.zeros(1, np.float32))
    disk.check_safe(tmp_path / "cache" / "logits" / "numbers.npy", before="numbers.npy")
    disk.check_kept(tmp_path / "cache" / "logits" / "numbers.npy")
