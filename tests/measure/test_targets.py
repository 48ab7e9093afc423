import json
import subprocess
import sys

import pytest

from explorer.errors import BadInput
from explorer.measure import targets as module
from explorer.measure.targets import availability, check_target_names, targets


def test_names_begin_with_the_device_and_name_the_runtime():
    for name, target in targets().items():
        assert name == target.name and name.startswith(f"{target.device}-{target.runtime}")
    devices = {(target.device, target.runtime) for target in targets().values()}
    assert devices >= {("cpu", "openvino"), ("cuda", "tensorrt"), ("cuda", "torch"), ("mps", "torch")}


def test_a_name_says_what_differs_from_the_usual():
    for name, target in targets().items():
        rest = name.removeprefix(f"{target.device}-{target.runtime}").removeprefix("-")
        way = "compiled" if target.compiled else "sparse" if target.sparse else target.precision
        asked = way if target.runtime == "torch" else rest
        assert rest == ("" if asked in ("stored", "") else asked)


def test_checked_names_keep_their_order_and_lose_repeats():
    assert check_target_names(["cpu-torch", "cpu-onnxruntime", "cpu-torch"]) == ("cpu-torch", "cpu-onnxruntime")


@pytest.mark.parametrize("names", [["gpu"], [], "cpu-torch", [3]])
def test_wrong_names_list_the_known_ones(names):
    with pytest.raises(BadInput, match=", ".join(targets())):
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
    assert availability("cpu-openvino") == "the package openvino is not installed"
    assert availability("cuda-tensorrt") == "the package tensorrt is not installed"


def test_compiling_needs_a_compiler(monkeypatch):
    assert availability("cpu-torch-compiled") is None or "compiler" in availability("cpu-torch-compiled")
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    assert availability("cpu-torch-compiled") == "torch.compile needs a C++ compiler such as g++"


def test_an_apple_gpu_is_found_by_system_and_machine(monkeypatch):
    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module.platform, "machine", lambda: "arm64")
    assert availability("mps-torch") is None
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    assert availability("mps-torch") == "no Apple GPU was found on this machine"


def test_torch_says_itself_whether_it_has_cuda():
    import torch

    assert module._torch_has_cuda() == (torch.version.cuda is not None)


def test_asking_imports_neither_torch_nor_onnxruntime():
    code = (
        "import json, sys; from explorer.measure.targets import *; [availability(n) for n in targets()];"
        "print(json.dumps([m for m in ('torch', 'onnxruntime', 'openvino', 'numpy', 'onnx') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
