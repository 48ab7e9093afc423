"""The cluster's nodes on the Runs page."""

from dataclasses import replace

import pytest

from explorer.bench import serve_dashboard
from explorer.jobs.ray.cluster import Cluster, Node
from explorer.pictures import open_page as open_in_browser
from explorer.rundir import QUEUE_PAUSED
from pages.parts import cluster_nodes
from tests.jobs.ray_head import NODE, TOKEN, serving
from tests.pages.conftest import words
from tests.support.browser import page_of, silent
from tests.support.sample_results import sample_runs, write_runs

NODES = (
    Node("0a1b2c3d", True, 4, 0, 2.5, 0, (), ("sample-0002",)),
    Node("4e5f6a7b", False, 8, 1, 8, 0, (("fast_disk", 2.0, 2.0), ("measure", 0.0, 1.0)), ()),
)


@pytest.fixture
def shown(own, open_page, monkeypatch):
    def opened(found):
        monkeypatch.setattr(cluster_nodes, "cluster", lambda: found)
        return words(open_page("2_Runs"))

    return opened


def test_nodes_tell_what_they_have_and_what_runs_there(shown, own):
    text = shown(Cluster(NODES))
    assert f"| 0a1b2c3d (head) | 2.5 of 4 processors | {own[2].label} |" in text
    assert "| 4e5f6a7b | 8 of 8 processors, 0 of 1 GPUs, 2 of 2 fast\\_disk, 0 of 1 measure | – |" in text


def test_a_cluster_that_asks_for_no_token_is_warned_of(own, open_page, monkeypatch):
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    resources = {"CPU": 16.0, "measure": 1.0}
    with serving() as head:
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
        head.nodes = [{"node_id": NODE, "state": "ALIVE", "resources_total": resources}]
        assert not open_page("2_Runs").warning
        cluster_nodes._asked.clear()
        head.open = True
        for language, words in {"en": "asks for no token: whoever reaches", "zh": "不要求令牌"}.items():
            (warning,) = open_page("2_Runs", language=language).warning
            assert words in warning.value


def test_a_cluster_that_is_away_is_a_sentence(own, open_page, monkeypatch):
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    app = open_page("2_Runs")
    (warning,) = app.warning
    assert warning.value.startswith("The head of the Ray cluster at 'http://127.0.0.1:9' does not answer")
    (title,) = [box.label for box in app.expander if "luster" in box.label]
    assert title == "Cluster: its nodes are not known"
    app = open_page("2_Runs", language="zh")
    assert app.warning[0].value.startswith("位于“http://127.0.0.1:9”的 Ray 集群头节点没有应答")


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_free_is_drawn_anew_while_something_is_at_work_and_fits_a_telephone(chromium, tmp_path, monkeypatch):
    *done, last = sample_runs(6)
    write_runs(tmp_path / "home" / "runs", [*done, replace(last, state="queued", result=None)])
    (tmp_path / "home" / QUEUE_PAUSED).touch()
    resources = {"CPU": 16.0, "GPU": 2.0, "measure": 1.0, "fast_disk": 2.0}
    with serving() as head:
        head.nodes = [{"node_id": NODE, "state": "ALIVE", "is_head_node": True, "resources_total": resources}]
        head.jobs = {
            run.run: {"status": "RUNNING", "driver_node_id": NODE, "metadata": {"explorer_run": run.run}}
            for run in done
        }
        for name, value in {"ENGINE": "ray", "IDLE_S": "1"}.items():
            monkeypatch.setenv(f"EXPLORER_{name}", value)
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
        monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
        with serve_dashboard(tmp_path / "home") as (_, address), page_of(chromium, address) as page, silent(page):
            open_in_browser(page, "/Runs", "light", width=400)
            page.get_by_text("16 of 16 processors, 2 of 2 GPUs, 2 of 2 fast_disk, 1 of 1 measure").wait_for()
            table = page.locator(".stExpander .stMarkdown:has(table)").first
            assert table.evaluate("table => table.scrollWidth - table.clientWidth") == 0
            head.usage = {NODE: {"CPU": [12.0, 16.0], "measure": [1.0, 1.0]}}
            page.get_by_text("4 of 16 processors, 2 of 2 GPUs, 2 of 2 fast_disk, 0 of 1 measure").wait_for()


def test_where_runs_are_executed_is_said_beside_every_page(own, open_page, monkeypatch):
    assert "Everything runs and stays on this machine." in words(open_page("2_Runs"))
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    monkeypatch.setattr(cluster_nodes, "cluster", lambda: Cluster(NODES))
    said = words(open_page("2_Runs"))
    assert "Runs go to the nodes of your cluster" in said and "stays on this machine" not in said


def test_without_a_cluster_nothing_is_said(shown):
    assert "processors" not in shown(None)
