"""The Ray engine without Ray: its client against a small server, and everything that is a function or a folder."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from io import BytesIO

import pytest

from explorer import jobs
from explorer.errors import BadInput, ExplorerError
from explorer.jobs import processes
from explorer.jobs.engine import check_settings, chosen
from explorer.jobs.local import LocalEngine
from explorer.jobs.ray import engine as engines
from explorer.jobs.ray import follow, node, package
from explorer.jobs.ray.api import Away, ClusterError, RayClient, token_from_environment
from explorer.jobs.ray.cluster import Node, cluster, described
from explorer.jobs.ray.engine import RayEngine
from explorer.jobs.ray.job import Job, load
from explorer.jobs.ray.link import Link
from explorer.jobs.ray.mirror import Mirror
from explorer.jobs.ray.needs import KINDS, Needs, kind, lacking, needs, tables_from_environment, trains
from explorer.jobs.ray.wire import parse, safe_path
from explorer.jobs.supervisor import Supervisor
from explorer.recipe import Recipe
from explorer.rundir import RunFolder
from explorer.store import Store
from tests.jobs.ray_head import NODE, TOKEN, adopted, finished, follower, lose, sent, watch


def test_the_client_speaks_to_a_head_with_its_token(head):
    client = RayClient(head.address + "/", TOKEN)
    assert client.version() == "2.60.0"
    assert client.submit({"submission_id": "a"}) is True
    assert client.submit({"submission_id": "a"}) is False, "a job of the same id is never run twice"
    assert client.status("a")["status"] == "PENDING" and client.status("b") is None
    assert [job["submission_id"] for job in client.jobs()] == ["a"]
    assert client.stop("a") is True and client.stop("b") is False and head.stopped == ["a"]
    assert client.has_package("p.zip") is False
    client.upload_package("p.zip", b"zip")
    assert client.has_package("p.zip") is True and head.packages == {"p.zip": b"zip"}
    head.logs["job-driver-a.log"] = b"one\ntwo\nthree\n"
    with client.log("a", NODE, lines=2) as lines:
        assert list(lines) == [b"two\n", b"three\n"]


def test_whatever_goes_wrong_is_one_sentence(head):
    with pytest.raises(ClusterError, match=r"does not accept the token; expected is its own in RAY_AUTH_TOKEN"):
        RayClient(head.address, "wrong").version()
    with pytest.raises(ClusterError, match=r"refused a request \(status 302\)"):
        RayClient(head.address, TOKEN)._answer("GET", "/api/moved")
    with pytest.raises(
        Away, match=r"The head of the Ray cluster at 'http://127.0.0.1:9' does not answer \(.*refused.*\)"
    ):
        RayClient("http://127.0.0.1:9").version()
    for odd in ("127.0.0.1:8265", "ray://127.0.0.1:10001", "file:///etc/passwd", ""):
        with pytest.raises(BadInput, match="expected is the address of a Ray dashboard"):
            RayClient(odd)


def test_the_token_is_where_ray_looks_for_it(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(BadInput, match="expected is a file that holds the token"):
        token_from_environment()
    (tmp_path / "token").write_text("from a file\n")
    assert token_from_environment() == "from a file"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "from the environment")
    assert token_from_environment() == "from the environment"
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    with pytest.raises(BadInput, match="RAY_API_SERVER_ADDRESS is not set"):
        RayClient.from_environment()


@pytest.mark.parametrize(
    ("targets", "technique", "gpus", "making", "measuring"),
    [
        (["cpu-onnxruntime"], "int8-dynamic", 4, "compress", "measure_cpu"),
        (["cpu-onnxruntime"], "fine-tune", 4, "train", "measure_cpu"),
        (["cpu-torch", "cuda-torch"], "prune-taylor", 4, "train", "measure_gpu"),
        (["cuda-torch"], "int8-dynamic", 4, "compress", "measure_gpu"),
        (["cuda-torch"], "fine-tune", 0, "compress", "measure_cpu"),
    ],
)
def test_which_kinds_of_work_a_run_is(targets, technique, gpus, making, measuring):
    recipe = {"targets": targets, "steps": [{"technique": technique}]}
    assert (kind(recipe, "make", gpus), kind(recipe, "measure", gpus)) == (making, measuring)


def test_what_each_kind_asks_for(monkeypatch):
    monkeypatch.delenv("EXPLORER_RAY_RESOURCES", raising=False)

    def asked(kind: str) -> Needs:
        return needs({"recipe": {}}, kind, tables_from_environment())

    assert [asked(kind) for kind in KINDS] == [Needs(1, 1), Needs(1, 0), Needs(1, 1), Needs(1, 0)]
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"CPU": 8, "GPU": 0.5, "measure": 1}')
    assert asked("train") == asked("measure_gpu") == Needs(8, 0.5, 0, (("measure", 1),))
    assert asked("compress") == asked("measure_cpu") == Needs(8, 0, 0, (("measure", 1),))
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"train": {"GPU": 2}, "measure_cpu": {"measure": 1, "CPU": 2}}')
    assert [asked(kind) for kind in KINDS] == [
        Needs(1, 2),
        Needs(1, 0),
        Needs(1, 1),
        Needs(2, 0, 0, (("measure", 1),)),
    ]
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"GPU": 0, "measure": 0}')
    assert [asked(kind) for kind in KINDS] == [Needs(1, 0)] * 4, "none of a resource asks for nothing"
    table = '{"measure": 1, "train": {"GPU": 1}}'
    for odd in ("measure=1", "[1]", '{"measure": "1"}', '{"measure": -1}', '{"measure": true}', table, '{"a": {}}'):
        monkeypatch.setenv("EXPLORER_RAY_RESOURCES", odd)
        with pytest.raises(BadInput, match=r"expected are names and amounts.*each of some of train, compress, measure"):
            tables_from_environment()


def test_what_ray_is_told_about_it():
    assert needs({"recipe": {}, "memory_bytes": 2e9}, "compress", {}).fields() == {
        "entrypoint_num_cpus": 1.0,
        "entrypoint_num_gpus": 0.0,
        "entrypoint_memory": 2_000_000_000,
    }
    assert Needs(custom=(("measure", 1.0),)).fields()["entrypoint_resources"] == {"measure": 1.0}
    assert trains({"steps": [{"technique": "fine-tune"}]}) and not trains({"steps": [{"technique": "int8-dynamic"}]})


def test_what_no_node_has_is_named():
    small, large = (
        {"CPU": 4.0, "memory": 8e9, "node:10.0.0.1": 1.0},
        {"CPU": 16.0, "GPU": 1.0, "memory": 6e9, "fast": 2.0},
    )
    nodes = [small, large]
    assert lacking(Needs(16, 1, 6_000_000_000, (("fast", 1.0),)), nodes) is None
    assert lacking(Needs(), []) is None, "nobody said what nodes there are"
    for asked, places, words in (
        (Needs(custom=(("measure", 1.0),)), nodes, ("measure 1", "CPU 16, GPU 1, fast 2")),
        (Needs(1, 1), [small], ("GPU 1", "CPU 4, GPU 0")),
        (Needs(1, 0, 9_500_000_000), nodes, ("memory 9.5 GB", "CPU 16, GPU 1, memory 8.0 GB, fast 2")),
        (
            Needs(1, 1, 7_000_000_000),
            nodes,
            ("CPU 1, GPU 1, memory 7.0 GB together", "CPU 16, GPU 1, memory 8.0 GB, fast 2"),
        ),
    ):
        said = "No node of the cluster has {}, which this run asks for; the most that a node has is {}"
        assert lacking(asked, places) == said.format(*words)


def test_a_run_that_no_node_can_take_says_what_is_missing(folder, head, monkeypatch):
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"measure": 1}')
    monkeypatch.setattr("explorer.jobs.ray.link.NODES_KNOWN_S", 0.0)
    head.nodes = [{"node_id": NODE, "state": "ALIVE", "resources_total": {"CPU": 4.0}}]
    one = follower(folder, head)
    one._step()
    for _ in range(2):
        one._step()
        assert folder.snapshot().text == (
            "No node of the cluster has measure 1, which this run asks for; the most that a node has is CPU 4, GPU 0"
        )
    said = len(folder.events())
    adopted(one)._step()
    assert len(folder.events()) == said, "the next supervisor does not say it again"
    head.nodes.append({"node_id": "f" * 56, "state": "ALIVE", "resources_total": {"CPU": 1.0, "measure": 1.0}})
    one._step()
    assert one.pending and folder.snapshot().text == "Waiting for a place on the cluster"


def test_the_package_is_named_by_its_content_and_holds_a_working_engine(tmp_path):
    files = package.contents()
    data = package.zipped(files)
    assert data == package.zipped(dict(files))
    with zipfile.ZipFile(BytesIO(data)) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert all(name.startswith("explorer/") for name in names) and "explorer/jobs/worker.py" in names
    assert not [name for name in names if "__pycache__" in name]
    started = subprocess.run(
        [sys.executable, "-m", "explorer.jobs.ray.node"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert started.returncode == 1 and started.stderr.startswith("usage: python -m explorer.jobs.ray.node")
    assert package.name(package.contents(tmp_path)) == package.name(files)
    (tmp_path / "explorer" / "errors.py").write_text("changed")
    assert package.name(package.contents(tmp_path)) != package.name(files)


def test_a_request_travels_as_a_word():
    request = {"recipe": {"model": "cnn-digits"}, "text": "a 'quoted' $word; 中文"}
    assert node.unpacked(node.packed(request)) == request
    with pytest.raises(BadInput, match="The request of the run cannot be read"):
        node.unpacked("nonsense")


@pytest.mark.parametrize(
    "name",
    ["../other/result.json", "/etc/passwd", "a/../../b", "artefact/../../x", "", ".", "a//b", "a\\..\\b", "a\nb",
     "request.json", "ray.json", "events.jsonl", "measurements/x.json", "/".join("abcdefghi"), "x" * 300, None, 7],
)  # fmt: skip
def test_a_file_outside_the_run_is_refused(name):
    with pytest.raises(ExplorerError, match="expected is a path inside the run's folder"):
        safe_path(name)


def test_what_a_run_leaves_on_a_node_arrives_whole(folder, tmp_path):
    source = finished(tmp_path, model=bytes(range(256)) * 500)
    lines = sent(source.path)
    assert sum(b'"data"' in line and b"model.onnx" in line for line in lines) == 3, "it takes several parts"
    mirror = Mirror(folder)
    assert mirror.take([b"Running entrypoint for job explorer-1\n", *lines[:-1]])
    assert folder.snapshot().state == "running" and folder.snapshot().fraction == 0.5
    assert folder.log_text() == "loading\nworking\n" and not (folder.path / "artefact").exists()
    assert mirror.take(lines[-1:]) and mirror.complete
    assert folder.snapshot().state == "done" and folder.events() == source.events()
    for name in ("artefact/model.onnx", "artefact/empty.txt", "result.json", "worker.json"):
        assert (folder.path / name).read_bytes() == (source.path / name).read_bytes()
    assert not (folder.path / ".incoming").exists()
    assert mirror.other_lines == ["Running entrypoint for job explorer-1"]


def test_reading_again_from_the_beginning_changes_nothing(folder, tmp_path):
    source = finished(tmp_path)
    lines = sent(source.path)
    for cut in range(len(lines) + 1):
        assert Mirror(folder).take(lines[:cut])
        assert Mirror(folder).take(lines)
        assert folder.events() == source.events() and folder.log_text() == source.log_text()


def test_a_missing_line_is_noticed_and_a_cut_one_waited_for(folder, tmp_path):
    lines = sent(finished(tmp_path).path)
    mirror = Mirror(folder)
    assert mirror.take(lines[3:]) is False and folder.events() == []
    assert mirror.take([*lines[:2], lines[2][:20]]) is True and mirror.next == 2
    assert mirror.take(lines) is True and mirror.complete


def test_a_spoilt_file_is_refused_and_leaves_no_result(folder, tmp_path):
    lines = sent(finished(tmp_path).path)
    spoilt = base64.b64encode(b"54321")
    changed = [line.replace(base64.b64encode(b"12345"), spoilt) for line in lines]
    with pytest.raises(ExplorerError, match=r"'artefact/model\.onnx' did not arrive as the node has it"):
        Mirror(folder).take(changed)
    assert folder.result() is None and not (folder.path / "artefact").exists()


def test_a_result_without_its_files_is_refused(folder, tmp_path):
    source = finished(tmp_path)
    (source.path / "artefact" / "model.onnx").unlink()
    with pytest.raises(ExplorerError, match="names files that did not come with it"):
        Mirror(folder).take(sent(source.path))
    assert folder.result() is None


def test_a_node_cannot_write_outside_the_run(folder):
    data = base64.b64encode(b"x").decode()
    for message in (
        {"file": "../../stolen", "at": 0, "data": data},
        {"file": "artefact/a", "at": 10**15, "data": data},
    ):
        with pytest.raises(ExplorerError):
            Mirror(folder).take([json.dumps({"explorer": 0, **message}).encode()])
    assert not (folder.path.parents[1] / "stolen").exists()
    end = {"explorer": 0, "file": "../../x", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    with pytest.raises(ExplorerError, match="inside the run's folder"):
        Mirror(folder).take([json.dumps(end).encode()])
    assert parse(b'{"explorer": "0"}') is None and parse(b"[1]") is None


def test_a_job_is_written_down_before_it_is_submitted_and_never_submitted_twice(folder, head):
    first = follower(folder, head)
    assert load(folder) == Job(head.address, folder.run) and not head.jobs
    first._step()
    job = head.jobs[f"explorer-{folder.run}-1"]
    assert job["entrypoint_num_cpus"] == 1 and job["metadata"]["explorer_run"] == folder.run
    assert job["runtime_env"]["working_dir"].removeprefix("gcs://") in head.packages
    assert node.unpacked(job["entrypoint"].split()[-1].strip("'")) == {
        "recipe": folder.request()["recipe"],
        "digest": "d",
    }, "not who asked for it"
    assert TOKEN not in json.dumps(job)
    again = follower(folder, head)  # the supervisor died before it wrote down that Ray has the job
    again._step()
    assert load(folder).submitted and len(head.jobs) == 1


def test_a_run_goes_through_the_cluster_to_its_end(folder, head, tmp_path):
    one = follower(folder, head)
    one._step()
    one._step()
    assert one.pending and one.outcome is None and folder.snapshot().text == "Waiting for a place on the cluster"
    job, lines = head.jobs[one.job.submission], sent(finished(tmp_path).path)
    log = f"job-driver-{one.job.submission}.log"
    job |= {"status": "RUNNING", "driver_node_id": NODE}
    head.logs[log] = b"".join(lines[:4])
    one._step()
    assert not one.pending and folder.snapshot().state == "running"
    head.logs[log] = b"".join(lines)
    job["status"] = "SUCCEEDED"
    one._step()
    assert one.outcome is not None
    watch(folder, one).settle()
    assert folder.snapshot().state == "done"


def test_a_run_whose_node_is_lost_is_tried_once_more(folder, head):
    one = follower(folder, head)
    (folder.path / "log.txt").write_text("of the first attempt\n")
    lose(one, head)
    assert one.outcome is None and load(folder).attempt == 2 and load(folder).log_at == 21
    assert folder.snapshot().text == (
        "Node lost: the job ended with its node (ab12cd34). The run is tried once more (attempt 2)"
    )
    lose(one, head)
    watch(folder, one).settle()
    assert folder.snapshot().reason == "node lost: the job ended with its node (ab12cd34)"
    assert sorted(head.jobs) == [f"explorer-{folder.run}-1", f"explorer-{folder.run}-2"]


def test_a_head_that_forgot_a_job_counts_as_a_lost_node(folder, head):
    one = follower(folder, head)
    one._step()
    head.jobs.clear()
    one._step()
    assert load(folder).attempt == 2 and not load(folder).submitted


def test_ray_giving_up_on_a_place_is_no_failure(folder, head):
    one = follower(folder, head)
    one._step()
    head.jobs[one.job.submission] |= {"status": "FAILED", "error_type": "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"}
    one._step()
    assert one.outcome is None and load(folder).submission == f"explorer-{folder.run}-1-1"
    one._step()
    assert head.jobs[f"explorer-{folder.run}-1-1"]["status"] == "PENDING"


def test_a_cancel_stops_the_job(folder, head):
    one = follower(folder, head)
    one._step()
    folder.request_cancel()
    watch(folder, one).stop_if_asked()
    one._step()
    watch(folder, one).settle()
    assert head.stopped == [one.job.submission] and folder.snapshot().state == "cancelled"


def test_a_run_is_killed_by_its_thread_and_ray_is_asked_once(folder, head):
    one = follower(folder, head)
    one._step()
    head.jobs[one.job.submission] |= {"status": "RUNNING", "driver_node_id": NODE}
    head.logs[f"job-driver-{one.job.submission}.log"] = b""
    watching = watch(folder, one)
    for _ in range(3):  # as the supervisor does once a second while the run goes on beyond its limit
        watching.kill()
    assert head.stopped == [], "the supervisor's loop never waits for the cluster"
    for _ in range(3):
        one._step()
    assert head.stopped == [one.job.submission]


def test_a_home_that_is_deleted_ends_its_jobs(folder, head, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    supervisor = Supervisor(Store(), RayEngine(tmp_path))
    supervisor.tick()
    wait(lambda: load(folder).submitted)
    shutil.rmtree(folder.path)
    supervisor.end_all()
    supervisor.engine.close()
    assert head.stopped == [f"explorer-{folder.run}-1"]


def test_a_cancel_before_the_job_is_handed_over_leaves_no_job(folder, head):
    one = follower(folder, head)
    folder.request_cancel()
    one.stop()
    one._step()
    watch(folder, one).settle()
    assert head.jobs == {} and folder.snapshot().state == "cancelled"


def test_a_cancel_reaches_a_job_whose_submission_got_no_answer(folder, head):
    one = follower(folder, head)
    head.jobs[one.job.submission] = {"submission_id": one.job.submission, "status": "RUNNING"}
    folder.request_cancel()
    one.stop()
    one._step()
    assert head.stopped == [one.job.submission] and one.outcome is not None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"driver_exit_code": 7}, "the worker process ended before its work was done (exit status 7); its log may say "
         "why"),
        ({"driver_exit_code": 137}, "the worker process was killed (signal 9)"),
        ({"message": "runtime_env setup failed: no space"}, "the cluster could not start the run: runtime_env setup "
         "failed: no space"),
    ],
)  # fmt: skip
def test_a_job_that_fails_fails_with_a_reason(folder, head, found, reason):
    one = follower(folder, head)
    one._step()
    head.jobs[one.job.submission] |= {"status": "FAILED", "driver_node_id": NODE, **found}
    head.logs[f"job-driver-{one.job.submission}.log"] = b"python: No module named psutil\n"
    while one.outcome is None:
        one._step()
    watch(folder, one).settle()
    assert (folder.snapshot().state, folder.snapshot().reason) == ("failed", reason)
    assert folder.log_text() == "python: No module named psutil\n", "what the job said besides is in the log"


def test_a_head_that_is_away_changes_nothing_and_is_said_once(folder, head, capsys, monkeypatch):
    one = follower(folder, head)
    one.client.address = "http://127.0.0.1:9"
    monkeypatch.setattr(one.link, "interval", lambda: 0.01)
    one.start()
    wait(lambda: "does not answer" in (folder.snapshot().text or ""))
    assert one.link.away and one.outcome is None and folder.snapshot().state == "queued"
    one.client.address = head.address
    wait(lambda: head.jobs)
    one.leave()
    one.join(5)
    said = capsys.readouterr().err
    assert said.count("Runs on the cluster are left as they are") == 1 and said.count("answers again") == 1
    assert not head.stopped


def test_a_run_whose_head_never_comes_back_says_so_and_can_be_cancelled(folder, head, monkeypatch):
    monkeypatch.setattr(follow, "GIVEN_UP_S", 0.2)
    one = follower(folder, head)
    one._step()
    one.client.address = "http://127.0.0.1:9"
    monkeypatch.setattr(one.link, "interval", lambda: 0.01)
    one.start()
    wait(lambda: "does not answer" in (folder.snapshot().text or ""))
    assert one.outcome is None, "it is left as it is"
    folder.request_cancel()
    watching = watch(folder, one)
    watching.stop_if_asked()
    wait(watching.gone)
    watching.settle()
    assert folder.snapshot().state == "cancelled"


def test_a_run_with_which_the_same_goes_wrong_for_ever_is_given_up(folder, head, capsys, monkeypatch):
    one = follower(folder, head)
    one._step()
    errors = [KeyError("now and then"), *[None] * 3, *[ValueError("of one kind")] * 5, *[TypeError("no job")] * 99]
    steps = iter(errors)

    def step() -> None:
        if error := next(steps):
            raise error

    monkeypatch.setattr(one, "_step", step)
    monkeypatch.setattr(one.link, "interval", lambda: 0.001)
    one.start()
    one.join(10)
    assert len(list(steps)) == 99 - follow.MOST_EQUAL
    said = capsys.readouterr().err
    assert [said.count(words) for words in ("now and then", "of one kind", "no job")] == [1, 1, 1]
    watch(folder, one).settle()
    assert (folder.snapshot().state, folder.snapshot().reason) == ("failed", "unexpected: TypeError: no job")
    assert head.stopped == [one.job.submission]


def wait(condition) -> None:
    ended = threading.Event()
    for _ in range(1000):
        if condition():
            return
        ended.wait(0.01)
    raise AssertionError("it did not happen")


def test_local_files_go_to_nodes_by_a_shared_path_only(folder, head, tmp_path):
    request = folder.request()
    request["recipe"]["data"] = str(tmp_path / "mine.csv")
    (folder.path / "request.json").write_text(json.dumps(request))
    one = follower(folder, head)
    one._step()
    watch(folder, one).settle()
    last = folder.events()[-1]
    assert last["bad_input"] and "which the nodes of the cluster do not have" in last["reason"] and not head.jobs
    shared = follower(folder, head, shared=True)
    shared._step()
    assert head.jobs[shared.job.submission]["entrypoint"].endswith(f"--shared execute {folder.path}")


def test_the_engine_says_what_is_missing_instead_of_starting(folder, head, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    engine = RayEngine(tmp_path)
    assert engine.obstacle(folder, []).startswith("RAY_API_SERVER_ADDRESS is not set")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    assert engine.obstacle(folder, []) is None and not engine.has_begun(folder)
    watch = engine.start(folder)
    assert engine.has_begun(folder) and not watch.gone()
    wait(lambda: head.jobs)
    engine.close()
    assert not head.stopped, "the job goes on"


def test_runs_that_wait_for_a_gpu_hold_back_no_others(folder, head, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.delenv("EXPLORER_RAY_RESOURCES", raising=False)
    monkeypatch.setattr(engines, "WAITING", 2)
    head.nodes = [{"node_id": NODE, "state": "ALIVE", "resources_total": {"CPU": 4.0, "GPU": 1.0}}]
    plain = folder.request()["recipe"]

    def put(**changes) -> str:
        request = {"recipe": plain | changes, "digest": "d", "study": "s"}
        return RunFolder.create(folder.path.parent, request).run

    training = [put(steps=[{"technique": "fine-tune"}]) for _ in range(3)]
    timing, last = put(targets=["cuda-onnxruntime"]), put()
    supervisor = Supervisor(Store(), RayEngine(tmp_path))
    supervisor.tick()
    started = {folder.run, *training[:2], last}
    assert set(supervisor.watches) == started
    wait(lambda: {job["metadata"]["explorer_run"] for job in head.jobs.values()} == started)
    assert [RunFolder(folder.path.parent / run).snapshot().text for run in (training[2], timing)] == [
        "waits for a place on the cluster, as 2 runs before it do for the same",
        "waits for a place on the cluster, as 2 runs before it do for the same",
    ]
    for job in head.jobs.values():
        job["status"] = "RUNNING"
        job["driver_node_id"] = NODE
        head.logs[f"job-driver-{job['submission_id']}.log"] = b""
    wait(lambda: not any(follower.pending for follower in supervisor.engine._followers))
    supervisor.looked = -1e9
    supervisor.tick()
    assert set(supervisor.watches) == {*started, training[2], timing}
    supervisor.engine.close()


def test_what_waits_to_be_measured_counts_for_those_that_will_be_measured_there(folder, head, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"measure_cpu": {"measure": 1}}')
    monkeypatch.setattr(engines, "WAITING", 1)
    engine, made = RayEngine(tmp_path), follower(folder, head)
    made.job = made.job.but(part="measure")
    engine._followers.append(made)
    recipe = folder.request()["recipe"]
    alike = RunFolder.create(folder.path.parent, {"recipe": recipe, "memory_bytes": 10**9})
    on_gpu = RunFolder.create(folder.path.parent, {"recipe": recipe | {"targets": ["cuda-onnxruntime"]}})
    assert engine.obstacle(alike, []) is not None and engine.obstacle(on_gpu, []) is None
    made.pending = False
    assert engine.obstacle(alike, []) is None


def test_a_run_ends_where_it_began_when_the_engine_is_changed(folder, head, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    first = RayEngine(tmp_path)
    first.start(folder)
    wait(lambda: head.jobs)
    first.close()
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS")  # the note in its folder has it
    local = LocalEngine(tmp_path)
    assert local.has_begun(folder), "else it would be run twice"
    watching = local.adopt(folder)
    job = head.jobs[load(folder).submission]
    head.logs[f"job-driver-{job['submission_id']}.log"] = b"".join(sent(finished(tmp_path).path))
    job |= {"status": "SUCCEEDED", "driver_node_id": NODE, "driver_exit_code": 0}
    wait(watching.gone)
    watching.settle()
    assert folder.snapshot().state == "done"
    local.close()

    mine = RunFolder.create(folder.path.parent, folder.request())
    mine.claim(processes.mark())
    engine = RayEngine(tmp_path)
    assert engine.has_begun(mine) and not engine.adopt(mine).gone(), "its worker is this very process"


def test_odd_resources_are_refused_at_launch_on_a_cluster_and_said_in_the_queue(folder, head, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", "measure=1")
    check_settings()
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    with pytest.raises(BadInput, match=r"EXPLORER_RAY_RESOURCES is 'measure=1'; expected are names and amounts"):
        jobs.enqueue(Recipe(model="cnn-digits", targets=("cpu-onnxruntime",)))
    assert Store().in_state("queued") == [folder.run], "nothing was written"
    assert chosen(tmp_path).obstacle(folder, []).startswith("EXPLORER_RAY_RESOURCES is 'measure=1'")


def test_the_cluster_as_the_dashboard_shows_it(head, monkeypatch):
    monkeypatch.delenv("EXPLORER_ENGINE", raising=False)
    assert cluster() is None
    monkeypatch.setenv("EXPLORER_ENGINE", "ray")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    assert cluster().nodes == () and "does not answer" in cluster().problem
    rows = [
        {"node_id": NODE, "state": "ALIVE", "is_head_node": True, "node_ip": "10.0.0.1",
         "resources_total": {"CPU": 4.0, "GPU": 1.0, "measure": 1.0, "memory": 1e9, "node:10.0.0.1": 1.0}},
        {"node_id": "f" * 56, "state": "DEAD", "resources_total": {}},
    ]  # fmt: skip
    ours = {"explorer_run": "r1", "explorer_CPU": "2", "explorer_GPU": "0", "explorer_measure": "1"}
    running = {"status": "RUNNING", "driver_node_id": NODE, "metadata": ours}
    others = [{"status": "PENDING", "metadata": {"explorer_run": "r2"}}, {"status": "RUNNING", "metadata": None}]
    assert described(rows, [running, *others], {NODE: {"CPU": [1.0, 4.0], "GPU": [1.0, 1.0]}}) == (
        Node("ab12cd34", True, 4.0, 1.0, 2.0, 0.0, (("measure", 0.0, 1.0),), ("r1",)),
    ), "Ray did not say yet that the run takes two processors"
    (busy,) = described(rows, [running | {"metadata": {}}], {NODE: {"CPU": [3.0, 4.0], "measure": [0.5, 1.0]}})
    assert (busy.free_cpus, busy.custom) == (1.0, (("measure", 0.5, 1.0),)), "others are there too"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    head.nodes = rows
    assert cluster().warning is None and len(cluster().nodes) == 1
    head.open = True
    assert cluster().warning.startswith(f"The Ray cluster at '{head.address}' asks for no token: whoever reaches")


def test_a_cluster_without_a_token_is_warned_of_once_in_the_log(folder, head, capsys):
    one = follower(folder, head)
    one._step()
    assert "no token" not in capsys.readouterr().err
    head.open = True
    link = Link(RayClient(head.address), shared=False)
    link.package()
    link.package()
    assert capsys.readouterr().err.count("asks for no token: whoever reaches this address can execute anything") == 1


def test_the_engine_never_imports_ray_torch_or_requests():
    code = (
        "import sys, explorer.jobs.supervisor, explorer.jobs.ray.engine, explorer.jobs.ray.cluster\n"
        "print(sorted({'ray', 'torch', 'requests', 'pydantic', 'streamlit'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
