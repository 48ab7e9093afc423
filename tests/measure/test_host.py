import getpass
import json
import os
import re
import socket
from pathlib import Path

import psutil
import pytest

from explorer.measure import host
from explorer.measure.host import default_threads, fingerprint, gpu_state, usable_cpus
from explorer.measure.process import _environment


def test_it_holds_no_host_name_user_or_folder():
    text = json.dumps(fingerprint())
    for secret in (socket.gethostname(), os.uname().nodename, getpass.getuser(), str(Path.cwd()), str(Path.home())):
        # A user called "root" or "user" may be part of another word.
        assert not re.search(rf"\b{re.escape(secret)}\b", text)


def test_it_describes_this_machine():
    import numpy
    import onnxruntime

    found = fingerprint(threads=3)
    assert found["threads"] == 3
    assert found["memory_bytes"] == psutil.virtual_memory().total
    assert found["versions"]["numpy"] == numpy.__version__
    assert found["versions"]["onnxruntime"] == onnxruntime.__version__
    assert found["cores"] == len(usable_cpus())
    assert found["cpu"]


def test_default_threads_are_cores_that_may_be_used():
    assert 1 <= default_threads() <= len(usable_cpus())


@pytest.mark.parametrize(("visible", "asked"), [(None, ()), ("1,0", ("--id=1",)), ("GPU-5a, 0", ("--id=GPU-5a",))])
def test_with_a_fake_nvidia_smi_the_gpu_that_is_used_is_named(monkeypatch, visible, asked):
    """On a machine with several, the first is not the one that CUDA_VISIBLE_DEVICES leaves."""
    commands = []

    def fake_output(*command):
        commands.append(command)
        return "Imaginary GPU, 999.1, 24576" if "name" in command[-2] else "1980, 2619, 512, 41"

    monkeypatch.setattr(host, "_output", fake_output)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = gpu_state()
    assert (found["name"], found["driver"], found["memory_bytes"]) == ("Imaginary GPU", "999.1", 24576 << 20)
    assert (found["sm_clock_mhz"], found["memory_clock_mhz"]) == (1980, 2619)
    assert [command[1:-2] for command in commands] == [asked, asked]


def test_cuda_counts_gpus_as_nvidia_smi_does(monkeypatch):
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    assert _environment()["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    assert _environment()["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST", "somebody's choice is kept"
