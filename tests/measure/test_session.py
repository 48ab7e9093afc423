"""What a session asks of the measuring functions; times are given here, not taken."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from explorer.measure import latency, starting
from explorer.measure.session import Session
from explorer.measure.shapes import REAL
from explorer.recipe import Measuring
from explorer.result import Latency, TargetUse
from explorer.tasks import Split


def session(folder: Path, **how: Any) -> Session:
    task = SimpleNamespace(kind="text", splits={"validation": Split(["w2 w3"], [0])})
    given = folder, folder, "", True, task, ("cpu-onnxruntime",), Measuring(**how)
    return Session(*given, 0, lambda **_: None)


@pytest.mark.parametrize(
    ("lengths", "shape"),
    [(("real",), (2, 6)), ((4, "real"), (2, 4)), (("real", 8), (2, 6))],
)
def test_starts_are_made_at_the_smallest_shape_that_was_timed(text_artefact, monkeypatch, lengths, shape) -> None:
    """Texts of real lengths have six tokens here: a start with fewer would look as if it took less memory."""
    asked = []

    def timed(*folders_and_target: Any, **_: Any) -> tuple[list[Latency], TargetUse]:
        name, shapes = folders_and_target[2:4]
        lengths = [6 if tokens == REAL else tokens for _, tokens in shapes]
        entries = [Latency(target=name, batch=shape[0], sequence=n) for shape, n in zip(shapes, lengths, strict=True)]
        return entries, TargetUse(target=name, provider="", precision_asked="stored", precision_used="fp32")

    monkeypatch.setattr(latency, "measure_target", timed)
    monkeypatch.setattr(starting, "measure_starts", lambda *given: asked.append(given[3]))
    session(text_artefact, batches=(4, 2), lengths=lengths).latencies()
    assert asked == [shape]
