"""What this host reaches at best: floating-point operations and bytes a second, by a quick calibration."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from explorer.home import cache_folder
from explorer.measure.host import fingerprint
from explorer.measure.process import run_fresh

KEPT_SECONDS = 24 * 3600.0
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Peaks:
    """The most that was seen: 10^9 operations a second (two for a multiply-add) in fp32, 10^9 bytes read a second."""

    gflops: float
    gbytes_per_s: float


def host_peaks(threads: int) -> Peaks:
    """The peaks of this host with ``threads`` threads; measured in about a second, then remembered for a day.

    Operations are those of a large square fp32 product in ONNX Runtime, the runtime that is judged by them, and bytes
    those of its sum over a matrix of 256 MB, larger than most caches; the best of several repeats counts. So a peak is
    what this runtime reaches with an ideal shape, not what the processor's data sheet says. Integer products can be
    faster than it, weights that stay in a cache are read faster than it, and where a cache holds 256 MB the bytes are
    the cache's. A calibration that other processes disturbed is used once and not remembered. Raises ``ExplorerError``
    when the calibrating process fails.
    """
    path = cache_folder("peaks") / f"{_key(threads)}.json"
    known = _read(path)
    if known is not None:
        return known
    found = run_fresh("explorer.measure.peak_process", {"threads": threads}, TIMEOUT_S)
    peaks = Peaks(found["gflops"], found["gbytes_per_s"])
    if found["quiet"]:
        _write(path, peaks)
    return peaks


def _key(threads: int) -> str:
    """What the peaks depend on, as 16 digits: processor, instruction sets, threads and the runtime's version."""
    host = fingerprint(threads)
    facts = [host["cpu"], host["isa"], host["cores"], host["threads"], host["versions"].get("onnxruntime")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _read(path: Path) -> Peaks | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        age = time.time() - fields.pop("measured_at")
        return Peaks(**fields) if 0 <= age < KEPT_SECONDS else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, peaks: Peaks) -> None:
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    unfinished.write_text(json.dumps(asdict(peaks) | {"measured_at": time.time()}), encoding="utf-8")
    unfinished.replace(path)
