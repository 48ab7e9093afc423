"""What a run asks a cluster for: processors, GPUs, memory and resources that the cluster's owner invented."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from explorer.errors import BadInput


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


def needs(request: dict[str, Any], trains: bool, gpus: float, extra: dict[str, float]) -> Needs:
    """What a run asks for: a GPU where the cluster has any and the run trains or is measured on one.

    ``gpus`` is how many GPUs the whole cluster has. ``extra`` adds resources, or says how many ``CPU`` and ``GPU`` a
    run asks for. Measuring needs no resource of its own: on a node, a lock lets one run measure at a time.
    """
    on_gpu = any(str(target).startswith("cuda") for target in request["recipe"].get("targets", ()))
    wants_gpu = gpus > 0 and (trains or on_gpu)
    memory = request.get("memory_bytes")
    return Needs(
        cpus=extra.get("CPU", 1.0),
        gpus=extra.get("GPU", 1.0) if wants_gpu else 0.0,
        memory=int(memory) if isinstance(memory, (int, float)) else 0,
        custom=tuple(sorted((name, amount) for name, amount in extra.items() if name not in ("CPU", "GPU"))),
    )


def trains(recipe: dict[str, Any]) -> bool:
    """Whether any step of a recipe takes training data or gradients."""
    from explorer.labels import needed  # imported late: the supervisor is small without it

    return bool(needed(recipe) & {"training", "gradients"})


def extra_from_environment() -> dict[str, float]:
    """``EXPLORER_RAY_RESOURCES``, such as ``{"measure": 1}``; raises ``BadInput`` for anything else."""
    given = os.environ.get("EXPLORER_RAY_RESOURCES")
    try:
        found = json.loads(given) if given else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(_is_amount(amount) for amount in found.values()):
        raise BadInput(
            f"EXPLORER_RAY_RESOURCES is '{given}'; expected are names and amounts, such as {{\"measure\": 1}}."
        )
    return {name: float(amount) for name, amount in found.items()}


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e6
