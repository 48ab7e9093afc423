"""The benchmark of latencies, with times that are given: only its surroundings are looked at."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer.bench import latency
from explorer.result import Latency


def training_may_start(home: Path) -> bool:
    """Whether a training run of this home would get the machine now."""
    with (home / "measure.gate").open("a") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("part", [latency.agreement, latency.repeatability])
def test_no_run_of_ones_own_trains_beside_it(part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    free = []

    @contextlib.contextmanager
    def artefact(*_: Any) -> Iterator[tuple[Path, Path]]:
        yield tmp_path, tmp_path

    def measure_latency(variant: Path, baseline: Path, target: str, shapes: list[Any], **_: Any) -> list[Latency]:
        free.append(training_may_start(tmp_path))
        return [Latency(target=target, batch=batch, sequence=tokens, speedup=2.0) for batch, tokens in shapes]

    monkeypatch.setattr(latency, "artefact", artefact)
    monkeypatch.setattr(latency, "measure_latency", measure_latency)
    monkeypatch.setattr(latency, "_plain", lambda *_: 2.0)
    assert list(part())
    assert free and not any(free)
    assert training_may_start(tmp_path), "afterwards it may"
