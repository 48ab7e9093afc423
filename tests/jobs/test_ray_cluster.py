"""The Ray engine on a real cluster of two nodes on this machine, with token authentication, one of which is killed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from explorer import jobs
from explorer.bench.browser import free_port
from explorer.jobs import request
from explorer.jobs.processes import hold
from explorer.jobs.ray import job as notes
from explorer.jobs.ray.api import RayClient
from explorer.jobs.ray.cluster import cluster
from explorer.recipe import Recipe
from tests.jobs.parted import MODEL

ROOT = Path(__file__).parents[2]
MARK = "EXPLORER_RAY_TEST"
FILES = ("model.onnx", "preprocessor.json")
REAL_DIGEST = request.digest_of
ON_LOOPBACK = """
from ray._private import ray_constants, services
ray_constants.ENABLE_RAY_CLUSTER = True  # a second node is allowed all the same
services.resolve_ip_for_localhost = services.get_node_ip_address = lambda host=None: "127.0.0.1"
from ray.scripts.scripts import main
main()
"""
"""Starts Ray on 127.0.0.1, in whose place it would take the machine's address."""
pytestmark = [pytest.mark.ray, pytest.mark.slow]


class RayCluster:
    """Two nodes of two processors each: the head with the resource ``first``, the other one with ``second``.

    The second one says that it has a GPU, as Ray believes without looking.
    """

    def __init__(self, folder: Path, token: str) -> None:
        self.folder, self.token = folder, token
        self.port, self.dashboard = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.dashboard}"

    def start(self) -> None:
        head = ["--head", f"--port={self.port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.dashboard}"]
        self._ray(*head, f"--ray-client-server-port={free_port()}", f"--temp-dir={self.folder}", *owning("first"))
        self.add_second_node()

    def add_second_node(self) -> None:
        """Start the second node where it is not there or no more."""
        if len(self.raylets()) < 2:
            self._ray(f"--address=127.0.0.1:{self.port}", "--num-gpus=1", *owning("second"))

    def _ray(self, *arguments: str) -> None:
        command = [sys.executable, "-c", ON_LOOPBACK, "start", *arguments, "--node-ip-address=127.0.0.1"]
        command += ["--num-cpus=2", "--object-store-memory=80000000", "--disable-usage-stats"]
        command += [f"--dashboard-agent-listen-port={free_port()}", f"--metrics-export-port={free_port()}"]
        started = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert started.returncode == 0, started.stdout[-2000:] + started.stderr[-2000:]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXPLORER_", "RAY_"))}
        ray = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_USAGE_STATS_ENABLED": "0"}
        quick_to_notice = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}
        loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # then every process of Ray takes 127.0.0.1 as its own
        return {**kept, **ray, **quick_to_notice, **loopback, MARK: str(self.folder), "PYTHONPATH": str(ROOT)}

    def processes(self) -> list[psutil.Process]:
        """All that was started for this cluster; what Ray gave another name is found by its parent."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == str(self.folder):
                    found[process.pid] = process
                    found |= {child.pid: child for child in process.children(recursive=True)}
        return [*found.values()]

    def raylets(self) -> list[psutil.Process]:
        """The process of each node that is alive."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):  # it ended meanwhile
                found += [process] if process.name() == "raylet" else []
        return found

    def lose_second_node(self) -> None:
        """Kill the younger of the two nodes with all that runs on it, as when its machine loses power."""
        second = max(self.raylets(), key=psutil.Process.create_time)
        for process in [second, *second.children(recursive=True)]:
            with suppress(psutil.Error):
                process.kill()

    def end(self) -> None:
        for _ in range(3):  # what one of them starts meanwhile
            for process in self.processes():
                with suppress(psutil.Error):
                    process.kill()
            time.sleep(0.2)
        shutil.rmtree(self.folder, ignore_errors=True)


