"""What a job takes is counted over all its processes, and between two looks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from explorer.home import runs_folder
from explorer.jobs import processes, usage
from explorer.rundir import RunFolder

REQUEST = {"recipe": {"model": "cnn-digits", "steps": [], "targets": []}, "digest": "d", "study": "default"}
BUSY = "x = bytearray(60_000_000)\nprint(flush=True)\nwhile True: pass"


@pytest.fixture
def busy():
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_a_busy_worker_takes_a_core_and_its_memory(home, busy):
    folder = RunFolder.create(runs_folder(), REQUEST)
    assert usage.usage(folder.run) is None
    folder.claim({**processes.mark(busy.pid), "claimed_at": 0})
    first = usage.usage(folder.run)
    assert first and first.cores is None and 60e6 < first.rss_bytes < 200e6
    cpu = processes.family(folder.worker())[0].cpu_times
    home.until(lambda: cpu().user > 0.3)
    second = usage.usage(folder.run)
    assert second and second.cores and 0 < second.cores < 1.2
    busy.kill()
    busy.wait()
    assert usage.usage(folder.run) is None


def test_time_that_left_with_a_process_is_no_negative_use():
    assert usage._cores((1.0, 5.0), 2.0, 4.0) is None
    assert usage._cores((1.0, 5.0), 3.0, 8.0) == 1.5


@pytest.mark.parametrize(
    ("technique", "target", "here", "uses"),
    [
        ("fine-tune", "cpu-onnxruntime", {"cuda-torch"}, True),
        ("fine-tune", "cpu-onnxruntime", set(), False),
        ("int8-dynamic", "cpu-onnxruntime", {"cuda-torch", "cuda-onnxruntime"}, False),
        ("int8-dynamic", "cuda-onnxruntime", {"cuda-onnxruntime"}, True),
        ("int8-dynamic", "cuda-onnxruntime", {"cuda-torch"}, False),
    ],
)
def test_what_trains_or_is_measured_there_uses_a_gpu_that_is_here(monkeypatch, technique, target, here, uses):
    monkeypatch.setattr(usage, "availability", lambda target: None if target in here else "not here")
    recipe = {"model": "cnn-digits", "steps": [{"technique": technique}], "targets": [target]}
    assert usage.uses_gpu(recipe) is uses
