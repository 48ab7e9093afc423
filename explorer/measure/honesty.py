"""Is the artefact what its recipe claims? What looks compressed and is not, is called by its name.

Each sentence is a finding that stands before all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from explorer.technique import techniques

MANY_ZEROS = 0.01


def suspicions(result: dict[str, Any], baseline_sha256: str) -> list[str]:
    """What contradicts the recipe in a result (``Result.model_dump()``); empty where all is well.

    ``baseline_sha256`` is that of the baseline's ``model.onnx``.
    """
    if not result["recipe"].get("steps"):
        return []
    if result["artefact"]["model_sha256"] == baseline_sha256:
        return [_renamed(result)]
    return list(_masked(result))


def _renamed(result: dict[str, Any]) -> str:
    names = ", ".join(step["technique"] for step in result["recipe"]["steps"])
    return (
        f"This file is the baseline under another name: after {names} it has the same bytes "
        f"(sha256 {result['artefact']['model_sha256'][:12]}). Move a slider away from its neutral value."
    )


def _masked(result: dict[str, Any]) -> Iterator[str]:
    """Steps that promise fewer parameters, in a file that has as many, some of them zero."""
    size, before = result["size"], result["baseline_size"]
    zeros = before["nonzero_parameters"] - size["nonzero_parameters"]
    if size["parameters"] < before["parameters"] or zeros < MANY_ZEROS * before["parameters"]:
        return
    known = techniques()
    for step in result["recipe"]["steps"]:
        technique = known.get(step["technique"])
        if technique is not None and "parameters" in technique.effect:
            yield (
                f"Masked, not pruned: {technique.name} promises fewer parameters, but the file has "
                f"{size['parameters']:,} as the baseline, {zeros:,} of them only set to zero."
            )
