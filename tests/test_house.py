"""The rules of the house: who may import whom, and that the guide for contributors is true."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import torch

from explorer.technique import Technique
from tests.techniques.workbench import workbench

ROOT = Path(__file__).parents[1]
ENGINE = sorted((ROOT / "explorer").rglob("*.py"))
HEAVY = {"torch", "transformers", "onnxruntime", "onnx", "torch_pruning", "safetensors"}
LIGHT = ("technique", "recipe", "result", "errors", "home", "store", "rundir", "labels", "pareto", "charts", "variants",
         "export", "cli", "jobs", "texts", "techniques", "context", "planning", "comparison", "highlights",
         "artefacts", "importing", "seeds", "advice", "twins", "runlike", "studies", "housekeeping")  # fmt: skip


def imported(path: Path, top_level_only: bool) -> set[str]:
    """The first parts of the names of all modules that a file imports (type-checking imports left out)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    nodes = ast.walk(tree) if not top_level_only else iter(tree.body)
    names: set[str] = set()
    for node in nodes:
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_engine_never_imports_streamlit() -> None:
    for path in ENGINE:
        assert not {name for name in imported(path, False) if name.split(".")[0] == "streamlit"}, path


def test_the_engine_never_imports_pages() -> None:
    for path in ENGINE:
        assert not {name for name in imported(path, False) if name.split(".")[0] in ("pages", "app")}, path


def test_light_modules_import_nothing_heavy() -> None:
    for path in ENGINE:
        if path.relative_to(ROOT / "explorer").parts[0].removesuffix(".py") in LIGHT:
            assert not {name.split(".")[0] for name in imported(path, True)} & HEAVY, path


def test_imports_go_down() -> None:
    above = {
        "techniques": ("pipeline", "jobs", "store", "charts", "export", "cli"),
        "models": ("pipeline", "jobs", "store", "charts", "export", "cli", "techniques"),
        "measure": ("pipeline", "jobs", "store", "charts", "export", "cli", "techniques"),
        "tasks": ("pipeline", "jobs", "store", "charts", "export", "cli", "techniques", "models"),
        "pipeline.py": ("jobs", "store", "charts", "export", "cli"),
    }
    for path in ENGINE:
        forbidden = above.get(path.relative_to(ROOT / "explorer").parts[0], ())
        names = {name.split(".")[1] for name in imported(path, True) if name.startswith("explorer.")}
        if "builtin" not in path.parts:  # the training scripts stand on everything
            assert not names & set(forbidden), path


def test_the_guide_for_contributors_adds_a_working_technique(tmp_path, monkeypatch) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    path = tmp_path / "round_weights.py"
    path.write_text(code.group(1), encoding="utf-8")
    specification = importlib.util.spec_from_file_location("round_weights", path)
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "round_weights", module)
    specification.loader.exec_module(module)
    technique = module.RoundWeights
    assert issubclass(technique, Technique) and technique.summary().endswith(".")
    assert [(p.name, p.kind, p.low, p.high) for p in technique.parameters()] == [("grid", "slider", 0.001, 0.1)]
    bench = workbench("bert")
    subject, context = bench.subject(), bench.context()
    technique(grid=0.05).apply(subject, context)
    weight = subject.model.bert.encoder.layer[0].output.dense.weight
    assert torch.allclose(weight / 0.05, (weight / 0.05).round(), atol=1e-4)
    assert context.notes == ["Every weight is a multiple of 0.05."]


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2 and lines[0].endswith("streamlit run app.py") and lines[1].endswith("-m pytest")


def test_both_requirements_differ_in_the_gpu_packages_only() -> None:
    def lines(name: str) -> set[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return {line for line in text.splitlines() if line and not line.startswith("#")}

    usual, gpu = lines("requirements.txt"), lines("requirements-gpu.txt")
    (onnxruntime,) = usual - gpu
    assert onnxruntime.startswith("onnxruntime==")
    assert {line.split("==")[0] for line in gpu - usual} == {"onnxruntime-gpu", "nvidia-ml-py"}
    assert onnxruntime.replace("onnxruntime==", "onnxruntime-gpu==") in gpu


def test_onnxruntime_reports_nothing_to_its_makers(tmp_path: Path) -> None:
    """It may leave an identifier in the folder for temporary files; whether it does depends on the machine."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    code = "import explorer, onnxruntime, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "1"
    assert list(tmp_path.iterdir()) == []


def test_openvino_reports_nothing_to_its_makers() -> None:
    code = "import explorer, openvino; print(openvino.tools.ovc.telemetry_utils.tm.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub"
