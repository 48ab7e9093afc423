"""A run in two parts, made by one node and measured by another: without Ray, but with what nodes really execute."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from explorer import made
from explorer.errors import ExplorerError
from explorer.jobs.ray import package
from explorer.jobs.ray.follow import Follower
from explorer.jobs.ray.job import load
from explorer.rundir import RunFolder
from tests.jobs.parted import MODEL
from tests.jobs.ray_head import NODE, Head, adopted, follower, lose, watch
from tests.support.disk import Disk

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def parted(tmp_path, monkeypatch) -> None:
    """Measuring asks for a resource that making does not ask for."""
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"measure_cpu": {"measure": 1}}')
    monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.parted:execute")
    monkeypatch.setenv("EXPLORER_RAY_SCRATCH", str(tmp_path / "node"))
    monkeypatch.setenv("EXPLORER_RAY_PYTHON", sys.executable)


def executed(one: Follower, head: Head) -> None:
    """Execute the follower's job as a node does, with its packages unpacked as Ray does, and let it be over."""
    job = head.jobs[one.job.submission]
    places = []
    for uri in job["runtime_env"].get("py_modules", []):
        name = uri.removeprefix("gcs://")
        places.append(one.folder.path.parents[1] / "unpacked" / name.removesuffix(".zip"))
        with zipfile.ZipFile(io.BytesIO(head.packages[name])) as archive:
            archive.extractall(places[-1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*places, ROOT]))}
    words = shlex.split(job["entrypoint"])
    assert words[0] == "exec"
    done = subprocess.run(words[1:], env=environment, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    head.logs[f"job-driver-{one.job.submission}.log"] = done.stdout
    job |= {"status": "SUCCEEDED", "driver_node_id": NODE, "driver_exit_code": 0}


def made_by_a_node(folder: RunFolder, head: Head, shared: bool = False) -> Follower:
    """The follower of a run whose first part is over, as the follower does not know yet."""
    one = follower(folder, head, shared)
    one._step()
    executed(one, head)
    return one


def test_an_artefact_is_on_the_disk_before_it_is_said_to_be_made(folder, monkeypatch):
    (folder.path / "artefact" / "torch").mkdir(parents=True, exist_ok=True)
    for name in ("model.onnx", "torch/config.json"):
        (folder.path / "artefact" / name).write_bytes(b"{}")
    disk = Disk(monkeypatch)
    made.keep(folder.path, [], 1.0)
    disk.check_safe(folder.path / "artefact", before="made.json")


def test_an_artefact_travels_in_packages_and_is_put_together(folder, tmp_path, monkeypatch):
    files = {"model.onnx": os.urandom(2500), "torch/empty": b"", "torch/config.json": b"{}"}
    for name, data in files.items():
        path = folder.path / "artefact" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    made.keep(folder.path, [], 1.0)
    packages = list(package.pieces(folder.path, most=1000))
    assert len(packages) == 4 and all(sum(map(len, files.values())) <= 1000 for files in packages)
    names = []
    for number, piece in enumerate(packages):
        names.append(f"_ray_pkg_{number}.zip")
        with zipfile.ZipFile(io.BytesIO(package.zipped(piece))) as archive:
            archive.extractall(tmp_path / f"_ray_pkg_{number}")
        monkeypatch.syspath_prepend(tmp_path / f"_ray_pkg_{number}")
    there = tmp_path / "there"
    package.join(names, there)
    assert {name: (there / "artefact" / name).read_bytes() for name in files} == files
    assert made.read(there) == made.read(folder.path)
    with pytest.raises(ExplorerError, match="did not arrive on the node"):
        package.join(["_ray_pkg_other.zip"], there)
    (there / "artefact" / "model.onnx").write_bytes(b"another")
    with pytest.raises(ExplorerError, match="its digest is another one"):
        made.read(there)
    (there / "made.json").unlink()
    with pytest.raises(ExplorerError, match="nothing says that it was made"):
        made.read(there)


@pytest.mark.parametrize("shared", [False, True])
def test_a_run_is_made_by_one_job_and_measured_by_another(folder, head, shared):
    one = made_by_a_node(folder, head, shared)
    first = head.jobs[f"explorer-{folder.run}-1"]
    assert "entrypoint_resources" not in first and "py_modules" not in first["runtime_env"]
    assert folder.made is shared and folder.snapshot().state in ("queued", "running")
    one._step()
    assert folder.made and one.outcome is None and load(folder).part == "measure" and not load(folder).submitted
    assert folder.snapshot().text == "The artefact is made. Waiting for a place on the cluster to measure it"
    assert (folder.path / "artefact" / "model.onnx").read_bytes() == MODEL
    one._step()
    assert folder.snapshot().text == "The artefact is made. Waiting for a place on the cluster to measure it"
    second = head.jobs[f"explorer-{folder.run}-1-measure"]
    assert second["entrypoint_resources"] == {"measure": 1.0}
    assert ("py_modules" in second["runtime_env"]) is not shared
    executed(one, head)
    one._step()
    watch(folder, one).settle()
    assert folder.snapshot().state == "done" and not folder.made
    assert [step["notes"] for step in folder.result()["steps"]] == [["seed 0"]]
    assert (folder.path / "artefact" / "model.onnx").read_bytes() == MODEL
    if not shared:
        assert folder.log_text().count("made here") == folder.log_text().count("measured here") == 1
        assert b"artefact" not in head.logs[f"job-driver-{one.job.submission}.log"], "it came from here"
        texts = [event.get("text") for event in folder.events()]
        assert texts.index("Making") < texts.index("Measuring")


def test_one_job_is_enough_where_both_parts_ask_for_the_same(folder, head, monkeypatch):
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"measure": 1}')
    one = follower(folder, head)
    one._step()
    assert load(folder).part == "execute"
    executed(one, head)
    one._step()
    assert one.outcome is not None and folder.snapshot().state == "done" and len(head.jobs) == 1


