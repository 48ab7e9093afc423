"""The bundle of a chosen variant: model, tokenizer or preprocessor, recipe, results, ``predict.py``, ``measure.py``."""

from __future__ import annotations

import json
import os
import shutil
import uuid
import zipfile
from contextlib import suppress
from importlib import resources
from pathlib import Path, PureWindowsPath
from typing import Any, Literal

import yaml

from explorer.artefacts import baseline_file, model_sha256
from explorer.errors import BadInput
from explorer.home import full, local_path

CARRIED = ("model.onnx", "model.json", "preprocessor.json", "tokenizer.json", "example.npy")
INPUTS, BASELINE = "inputs.npz", "baseline.onnx"
PILLOW = " Pillow reads images such as .png and .jpg; `example.npy` and other .npy files do without it."


def bundle_files(run_folder: Path, with_baseline: bool = False) -> dict[str, int]:
    """The names in the bundle and the bytes of each, for a preview; raises ``BadInput`` as ``export_bundle`` does."""
    return {name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in _contents(run_folder, with_baseline).items()}  # fmt: skip


def export_bundle(
    run_folder: Path, to: Path, form: Literal["zip", "folder"] = "zip", with_baseline: bool = False
) -> Path:
    """Write the bundle of a finished run and return where it is.

    A zip is written to ``to`` itself when it ends in ``.zip``, else into that folder under the variant's name; it holds
    one folder of its own name. A folder is written to ``to``, which must be new or empty. Nothing half-written stays
    behind. ``with_baseline`` adds the uncompressed model, beside which another machine can time the variant.
    Raises ``BadInput`` where the run has no result, its artefact or the baseline is gone, or ``to`` is taken or
    cannot be written.
    """
    contents = _contents(run_folder, with_baseline)
    target = to / f"{run_folder.name}.zip" if form == "zip" and to.suffix != ".zip" else to
    _check_free(target, form)
    unfinished = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if form == "zip":
            _write_zip(contents, unfinished, target.stem)
        else:
            _write_folder(contents, unfinished)
        if form == "folder" and to.exists():
            to.rmdir()
        unfinished.replace(target)
    except OSError as error:
        raise BadInput(f"The bundle cannot be written to '{to}': {_cause(error)}.") from None
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
    return target


def _cause(error: OSError) -> str:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "a file stands where a folder is needed"
    return full(error) or (error.strerror or str(error)).lower()


def _check_free(target: Path, form: Literal["zip", "folder"]) -> None:
    if form == "zip" and target.is_dir():
        raise BadInput(f"'{target}' is a folder; expected is the name of a new file, or a folder to put it in.")
    if form == "folder" and target.is_file():
        raise BadInput(f"'{target}' is a file; expected is a new or an empty folder.")
    if form == "folder" and target.is_dir() and any(target.iterdir()):
        raise BadInput(f"The folder '{target}' is not empty; expected is a new or an empty one.")


