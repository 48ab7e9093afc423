"""What a run asks a cluster for: processors, GPUs, memory and resources that the cluster's owner invented."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from explorer.errors import BadInput
from explorer.rundir import MAKE

KINDS = {"train": 1.0, "compress": 0.0, "measure_gpu": 1.0, "measure_cpu": 0.0}
"""The kinds of work, and how many GPUs each takes where nothing else is said."""


@dataclass(frozen=True)
class Needs:
    """``memory`` is in bytes, 0 where nothing is known; ``custom`` are resources by their names."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0
    custom: tuple[tuple[str, float], ...] = ()

    def fields(self) -> dict[str, Any]:
        """The fields of a Ray job that say so."""
        found: dict[str, Any] = {"entrypoint_num_cpus": self.cpus, "entrypoint_num_gpus": self.gpus}
        found |= {"entrypoint_memory": self.memory} if self.memory else {}
        return found | ({"entrypoint_resources": dict(self.custom)} if self.custom else {})


def needs(request: dict[str, Any], kind: str, tables: dict[str, dict[str, float]]) -> Needs:
    """What work of a kind asks for; ``tables`` adds resources to kinds, or says how many ``CPU`` and ``GPU`` they take.

    Measuring needs no resource of its own: on a node, a lock lets one run measure at a time.
    """
    table, memory = tables.get(kind, {}), request.get("memory_bytes")
    return Needs(
        cpus=table.get("CPU", 1.0),
        gpus=table.get("GPU", KINDS[kind]),
        memory=int(memory) if isinstance(memory, (int, float)) else 0,
        custom=tuple(sorted((name, table[name]) for name in table.keys() - {"CPU", "GPU"} if table[name] > 0)),
    )


def kind(recipe: dict[str, Any], part: str, gpus: float) -> str:
    """The kind of work that a part of a run is, on a cluster with so many GPUs: without one, nothing asks for any."""
    if part == MAKE:
        return "train" if gpus > 0 and trains(recipe) else "compress"
    on_gpu = any(str(target).startswith("cuda") for target in recipe.get("targets", ()))
    return "measure_gpu" if gpus > 0 and on_gpu else "measure_cpu"


def trains(recipe: dict[str, Any]) -> bool:
    """Whether any step of a recipe takes training data or gradients."""
    from explorer.labels import needed  # imported late: the supervisor is small without it

    return bool(needed(recipe) & {"training", "gradients"})


def tables_from_environment() -> dict[str, dict[str, float]]:
    """By kind of work, the resources that ``EXPLORER_RAY_RESOURCES`` names; raises ``BadInput`` for anything odd.

    It holds one table for all kinds, such as ``{"measure": 1}``, of which kinds that take no GPU leave ``GPU`` out, or
    a table for each of some kinds, such as ``{"measure_cpu": {"measure": 1}}``.
    """
    given = os.environ.get("EXPLORER_RAY_RESOURCES")
    try:
        found = json.loads(given) if given else {}
    except ValueError:
        found = None
    if isinstance(found, dict) and _is_table(found):
        return {name: {key: float(found[key]) for key in found if gpus or key != "GPU"} for name, gpus in KINDS.items()}
    if isinstance(found, dict) and found.keys() <= KINDS.keys() and all(map(_is_table, found.values())):
        return {name: {key: float(amount) for key, amount in table.items()} for name, table in found.items()}
    raise BadInput(
        f"EXPLORER_RAY_RESOURCES is '{given}'; expected are names and amounts, such as {{\"measure\": 1}}, or such a "
        f"table for each of some of {', '.join(KINDS)}."
    )


def _is_table(found: object) -> bool:
    return isinstance(found, dict) and all(map(_is_amount, found.values()))


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e6
