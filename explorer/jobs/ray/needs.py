"""What a run asks a cluster for: processors, GPUs, memory and resources that the cluster's owner invented."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.errors import BadInput
from explorer.rundir import MAKE, finite

KINDS = {"train": 1.0, "compress": 0.0, "measure_gpu": 1.0, "measure_cpu": 0.0}
"""The kinds of work, and how many GPUs each takes where nothing else is said."""


BUILT_IN = ("CPU", "GPU", "memory", "object_store_memory")
"""The resources that every cluster counts; all others were invented by its owner, unless there is a colon in them."""


@dataclass(frozen=True)
class Needs:
    """``memory`` is in bytes, 0 where nothing is known; ``custom`` are resources by their names."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0
    custom: tuple[tuple[str, float], ...] = ()

    def amounts(self) -> dict[str, float]:
        """By Ray's name of a resource how much of it is asked for, where that is anything."""
        found = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory), **dict(self.custom)}
        return {name: amount for name, amount in found.items() if amount > 0}

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
        memory=int(finite(memory) or 0),
        custom=tuple(sorted((name, table[name]) for name in table.keys() - {"CPU", "GPU"} if table[name] > 0)),
    )


def lacking(asked: Needs, nodes: Sequence[Mapping[str, float]]) -> str | None:
    """What no node has of what is asked for; None where one has all of it. ``nodes`` are all resources of each node."""
    wanted = asked.amounts()
    if not nodes or any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return None
    own = sorted({name for node in nodes for name in node if name not in BUILT_IN and ":" not in name})
    most = {name: max(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU", "memory", *own)}
    missing = {name: amount for name, amount in wanted.items() if most.get(name, 0) < amount}
    if "memory" not in (missing or wanted):
        del most["memory"]
    what = _listed(missing) if missing else f"{_listed(wanted)} together"
    return f"No node of the cluster has {what}, which this run asks for; the most that a node has is {_listed(most)}"


def _listed(amounts: Mapping[str, float]) -> str:
    words = {name: f"{amount / 1e9:.1f} GB" if name == "memory" else f"{amount:g}" for name, amount in amounts.items()}
    return ", ".join(f"{name} {word}" for name, word in words.items())


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
