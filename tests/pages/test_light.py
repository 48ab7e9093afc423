"""The dashboard's process stays free of what only workers need."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import importlib, sys
from pathlib import Path
for path in sorted(Path("pages/parts").glob("*.py")):
    importlib.import_module(f"pages.parts.{path.stem}")
from explorer.measure.targets import availability, targets
from explorer.technique import techniques
techniques(), [availability(name) for name in targets()]
from pages.parts import data
data.model_cards(), data.runs(), data.variants()
heavy = ("torch", "transformers", "onnxruntime", "onnx", "sklearn", "huggingface_hub")
print([name for name in heavy if name in sys.modules])
"""


def test_no_page_imports_torch_transformers_or_onnxruntime(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"EXPLORER_HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]"


def test_pandas_is_whole_before_any_page_draws():
    """Plotly takes what is in ``sys.modules``, and another session's first table may be importing it at the moment."""
    script = "import sys, pages.parts.page; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_engine_never_imports_streamlit():
    for path in (ROOT / "explorer").rglob("*.py"):
        assert "import streamlit" not in path.read_text(encoding="utf-8"), path


def test_pages_stay_short():
    for path in [ROOT / "app.py", *(ROOT / "pages").glob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 80, path
