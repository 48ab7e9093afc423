import json
import subprocess
import sys

import pytest

from explorer.errors import BadInput
from explorer.measure import targets as module
from explorer.measure.targets import availability, check_target_names, targets


def test_names_say_device_and_runtime():
    assert {name: (t.device, t.runtime) for name, t in targets().items()} == {
        "cpu-onnxruntime": ("cpu", "onnxruntime"),
        "cpu-torch": ("cpu", "torch"),
        "cuda-onnxruntime": ("cuda", "onnxruntime"),
        "cuda-torch": ("cuda", "torch"),
    }


def test_checked_names_keep_their_order_and_lose_repeats():
    assert check_target_names(["cpu-torch", "cpu-onnxruntime", "cpu-torch"]) == ("cpu-torch", "cpu-onnxruntime")


@pytest.mark.parametrize("names", [["gpu"], [], "cpu-torch", [3]])
def test_wrong_names_list_the_known_ones(names):
    with pytest.raises(BadInput, match="cpu-onnxruntime, cpu-torch, cuda-onnxruntime, cuda-torch"):
        check_target_names(names)


def test_availability_tells_the_first_thing_that_is_missing(monkeypatch):
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: False)
    assert availability("cpu-onnxruntime") is None
    assert availability("cuda-torch") == "no NVIDIA GPU was found on this machine"
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(module, "_has_distribution", lambda name: False)
    assert availability("cuda-onnxruntime") == "the installed onnxruntime has no CUDA provider"
    monkeypatch.setattr(module, "_has_distribution", lambda name: True)
    assert availability("cuda-onnxruntime") is None
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert availability("cpu-torch") == "the package torch is not installed"


def test_torch_says_itself_whether_it_has_cuda():
    import torch

    assert module._torch_has_cuda() == (torch.version.cuda is not None)


def test_asking_imports_neither_torch_nor_onnxruntime():
    code = (
        "import json, sys; from explorer.measure.targets import *; [availability(n) for n in targets()];"
        "print(json.dumps([m for m in ('torch', 'onnxruntime', 'numpy', 'onnx') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
