"""Stands for a Ray cluster in tests: a head that answers as it is told, and what nodes say of finished runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from explorer.jobs.ray.api import RayClient
from explorer.jobs.ray.engine import RayWatch
from explorer.jobs.ray.follow import Follower
from explorer.jobs.ray.job import Job, load
from explorer.jobs.ray.link import Link
from explorer.jobs.ray.wire import Sender
from explorer.rundir import RunFolder

TOKEN = "a-token-of-the-tests"
NODE = "ab12cd34" + 48 * "0"


class Head:
    """Stands for the head of a cluster: it keeps jobs and packages, and says what a test tells it to say."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict] = {}
        self.logs: dict[str, bytes] = {}
        self.packages: dict[str, bytes] = {}
        self.stopped: list[str] = []
        self.nodes: list[dict] = []
        self.usage: dict[str, dict] = {}
        self.open = False
        """Whether it takes requests without a token."""
        self.address = ""

    def answer(self, method: str, path: str, query: dict, body: bytes) -> tuple[int, bytes]:
        parts = path.strip("/").split("/")
        if path == "/api/version":
            return 200, b'{"version": "4", "ray_version": "2.60.0"}'
        if parts[:2] == ["api", "packages"]:
            return self._package(method, parts[3], body)
        if path == "/api/jobs/":
            return (
                self._submit(json.loads(body))
                if method == "POST"
                else (200, json.dumps([*self.jobs.values()]).encode())
            )
        if path == "/api/v0/nodes":
            return 200, json.dumps({"result": True, "data": {"result": {"result": self.nodes}}}).encode()
        if path == "/api/cluster_status":
            report = {"loadMetricsReport": {"usageByNode": self.usage}}
            return 200, json.dumps({"data": {"clusterStatus": report}}).encode()
        if path == "/api/v0/logs/file":
            lines = self.logs[query["filename"][0]].splitlines(keepends=True)
            count = int(query["lines"][0])
            return 200, b"".join(lines if count == -1 else lines[-count:])
        return self._job(parts)

    def _package(self, method: str, name: str, body: bytes) -> tuple[int, bytes]:
        if method == "PUT":
            self.packages[name] = body
        return (200, b"") if name in self.packages else (404, b"it does not exist")

    def _submit(self, job: dict) -> tuple[int, bytes]:
        name = job["submission_id"]
        if name in self.jobs:
            return 500, f"Traceback\nValueError: Job with submission_id {name} already exists.".encode()
        self.jobs[name] = {**job, "status": "PENDING"}
        return 200, json.dumps({"submission_id": name}).encode()

    def _job(self, parts: list[str]) -> tuple[int, bytes]:
        if parts[2] not in self.jobs:
            return 404, f"Job {parts[2]} does not exist".encode()
        if parts[-1] == "stop":
            self.stopped.append(parts[2])
            return 200, b'{"stopped": true}'
        return 200, json.dumps(self.jobs[parts[2]]).encode()


@contextmanager
def serving() -> Iterator[Head]:
    """A head that answers on a port of this machine."""
    head = Head()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            if not head.open and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, text = 401, b"Unauthorized: Missing authentication token"
            elif parts.path == "/api/moved":
                status, text = 302, b""
            else:
                status, text = head.answer(self.command, parts.path, parse_qs(parts.query), body)
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    head.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield head
    server.shutdown()
    server.server_close()


def follower(folder: RunFolder, head: Head, shared: bool = False) -> Follower:
    """A follower whose steps a test takes itself."""
    link = Link(RayClient(head.address, TOKEN), shared)
    return Follower(folder, link, Job(head.address, folder.run).save(folder))


def adopted(one: Follower) -> Follower:
    """The follower of the same run that the next supervisor makes."""
    return Follower(one.folder, one.link, load(one.folder))


def sent(source: Path, exit_status: int = 0) -> list[bytes]:
    """All that a node says about a finished run's folder."""
    lines: list[str] = []
    sender = Sender(source, lines.append)
    sender.live()
    sender.files()
    sender.finish(exit_status)
    return [line.encode() for line in lines]


def finished(tmp_path: Path, model: bytes = b"12345") -> RunFolder:
    """A run's folder on a node, as its worker leaves it."""
    source = RunFolder(tmp_path / "node" / "run")
    (source.path / "artefact").mkdir(parents=True)
    (source.path / "artefact" / "model.onnx").write_bytes(model)
    (source.path / "artefact" / "empty.txt").touch()
    (source.path / "log.txt").write_text("loading\nworking\n", encoding="utf-8")
    source.claim({"pid": 1, "started": 1.0, "since_boot": 1.0, "boot_id": "another", "claimed_at": 1.0})
    source.add_state("running")
    source.add_progress("train", "Training", fraction=0.5)
    files = {"model.onnx": len(model), "empty.txt": 0}
    source.write_result(json.dumps({"state": "done", "artefact": {"folder": "artefact", "files": files}}))
    source.add_state("done")
    return source


def watch(folder: RunFolder, one: Follower) -> RayWatch:
    """The supervisor's watch on the run that a follower follows."""
    found = RayWatch(folder, None)
    found._follower = one
    return found


def lose(one: Follower, head: Head) -> None:
    """Have the follower submit its job, and the job be lost with its node."""
    one._step()
    head.jobs[one.job.submission] |= {
        "status": "FAILED",
        "driver_node_id": NODE,
        "error_type": "JOB_SUPERVISOR_ACTOR_DIED",
        "message": "Job supervisor actor died: ...",
    }
    head.logs[f"job-driver-{one.job.submission}.log"] = b""
    one._step()