def owning(resource: str) -> list[str]:
    return [f'--resources={{"{resource}": 2}}']


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[RayCluster]:
    if importlib.util.find_spec("ray") is None:
        assert not os.environ.get("EXPLORER_REQUIRE_RAY"), "EXPLORER_REQUIRE_RAY is set, but ray is not installed"
        pytest.skip("ray is not installed; 'pip install -r requirements-ray.txt' brings it")
    found = RayCluster(Path(tempfile.mkdtemp(prefix="r", dir="/tmp")), secrets.token_hex(32))
    try:
        found.start()
        yield found
    finally:
        found.end()


@pytest.fixture
def on_ray(home, ray_cluster, monkeypatch):
    """A home whose runs go to the cluster."""
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", ray_cluster.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", ray_cluster.token)
    monkeypatch.setenv("EXPLORER_RAY_PYTHON", sys.executable)
    monkeypatch.setenv("EXPLORER_RAY_SCRATCH", str(home.path / "node"))
    return home


def real_recipe(sparsity: float) -> Recipe:
    """Cheap steps on the graph and on the model, without training, timed at one shape only."""
    steps = [{"technique": "prune-magnitude", "sparsity": sparsity}, {"technique": "int8-static"}]
    how = {"batches": [1], "wait_s": 0}
    return Recipe.parse({"model": "cnn-digits", "steps": steps, "targets": ["cpu-onnxruntime"], "measure": how})


def facts(folder: Path) -> dict:
    """What must be the same wherever a run was executed: all but names and whatever is timed."""
    result = json.loads((folder / "result.json").read_text())
    files = {name: hashlib.sha256((folder / "artefact" / name).read_bytes()).hexdigest() for name in FILES}
    steps = [{key: step[key] for key in ("technique", "notes", "figures")} for step in result["steps"]]
    same = ("digest", "engine", "recipe", "task", "size", "baseline_size", "accuracy", "artefact", "host")
    return {**{key: result[key] for key in same}, "steps": steps, "sha256 of the files": files}


def test_a_sweep_survives_the_loss_of_a_node_and_gives_what_the_local_engine_gives(on_ray, ray_cluster, monkeypatch):
    monkeypatch.delenv("EXPLORER_PIPELINE")  # the real one
    monkeypatch.setattr(request, "digest_of", REAL_DIGEST)
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"CPU": 2}')  # a node for each
    recipes = [real_recipe(sparsity) for sparsity in (0.5, 0.8)]
    runs = [jobs.submit(recipe, study="sweep") for recipe in recipes]
    local = on_ray.path / "local"
    with monkeypatch.context() as here:
        here.setenv("EXPLORER_HOME", str(local))
        here.setenv("EXPLORER_ENGINE", "local")
        here.setenv("EXPLORER_IDLE_S", "1")
        own = [jobs.submit(recipe) for recipe in recipes]
    seen = wait_for(lambda: (found := cluster().nodes) and len(found) == 2 and found[1].runs and found)
    assert [node.head for node in seen] == [True, False] and seen[1].custom == (("second", 2.0, 2.0),)
    assert cluster().warning is None
    (lost,) = seen[1].runs
    assert lost in runs
    wait_for(lambda: on_ray.row(lost).stage in ("export", "apply", "evaluate", "measure"))
    ray_cluster.lose_second_node()
    for run in runs:
        wait_for(lambda run=run: on_ray.row(run).state in ("done", "failed", "cancelled"))
        assert (on_ray.row(run).state, on_ray.row(run).reason) == ("done", None), jobs.log_text(run)
    for run in own:
        wait_for(lambda run=run: (local / "runs" / run / "result.json").exists())
    found = [facts(on_ray.folder(run)) for run in runs]
    assert found == [facts(local / "runs" / run) for run in own]
    assert [one["digest"] for one in found] == [REAL_DIGEST(recipe) for recipe in recipes]
    assert found[0] != found[1] and all(one["accuracy"] for one in found)
    for run in runs:
        told = [event["text"] for event in jobs.events(run) if event.get("text", "").startswith("Node lost:")]
        assert (notes.load(jobs._folder(run)).attempt, len(told)) == ((2, 1) if run == lost else (1, 0))
    wait_for(lambda: len(cluster().nodes) == 1)


