"""Long lists of names under a short one, kept in the home folder, so that an address can carry any selection.

A short list is written out. A long one lies in a file of ``selections`` that is named by its content, since servers
and proxies refuse addresses of more than some thousand letters; the files used last are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from explorer.access import why_not
from explorer.errors import ExplorerError
from explorer.home import home
from explorer.rundir import write_whole

MOST_LETTERS = 1500
"""So many letters of a list stand in the address itself: three lists leave room in the 8,000 that servers take."""
MOST_FILES, MOST_BYTES = 200, 4_000_000
_KEPT = "~"
_DIGEST = re.compile(r"[0-9a-f]{32}")


def in_address(names: Sequence[str]) -> str:
    """The names in an address: by commas, or ``~`` and the digest under which they are kept.

    A guest, or a disk that does not take them, leaves the last of the names: the newest of a selection.
    """
    text = ",".join(quote(name, ": /") for name in names)
    if len(text) <= MOST_LETTERS:
        return text
    return _keep(names) or _last(text)


def from_address(text: str) -> list[str]:
    """The names that stand in an address, each once; none where they were kept and are gone."""
    if text.startswith(_KEPT):
        return list(dict.fromkeys(_kept(text.removeprefix(_KEPT))))
    return list(dict.fromkeys(unquote(name) for name in text.split(",") if name))


def _keep(names: Sequence[str]) -> str | None:
    content = json.dumps(list(names))
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    try:
        path = _folder() / f"{digest}.json"
        if not path.exists():
            if why_not() is not None:
                return None
            write_whole(path, content)
            _forget_oldest()
    except (OSError, ExplorerError):
        return None
    return _KEPT + digest


def _last(text: str) -> str:
    """As many of the last names as the address has room for, at least one."""
    return text[-MOST_LETTERS:].partition(",")[2] or text.rpartition(",")[2]


def _kept(digest: str) -> list[str]:
    if not _DIGEST.fullmatch(digest):
        return []
    try:
        path = _folder() / f"{digest}.json"
        if path.stat().st_size > MOST_BYTES:
            return []
        names = json.loads(path.read_text(encoding="utf-8"))
        os.utime(path)
    except (OSError, ValueError, ExplorerError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _forget_oldest() -> None:
    newest_first = sorted(_folder().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[MOST_FILES:]:
        path.unlink(missing_ok=True)


def _folder() -> Path:
    folder = home() / "selections"
    folder.mkdir(exist_ok=True)
    return folder
