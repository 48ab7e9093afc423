"""The cluster's nodes on the Runs page."""

import pytest

from explorer.jobs.ray.cluster import Cluster, Node
from pages.parts import cluster_nodes
from tests.pages.conftest import words

NODES = (
    Node("0a1b2c3d", True, 4, 0, 2.5, 0, (), ("sample-0002",)),
    Node("4e5f6a7b", False, 8, 1, 8, 0, (("measure", 1.0),), ()),
)


@pytest.fixture
def shown(own, open_page, monkeypatch):
    def opened(found):
        monkeypatch.setattr(cluster_nodes, "cluster", lambda: found)
        return words(open_page("2_Runs"))

    return opened


def test_nodes_tell_what_they_have_and_what_runs_there(shown, own):
    text = shown(Cluster(NODES))
    assert "0a1b2c3d (head)" in text and "2.5 of 4 free" in text and own[2].label in text
    assert "4e5f6a7b" in text and "0 of 1 free" in text and "measure 1" in text


def test_a_cluster_that_is_away_is_a_sentence(own, open_page, monkeypatch):
    monkeypatch.setattr(cluster_nodes, "cluster", lambda: Cluster((), "The Ray cluster does not answer."))
    assert [warning.value for warning in open_page("2_Runs").warning] == ["The Ray cluster does not answer."]


def test_where_runs_are_executed_is_said_beside_every_page(own, open_page, monkeypatch):
    assert "Everything runs and stays on this machine." in words(open_page("2_Runs"))
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    monkeypatch.setattr(cluster_nodes, "cluster", lambda: Cluster(NODES))
    said = words(open_page("2_Runs"))
    assert "Runs go to the nodes of your cluster" in said and "stays on this machine" not in said


def test_without_a_cluster_nothing_is_said(shown):
    assert "free" not in shown(None)