def test_a_run_is_made_on_one_node_and_measured_on_another_and_ends_with_the_second_loss(
    on_ray, ray_cluster, monkeypatch
):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.parted:execute")
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"compress": {"first": 1}, "measure_cpu": {"second": 1}}')
    ray_cluster.add_second_node()
    runs = [jobs.submit(on_ray.recipe(seed)) for seed in (40, 41)]
    held = [on_ray.path / "node" / f"hold-{run}" for run in runs]
    held[0].parent.mkdir()
    for path in held:
        path.touch()
    for attempt in (1, 2):
        wait_for(lambda: all(on_ray.row(run).stage == "measure" for run in runs))
        assert [notes.load(jobs._folder(run)).attempt for run in runs] == [attempt, attempt]
        if attempt == 2:
            held[0].unlink()
            wait_for(lambda: on_ray.row(runs[0]).state == "done")
        ray_cluster.lose_second_node()
        wait_for(lambda: all(on_ray.row(run).stage != "measure" or on_ray.row(run).state != "running" for run in runs))
        if attempt == 1:
            ray_cluster.add_second_node()
    wait_for(lambda: on_ray.row(runs[1]).state == "failed")
    assert on_ray.row(runs[1]).reason.startswith("node lost: the job ended with its node")
    assert not (on_ray.folder(runs[1]) / "artefact").exists()
    done = on_ray.folder(runs[0])
    assert (done / "artefact" / "model.onnx").read_bytes() == MODEL
    assert jobs.log_text(runs[0]).count("made here") == 1, "what was made is not made again"
    client = RayClient.from_environment()
    owns = {node["node_id"]: {"first", "second"} & set(node["resources_total"]) for node in client.nodes()}
    head = next(node for node, own in owns.items() if own == {"first"})
    places = [client.status(f"explorer-{runs[0]}-{job}")["driver_node_id"] for job in ("1", "1-measure", "2-measure")]
    assert places[0] == head and len(set(places)) == 3, "made on the head, measured elsewhere, on two nodes"


