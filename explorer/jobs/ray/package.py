"""Packages for a cluster, named by their content: the engine's code, uploaded once, and artefacts to be measured."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import explorer
from explorer.errors import ExplorerError
from explorer.rundir import MADE

ROOT = Path(explorer.__file__).parents[1]
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", "recorded")
"""Folders that no run reads."""
PIECE = 48 * 1024 * 1024
"""The most bytes of files in a package: Ray's head takes no request of more than 100 MiB."""


def contents(root: Path = ROOT) -> dict[str, bytes]:
    """By its name, what a node needs to execute a run: the package ``explorer`` with its models and texts."""
    inside = (path for path in sorted((root / "explorer").rglob("*")) if path.is_file())
    names = {path: path.relative_to(root) for path in inside}
    return {name.as_posix(): path.read_bytes() for path, name in names.items() if not set(name.parts) & set(_LEFT_OUT)}


def name(files: dict[str, bytes]) -> str:
    """The package's name, as Ray names packages: it changes with any file's name or content."""
    total = hashlib.sha256()
    for path, content in files.items():
        total.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return f"_ray_pkg_{total.hexdigest()[:32]}.zip"


def zipped(files: dict[str, bytes]) -> bytes:
    """The files in a zip archive; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def pieces(run: Path, most: int = PIECE) -> Iterator[dict[str, bytes]]:
    """The artefact that is made in a run's folder, as the files of one package after another; long files are cut."""
    found: dict[str, bytes] = {}
    for path in [run / MADE, *sorted(path for path in (run / "artefact").rglob("*") if path.is_file())]:
        name = path.relative_to(run).as_posix()
        with path.open("rb") as file:
            for data in _cut(file, most):
                if found and sum(map(len, found.values())) + len(data) > most:
                    yield found
                    found = {}
                found[name] = data
    yield found


def join(packages: Iterable[str], run: Path) -> None:
    """Put together what ``pieces`` cut, from packages that Ray unpacked and put on Python's path."""
    for package in packages:
        place = next((Path(path) for path in sys.path if Path(path).name == package.removesuffix(".zip")), None)
        if place is None:
            raise ExplorerError("The artefact to measure did not arrive on the node.")
        for path in sorted(path for path in place.rglob("*") if path.is_file()):
            target = run / path.relative_to(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as file:
                file.write(path.read_bytes())


def _cut(file: BinaryIO, most: int) -> Iterator[bytes]:
    """What a file holds, in parts of at most so many bytes; one part of nothing where it is empty."""
    data = file.read(most)
    yield data
    while data := file.read(most):
        yield data
