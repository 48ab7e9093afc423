"""Bundles or recipes of several variants in one zip file: a folder or a file for each."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from explorer.errors import BadInput, ExplorerError
from explorer.export import bundle_files, export_bundle, portable
from explorer.recipe import Recipe


class Named(Protocol):
    """What a bundle is called by; ``explorer.store.RunRow`` has it."""

    @property
    def run(self) -> str: ...
    @property
    def recipe(self) -> dict[str, Any]: ...


def bundle_name(run: Named) -> str:
    """Model and run as a name of a file or folder: ``minilm-tweets-20261120-100000-1a2b3c``."""
    model = str(portable({"model": run.recipe["model"]})["model"])
    words = re.sub(r"[^0-9A-Za-z._-]+", "-", model).strip("-.")
    return f"{words}-{run.run}" if words else run.run


def with_model(folders: Mapping[str, Path]) -> dict[str, int]:
    """Of run folders by name: the bytes of the model file, which is most of a bundle, of those that have one."""
    found = {}
    for name, folder in folders.items():
        with suppress(OSError):
            found[name] = (folder / "artefact" / "model.onnx").stat().st_size
    return found


def parts(sizes: Mapping[str, int], most_bytes: int, most: int) -> list[list[str]]:
    """The names in order, in parts of at most ``most`` names and ``most_bytes``; a larger one has a part of its own."""
    found: list[list[str]] = []
    room = 0
    for name, size in sizes.items():
        if not found or size > room or len(found[-1]) == most:
            found.append([])
            room = most_bytes
        found[-1].append(name)
        room -= size
    return found


def previews(folders: Mapping[str, Path]) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """Of run folders by name: the files of each bundle with their bytes before zipping, and why others have none."""
    found, reasons = {}, {}
    for name, folder in folders.items():
        try:
            found[name] = bundle_files(folder)
        except BadInput as error:
            reasons[name] = str(error)
    return found, reasons


def recipe_texts(runs: Iterable[Named]) -> tuple[dict[str, str], dict[str, str]]:
    """The recipes of runs as YAML by the names of their files, and why others have none, by run."""
    texts, reasons = {}, {}
    for run in runs:
        try:
            texts[f"{bundle_name(run)}.yaml"] = Recipe.parse(run.recipe).to_yaml()
        except ExplorerError as error:
            reasons[run.run] = str(error)
    return texts, reasons


def zipped(texts: Mapping[str, str], folder: str) -> bytes:
    """A zip file with one ``folder`` of text files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as together:
        for name, text in texts.items():
            together.writestr(f"{folder}/{name}", text)
    return content.getvalue()


def export_bundles(folders: Mapping[str, Path], to: Path) -> Path:
    """Write a zip with one bundle per run folder, each in a folder named by its key; returns ``to``.

    One bundle at a time lies unpacked on the disk meanwhile, and nothing half-written stays behind. Raises ``BadInput``
    where there is nothing to write, or where ``export_bundle`` does.
    """
    if not folders:
        raise BadInput("There is no bundle to write; expected is one finished run or more.")
    draft = to.with_name(f".{to.name}-{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as together:
            for name, folder in folders.items():
                bundle = export_bundle(folder, Path(place) / name, "folder")
                for path in sorted(bundle.iterdir()):
                    together.write(path, f"{name}/{path.name}")
                shutil.rmtree(bundle)
        draft.replace(to)
    except OSError as error:
        raise BadInput(f"The bundles cannot be written to '{to}': {(error.strerror or str(error)).lower()}.") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return to
