"""The bundle of a chosen variant: model, tokenizer or preprocessor, recipe, results and a ready ``predict.py``."""

from __future__ import annotations

import json
import shutil
import uuid
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from explorer.errors import BadInput

CARRIED = ("model.onnx", "model.json", "preprocessor.json", "tokenizer.json", "example.npy")


def bundle_files(run_folder: Path) -> dict[str, int]:
    """The names in the bundle and the bytes of each, for a preview; raises ``BadInput`` as ``export_bundle`` does."""
    return {name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in _contents(run_folder).items()}  # fmt: skip


def export_bundle(run_folder: Path, to: Path, form: Literal["zip", "folder"] = "zip") -> Path:
    """Write the bundle of a finished run and return where it is.

    A zip is written to ``to`` itself when it ends in ``.zip``, else into that folder under the variant's name; a folder
    is written to ``to``, which must be new or empty. Nothing half-written stays behind.
    Raises ``BadInput`` where the run has no result, its artefact is gone, or ``to`` is taken.
    """
    contents = _contents(run_folder)
    target = to
    if form == "zip" and to.suffix != ".zip":
        target = to / f"{run_folder.name}.zip"
    if form == "folder" and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BadInput(f"The folder '{to}' is not empty; expected is a new or an empty one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
    try:
        (_write_zip if form == "zip" else _write_folder)(contents, unfinished)
        if form == "folder" and to.exists():
            to.rmdir()
        unfinished.replace(target)
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)
    return target


def _contents(run_folder: Path) -> dict[str, bytes | Path]:
    """Everything in the bundle: name to a file on disk, or to the bytes themselves."""
    try:
        result = json.loads((run_folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"The run '{run_folder.name}' has no result; expected is a run that is done.") from None
    artefact = run_folder / "artefact"
    if not (artefact / "model.onnx").is_file():
        raise BadInput(f"The model file of run '{run_folder.name}' is gone; run its recipe again to make it.")
    recipe = yaml.safe_dump(result["recipe"], sort_keys=False, allow_unicode=True)
    contents: dict[str, bytes | Path] = {name: artefact / name for name in CARRIED if (artefact / name).is_file()}
    contents["recipe.yaml"] = recipe.encode()
    contents["results.json"] = json.dumps(result, indent=1, ensure_ascii=False).encode()
    template = resources.files("explorer.bundle") / f"predict_{result['kind']}.py"
    contents["predict.py"] = template.read_bytes()
    contents["README.md"] = _readme(result).encode()
    return contents


def _readme(result: dict[str, Any]) -> str:
    text = result["kind"] == "text"
    example = '"I love it"' if text else "example.npy"
    needs = "onnxruntime tokenizers" if text else "onnxruntime"
    steps = ", ".join(step["technique"] for step in result["recipe"].get("steps", [])) or "uncompressed"
    return (
        f"# {result['recipe']['model']}: {steps}\n\n"
        f"Run it: `pip install {needs}`, then `python predict.py {example}`.\n\n"
        "Make it again: `python -m explorer run recipe.yaml` in the Compression Explorer.\n\n"
        "`results.json` holds every measurement of this file with its conditions and its host.\n"
    )


def _write_zip(contents: dict[str, bytes | Path], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in contents.items():
            if isinstance(content, bytes):
                bundle.writestr(name, content)
            else:
                bundle.write(content, name)


def _write_folder(contents: dict[str, bytes | Path], path: Path) -> None:
    path.mkdir()
    for name, content in contents.items():
        if isinstance(content, bytes):
            (path / name).write_bytes(content)
        else:
            shutil.copyfile(content, path / name)
