"""The engine's code as a package for a cluster: named by its content, so that it is uploaded once."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import explorer

ROOT = Path(explorer.__file__).parents[1]
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", "recorded")
"""Folders that no run reads."""


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