def test_training_and_gpu_measuring_queue_for_the_node_with_a_gpu(on_ray, ray_cluster, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.parted:execute")
    ray_cluster.add_second_node()
    both = ("cpu-onnxruntime", "cuda-onnxruntime")
    runs = [jobs.submit(on_ray.recipe(seed).model_copy(update={"targets": both})) for seed in (50, 51)]
    held = [on_ray.path / "node" / f"hold-{run}" for run in runs]
    held[0].parent.mkdir()
    for path in held:
        path.touch()
    client = RayClient.from_environment()

    def place(run: str, job: str) -> tuple[str, str | None]:
        known = client.status(f"explorer-{run}-{job}")
        return known["status"], known["driver_node_id"]

    def measuring() -> list[str]:
        return [run for run in runs if on_ray.row(run).stage == "measure"]

    def ended(run: str) -> bool:
        return on_ray.row(run).state == "done"

    (first,) = wait_for(measuring)
    (second,) = set(runs) - {first}
    wait_for(lambda: notes.load(jobs._folder(second)).part == "measure")
    plain = jobs.submit(on_ray.recipe(52))
    wait_for(lambda: ended(plain))  # what needs no GPU waits for none
    trained = jobs.submit(Recipe.parse({**on_ray.recipe(53).plain(), "steps": [{"technique": "fine-tune"}]}))
    wait_for(lambda: notes.load(jobs._folder(trained)) is not None and notes.load(jobs._folder(trained)).submitted)
    more = [on_ray.recipe(seed).model_copy(update={"targets": both}) for seed in range(60, 70)]
    queued = [jobs.submit(recipe) for recipe in more]  # more than may wait for a GPU
    wait_for(lambda: any("do for the same" in (on_ray.row(run).text or "") for run in queued))
    plain = jobs.submit(on_ray.recipe(54))
    wait_for(lambda: ended(plain))  # they hold back nothing that needs none
    for run in queued:
        jobs.cancel(run)
    waiting = [place(second, "1-measure"), place(trained, "1")]
    assert (measuring(), waiting) == ([first], [("PENDING", None)] * 2)
    for path in held:
        path.unlink()
    for run in (first, second, trained):
        wait_for(lambda run=run: ended(run))
    gpus = {
        node["node_id"] for node in client.nodes() if node["resources_total"].get("GPU")
    }  # lost ones are listed too
    places = [place(run, job) for run, job in ((first, "1-measure"), (second, "1-measure"), (trained, "1"))]
    assert len(set(places)) == 1 and places[0][0] == "SUCCEEDED" and places[0][1] in gpus


def test_nothing_of_it_listens_beyond_this_machine(ray_cluster):
    listening: set[str] = set()
    for process in ray_cluster.processes():
        with suppress(psutil.Error):  # it ended meanwhile
            places = process.net_connections("inet")
            listening |= {place.laddr.ip for place in places if place.status == psutil.CONN_LISTEN}
    assert listening and {place.removeprefix("::ffff:") for place in listening} <= {"127.0.0.1", "::1"}


def wait_for(condition, seconds: float = 180):
    """What ``condition`` returns once that is true; looked at now and then, since each look asks the cluster."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
    return found


def test_a_run_is_cancelled_on_the_cluster_and_outlives_the_supervisor(on_ray, monkeypatch):
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
    cancelled, kept = (jobs.submit(on_ray.recipe(seed)) for seed in (20, 21))
    for run in (cancelled, kept):
        wait_for(lambda run=run: on_ray.row(run).stage == "train")
    # what is used is told some seconds late
    wait_for(lambda: sum(node.cpus - node.free_cpus for node in cluster().nodes) == 2)
    assert jobs.cancel(cancelled)
    wait_for(lambda: on_ray.row(cancelled).state == "cancelled")
    assert not (on_ray.folder(cancelled) / "artefact").exists()
    on_ray.kill_supervisor()
    with hold(on_ray.path / "supervisor.lock", wait_s=10) as free:  # its threads may outlive its main one by a moment
        assert free
    (on_ray.path / "node" / "runs" / kept / "go").touch()
    jobs.ensure_supervisor()
    wait_for(lambda: on_ray.row(kept).state == "done")
    assert [event["state"] for event in jobs.events(kept) if event["kind"] == "state"] == ["running", "done"]
    assert notes.load(jobs._folder(kept)).attempt == 1, "it was not run twice"
    limited = jobs.submit(on_ray.recipe(22), time_limit_min=1 / 20)
    wait_for(lambda: on_ray.row(limited).stage == "train")
    on_ray.kill_supervisor()
    with hold(on_ray.path / "supervisor.lock", wait_s=10) as free:
        assert free
    jobs.ensure_supervisor()
    wait_for(lambda: on_ray.row(limited).state == "failed")
    assert on_ray.row(limited).reason.startswith("it took longer than its limit of 3 s; give it more time")
    client = RayClient.from_environment()
    wait_for(lambda: client.status(f"explorer-{limited}-1")["status"] == "STOPPED")


def test_a_run_that_no_node_can_take_says_what_is_missing(on_ray, monkeypatch):
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"third": 1}')
    run = jobs.submit(on_ray.recipe(40))
    wait_for(lambda: "third" in (on_ray.row(run).text or ""))
    assert (on_ray.row(run).state, on_ray.row(run).text) == (
        "queued",
        "No node of the cluster has third 1, which this run asks for; the most that a node has is CPU 2, GPU 1, "
        "first 2, second 2",
    )
    jobs.cancel(run)
    wait_for(lambda: on_ray.row(run).state == "cancelled")


def test_on_a_shared_path_the_worker_writes_into_the_run_folder_itself(on_ray, monkeypatch):
    monkeypatch.setenv("EXPLORER_RAY_SHARED", "1")
    run = jobs.submit(on_ray.recipe(30))
    wait_for(lambda: on_ray.row(run).state in ("done", "failed"))
    assert on_ray.row(run).reason is None and "a line in the log" in jobs.log_text(run)
    assert (on_ray.folder(run) / "artefact" / "model.onnx").read_bytes() == b"12345"
    assert not list((on_ray.path / "node" / "runs").iterdir()), "nothing went by way of the node"
