"""The nodes of the cluster that runs go to, on the Runs page: what they have, what is free, and what runs where."""

from __future__ import annotations

import streamlit as st

from explorer.jobs.ray.cluster import Cluster, Node, cluster
from explorer.rundir import ACTIVE
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data
from pages.parts.page import plain_errors, safe
from pages.parts.tables import table

EVERY_S = 5.0


def live() -> None:
    """Nothing where runs stay on this machine; drawn again every five seconds while something is at work."""
    at_work = any(row.state in ACTIVE for row in data.runs())
    st.fragment(plain_errors()(_contents), run_every=EVERY_S if at_work else None)()


def _contents() -> None:
    found = _asked()
    if found is None:
        return
    title = t("cluster.title.unknown" if found.problem else "cluster.title", count=len(found.nodes))
    with st.expander(title, icon=":material/lan:", expanded=True):
        if found.problem:
            st.warning(safe(sentence(found.problem)))
            return
        if found.warning:
            st.warning(safe(sentence(found.warning)))
        columns = {"node": _name, "free": _free, "runs": _runs}
        rows = [[cell(node) or "–" for cell in columns.values()] for node in found.nodes]
        table([t(f"cluster.{name}") for name in columns], rows, ())


@st.cache_data(ttl=EVERY_S - 1, show_spinner=False)
def _asked() -> Cluster | None:
    """Asked every few seconds at most, by all readers together: an answer may take as long."""
    return cluster()


def _name(node: Node) -> str:
    return t("cluster.head", name=node.name) if node.head else node.name


def _free(node: Node) -> str:
    found = [("cpus", node.free_cpus, node.cpus), ("gpus", node.free_gpus, node.gpus)]
    words = [t(f"cluster.free.{name}", free=f"{free:g}", all=f"{of:g}") for name, free, of in found if of]
    own = [t("cluster.free.custom", name=name, free=f"{free:g}", all=f"{of:g}") for name, free, of in node.custom]
    return ", ".join(words + own)


def _runs(node: Node) -> str:
    return ", ".join(sentence(row.label) if (row := data.find(run)) else run for run in node.runs)
