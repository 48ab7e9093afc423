"""What the dashboard shows of the cluster: its nodes, what is free on them, and which runs are where."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from explorer.errors import ExplorerError
from explorer.jobs.engine import on_cluster
from explorer.jobs.ray.api import RayClient, warning_of_open
from explorer.jobs.ray.needs import BUILT_IN


@dataclass(frozen=True)
class Node:
    """A node that is alive: the first letters of its id, whether it is the head, and what it has and has left.

    What is left is as Ray said last, some seconds ago. ``custom`` are the resources that the cluster's owner named, as
    (name, left, all); ``runs`` those that are executed there, which take at least what they asked for.
    """

    name: str
    head: bool
    cpus: float
    gpus: float
    free_cpus: float
    free_gpus: float
    custom: tuple[tuple[str, float, float], ...]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """The nodes, the head first; ``problem`` is the sentence for why nothing is known, else None.

    ``warning`` is the one for a cluster that asks nobody for a token.
    """

    nodes: tuple[Node, ...]
    problem: str | None = None
    warning: str | None = None


def cluster() -> Cluster | None:
    """The cluster that runs go to, asked now (at most some seconds); None where they go to this machine."""
    if not on_cluster():
        return None
    try:
        client = RayClient.from_environment()
        warning = warning_of_open(client.address) if client.is_open() else None
        return Cluster(described(client.nodes(), client.jobs(), client.usage()), warning=warning)
    except ExplorerError as error:
        return Cluster((), str(error))


def described(
    rows: Iterable[dict[str, Any]], jobs: Iterable[dict[str, Any]], usage: dict[str, dict[str, Any]]
) -> tuple[Node, ...]:
    """The nodes that are alive, from what Ray says about nodes, jobs and, by node, what is used of its resources."""
    running = [job for job in jobs if job.get("status") == "RUNNING"]
    nodes = [_node(row, running, usage.get(str(row.get("node_id")), {})) for row in rows if row.get("state") == "ALIVE"]
    return tuple(sorted(nodes, key=lambda node: (not node.head, node.name)))


def _node(row: dict[str, Any], running: list[dict[str, Any]], usage: dict[str, Any]) -> Node:
    total, name = row.get("resources_total") or {}, str(row.get("node_id"))
    names = sorted(key for key in total if key not in BUILT_IN and ":" not in key)
    here = [job for job in running if job.get("driver_node_id") == name and job.get("metadata")]
    runs = (job["metadata"].get("explorer_run") for job in here)
    return Node(
        name=name[:8],
        head=bool(row.get("is_head_node")),
        cpus=float(total.get("CPU", 0)),
        gpus=float(total.get("GPU", 0)),
        free_cpus=_free(total, usage, "CPU", _asked(here, "CPU")),
        free_gpus=_free(total, usage, "GPU", _asked(here, "GPU")),
        custom=tuple((key, _free(total, usage, key, _asked(here, key)), float(total[key])) for key in names),
        runs=tuple(sorted(str(run) for run in runs if run)),
    )


def _free(total: dict[str, Any], usage: dict[str, Any], name: str, asked: float) -> float:
    used = usage.get(name)
    taken = float(used[0]) if isinstance(used, list) and used else 0.0
    return max(float(total.get(name, 0)) - max(taken, asked), 0.0)


def _asked(jobs: list[dict[str, Any]], name: str) -> float:
    """How much of a resource these jobs asked for, as far as they are ours."""
    total = 0.0
    for job in jobs:
        with suppress(ValueError, TypeError):
            total += float(job["metadata"].get(f"explorer_{name}", 0))
    return total