def _contents(run_folder: Path, with_baseline: bool) -> dict[str, bytes | Path]:
    """Everything in the bundle: name to a file on disk, or to the bytes themselves."""
    try:
        result = json.loads((run_folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"The run '{run_folder.name}' has no result; expected is a run that is done.") from None
    result = {**result, "recipe": portable(result["recipe"])}
    artefact = run_folder / "artefact"
    if not (artefact / "model.onnx").is_file():
        raise BadInput(f"The model file of run '{run_folder.name}' is gone; run its recipe again to make it.")
    recipe = yaml.safe_dump(result["recipe"], sort_keys=False, allow_unicode=True)
    contents: dict[str, bytes | Path] = {name: artefact / name for name in CARRIED if (artefact / name).is_file()}
    if with_baseline:
        contents[BASELINE] = _baseline(run_folder)
    if (run_folder / INPUTS).is_file():
        contents[INPUTS] = run_folder / INPUTS
    contents["recipe.yaml"] = recipe.encode()
    contents["results.json"] = json.dumps(_named(result, artefact), indent=1, ensure_ascii=False).encode()
    templates = resources.files("explorer.bundle")
    contents["predict.py"] = (templates / f"predict_{result['kind']}.py").read_bytes()
    contents["measure.py"] = (templates / "measure.py").read_bytes()
    contents["README.md"] = _readme(result, tuple(contents)).encode()
    return contents


def portable(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe without this machine's folders: a path is told from the current folder, else by its last part only."""
    here = Path.cwd()
    given = {field: str(recipe[field]) for field in ("model", "data") if recipe.get(field)}
    paths = {field: Path(os.path.normpath(here / local_path(text))) for field, text in given.items() if is_place(text)}
    shown = {
        field: (path.relative_to(here) if path.is_relative_to(here) else Path(path.name)).as_posix()
        for field, path in paths.items()
    }
    return {**recipe, **shown}


def is_place(text: str) -> bool:
    """Whether a model or data is named by where some machine has it, on any system, as ``portable`` never does.

    That is from the root, from a drive, from somebody's own folder or by way of a folder above.
    """
    path = PureWindowsPath(text)  # which knows both slashes
    return bool(path.anchor) or text.startswith("~") or ".." in path.parts


def _named(result: dict[str, Any], artefact: Path) -> dict[str, Any]:
    """The result with the digest of its model file, which older runs do not have."""
    known = result.get("artefact") or {}
    digest = known.get("model_sha256") or model_sha256(artefact / "model.onnx")
    return {**result, "artefact": {**known, "model_sha256": digest}}


def _baseline(run_folder: Path) -> Path:
    path = baseline_file(run_folder)
    if path is None:
        raise BadInput(
            f"The baseline of run '{run_folder.name}' is not on this machine any more; run its recipe again to make it."
        )
    return path


def _readme(result: dict[str, Any], files: tuple[str, ...]) -> str:
    text = result["kind"] == "text"
    example = '"I love it"' if text else "example.npy"
    needs = "onnxruntime tokenizers" if text else "onnxruntime pillow"
    steps = ", ".join(step["technique"] for step in result["recipe"].get("steps", [])) or "uncompressed"
    return (
        f"# {result['recipe']['model']}: {steps}\n\n"
        f"Run it: `pip install {needs}`, then `python predict.py {example}`.{'' if text else PILLOW}\n\n"
        "Make it again: `python -m explorer run recipe.yaml` in the Compression Explorer.\n\n"
        "`results.json` holds every measurement of this file with its conditions and its host.\n\n"
        f"## Measure it on another machine\n\n{_measuring(text, files)}"
    )


def _measuring(text: bool, files: tuple[str, ...]) -> str:
    parts = [
        "`pip install numpy onnxruntime` (`onnxruntime-gpu` for a GPU), then `python measure.py --provider cpu` (or "
        "`cuda`, `tensorrt`). It writes `measurements.json`: times, accuracy, the device and its versions, never the "
        "name of the machine, its users or folders. Take it in where the model was made: "
        "`python -m explorer import-measurements measurements.json`."
    ]
    if BASELINE in files:
        parts.append("`baseline.onnx` is the uncompressed model, timed beside this one.")
    else:
        parts.append(
            "For speed-ups the uncompressed model must be timed beside this one: export with the baseline, or name its "
            "file with `--baseline`."
        )
    if INPUTS in files:
        parts.append(
            "`inputs.npz` holds validation inputs as the model takes them, their labels and the answers given at home."
        )
    if INPUTS in files and text:
        parts.append(
            "The texts are not in it as text, only as token ids; whoever has `tokenizer.json` can turn these back into "
            "words. Where the texts are confidential, delete `inputs.npz`: `measure.py` then times random inputs and "
            "gives no accuracy."
        )
    return "\n\n".join(parts) + "\n"


def _write_zip(contents: dict[str, bytes | Path], path: Path, top: str) -> None:
    """All in one folder ``top``, so that unpacking it litters nothing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in contents.items():
            if isinstance(content, bytes):
                bundle.writestr(f"{top}/{name}", content)
            else:
                bundle.write(content, f"{top}/{name}")


def _write_folder(contents: dict[str, bytes | Path], path: Path) -> None:
    path.mkdir()
    for name, content in contents.items():
        if isinstance(content, bytes):
            (path / name).write_bytes(content)
        else:
            shutil.copyfile(content, path / name)
