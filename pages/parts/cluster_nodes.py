"""The nodes of the cluster that runs go to, on the Runs page: what they have, what is free, and what runs where."""

from __future__ import annotations

import streamlit as st

from explorer.jobs.ray.cluster import Cluster, Node, cluster
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data
from pages.parts.page import safe
from pages.parts.tables import table


def section() -> None:
    """Nothing where runs stay on this machine."""
    found = _asked()
    if found is None:
        return
    with st.expander(t("cluster.title", count=len(found.nodes)), icon=":material/lan:", expanded=True):
        if found.problem:
            st.warning(safe(sentence(found.problem)))
            return
        head = [t(f"cluster.{name}") for name in ("node", "cpus", "gpus", "custom", "runs")]
        table(head, [_cells(node) for node in found.nodes], [1, 2])


@st.cache_data(ttl=5, show_spinner=False)
def _asked() -> Cluster | None:
    """Asked at most every five seconds, by all readers together: an answer may take as long."""
    return cluster()


def _cells(node: Node) -> list[str]:
    name = t("cluster.head", name=node.name) if node.head else node.name
    names = [row.label if (row := data.find(run)) else run for run in node.runs]
    custom = ", ".join(f"{key} {amount:g}" for key, amount in node.custom)
    return [
        safe(name),
        t("cluster.free", free=f"{node.free_cpus:g}", all=f"{node.cpus:g}"),
        t("cluster.free", free=f"{node.free_gpus:g}", all=f"{node.gpus:g}") if node.gpus else "–",
        safe(custom) or "–",
        safe(", ".join(map(sentence, names))) or "–",
    ]