def test_a_node_lost_while_measuring_leaves_the_artefact_to_be_measured_again(folder, head):
    one = made_by_a_node(folder, head)
    one._step()
    lose(one, head)
    assert (load(folder).attempt, load(folder).part) == (2, "measure") and folder.made
    one._step()
    assert sorted(head.jobs) == [f"explorer-{folder.run}-{rest}" for rest in ("1", "1-measure", "2-measure")]
    executed(one, head)
    one._step()
    watch(folder, one).settle()
    assert folder.snapshot().state == "done" and folder.log_text().count("made here") == 1


def test_two_lost_nodes_are_the_end_whichever_parts_they_had(folder, head):
    one = follower(folder, head)
    lose(one, head)
    assert load(folder).attempt == 2 and load(folder).part == "", "a cluster may have other nodes by now"
    one._step()
    executed(one, head)
    one._step()
    assert folder.made
    lose(one, head)
    watch(folder, one).settle()
    assert folder.snapshot().reason.startswith("node lost: ") and not folder.made
    assert not (folder.path / "artefact").exists()


def test_the_next_supervisor_goes_on_where_one_was_killed_between_the_parts(folder, head):
    one = made_by_a_node(folder, head)
    one._step()  # killed after it wrote down that measuring is to come
    one = adopted(one)
    one._step()
    assert sorted(head.jobs) == [f"explorer-{folder.run}-{rest}" for rest in ("1", "1-measure")]
    again = adopted(one)
    again.job = again.job.but(submitted=False)  # killed before it wrote down that Ray has the job
    again._step()
    assert len(head.jobs) == 2
    executed(again, head)
    again._step()
    assert folder.snapshot().state == "done" and folder.log_text().count("made here") == 1


def test_the_next_supervisor_reads_what_was_made_again(folder, head, monkeypatch):
    one = made_by_a_node(folder, head)
    note = (folder.path / "ray.json").read_bytes()
    one._step()
    (folder.path / "ray.json").write_bytes(note)  # killed before it wrote down that measuring is to come
    again = adopted(one)
    again._step()
    assert load(folder).part == "measure" and folder.made and folder.log_text().count("made here") == 1
    assert [event["text"] for event in folder.events() if event.get("text") == "Making"] == ["Making"]


def test_a_part_that_is_written_down_is_not_weighed_again(folder, head, monkeypatch):
    one = follower(folder, head)
    one._step()
    monkeypatch.setenv("EXPLORER_RAY_RESOURCES", '{"measure": 1}')
    again = adopted(one)
    again.job = again.job.but(submitted=False)  # Ray has the job, and nobody wrote that down
    again._step()
    assert again.job.part == "make" and len(head.jobs) == 1


@pytest.mark.parametrize("submitted", [False, True])
def test_a_cancel_reaches_a_run_between_its_parts(folder, head, submitted):
    one = made_by_a_node(folder, head)
    one._step()
    if submitted:
        one._step()
    folder.request_cancel()
    watch(folder, one).stop_if_asked()
    one._step()
    watch(folder, one).settle()
    assert folder.snapshot().state == "cancelled" and not folder.made and not (folder.path / "artefact").exists()
    assert head.stopped == ([f"explorer-{folder.run}-1-measure"] if submitted else [])


def test_what_cannot_be_made_ends_the_run_with_its_reason(folder, head, monkeypatch):
    one = follower(folder, head)
    one._step()
    job = head.jobs[one.job.submission]
    (folder.path / "made.json").write_text("{}")  # nothing that the node said
    job |= {"status": "FAILED", "driver_node_id": NODE, "driver_exit_code": 1}
    head.logs[f"job-driver-{one.job.submission}.log"] = b""
    while one.outcome is None:
        one._step()
    watch(folder, one).settle()
    assert folder.snapshot().state == "failed" and not folder.made
    assert json.loads((folder.path / "ray.json").read_text())["part"] == "make"
