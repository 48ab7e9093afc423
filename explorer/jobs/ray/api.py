"""A small client of the Ray Jobs API and of what Ray says about its nodes: HTTP by the standard library alone.

Every request has a time limit. Whatever goes wrong is a ``ClusterError`` with one plain sentence.
Source: the Ray Jobs REST API and the Ray state API of Ray 2.x; token authentication needs Ray 2.52 or later.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from explorer.errors import BadInput, ExplorerError

TIMEOUT_S = 2.0
SLOW_TIMEOUT_S = 60.0
"""For uploads, which the supervisor's loop never waits for."""
SILENCE_S = 10.0
"""How long nothing of a log may arrive."""
WHOLE_LOG_S = 600
"""How long a node may take to send a whole log, with model files in it."""
_LONGEST_ANSWER = 64 * 1024 * 1024
_LONGEST_REASON = 300
_REFUSED = (401, 403)
"""The HTTP status of an answer to somebody without the token."""


class ClusterError(ExplorerError):
    """The cluster refused something; ``status`` is the HTTP status of its answer, None where there was none."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class Away(ClusterError):
    """Nobody answers at the address of the cluster."""


class RayClient:
    """Speaks to the head of a Ray cluster; ``address`` is that of its dashboard, ``token`` its authentication token."""

    def __init__(self, address: str, token: str | None = None) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(
                f"RAY_API_SERVER_ADDRESS is '{address}'; expected is the address of a Ray dashboard, such as "
                "http://127.0.0.1:8265."
            )
        self.address = address.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirect)

    @classmethod
    def from_environment(cls) -> RayClient:
        """The client for ``RAY_API_SERVER_ADDRESS``, with the token that Ray's own variables name."""
        address = os.environ.get("RAY_API_SERVER_ADDRESS")
        if not address:
            raise BadInput(
                "RAY_API_SERVER_ADDRESS is not set; EXPLORER_ENGINE=ray expects the address of a Ray dashboard in it, "
                "such as http://127.0.0.1:8265."
            )
        return cls(address, token_from_environment())

    def version(self) -> str:
        """The version of Ray on the cluster."""
        return str(self._json("GET", "/api/version").get("ray_version"))

    def is_open(self) -> bool:
        """Whether the cluster does what anybody tells it who reaches it, without a token."""
        try:
            RayClient(self.address).status("of-nobody")
        except ClusterError as error:
            if error.status in _REFUSED:
                return False
            raise
        return True

    def submit(self, job: dict[str, Any]) -> bool:
        """Submit a job; False where one of its ``submission_id`` is known already, which is never run twice."""
        try:
            self._json("POST", "/api/jobs/", json.dumps(job).encode())
        except ClusterError as error:
            if "already exists" in str(error):
                return False
            raise
        return True

    def status(self, submission: str) -> dict[str, Any] | None:
        """What Ray knows about a job; None where it knows none of this id."""
        try:
            return self._json("GET", f"/api/jobs/{_quoted(submission)}")
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs that Ray knows, those that ended too."""
        found = self._answer("GET", "/api/jobs/")
        return [job for job in found if isinstance(job, dict)] if isinstance(found, list) else []

    def stop(self, submission: str) -> bool:
        """Ask a job to end: Ray sends SIGTERM, and SIGKILL after 3 s. False where it is not running or not known."""
        try:
            return bool(self._json("POST", f"/api/jobs/{_quoted(submission)}/stop").get("stopped"))
        except ClusterError as error:
            if error.status == 404:
                return False
            raise

    @contextmanager
    def log(self, submission: str, node: str, lines: int = -1) -> Iterator[Iterator[bytes]]:
        """The last ``lines`` lines of what a job wrote on its node, one by one; -1 is all of them."""
        name = f"job-driver-{submission}.log"
        asked = {"node_id": node, "filename": name, "lines": lines, "format": "text"}
        query = urllib.parse.urlencode({**asked, "timeout": WHOLE_LOG_S if lines == -1 else int(SILENCE_S)})
        with self._open("GET", f"/api/v0/logs/file?{query}", timeout=SILENCE_S) as answer:
            yield _lines(answer, self.address)

    def has_package(self, name: str) -> bool:
        """Whether the cluster keeps a package of this name; asking makes it keep it for a while longer."""
        try:
            with self._open("GET", f"/api/packages/gcs/{_quoted(name)}"):
                return True
        except ClusterError as error:
            if error.status == 404:
                return False
            raise

    def upload_package(self, name: str, data: bytes) -> None:
        """Give the cluster a zipped package, for jobs whose ``working_dir`` is ``gcs://name``."""
        with self._open("PUT", f"/api/packages/gcs/{_quoted(name)}", data, timeout=SLOW_TIMEOUT_S):
            return

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes of the cluster as its state API describes them, dead ones too."""
        found = self._json("GET", "/api/v0/nodes?detail=1&limit=10000&timeout=2")
        result = found.get("data", {}).get("result", {})
        rows = result.get("result") if isinstance(result, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def usage(self) -> dict[str, dict[str, Any]]:
        """By node, what is used and what there is of each resource: ``{node: {"CPU": [used, total]}}``."""
        status = self._json("GET", "/api/cluster_status").get("data", {}).get("clusterStatus") or {}
        found = (status.get("loadMetricsReport") or {}).get("usageByNode")
        return found if isinstance(found, dict) else {}

    def _json(self, method: str, path: str, data: bytes | None = None) -> dict[str, Any]:
        found = self._answer(method, path, data)
        if not isinstance(found, dict):
            raise ClusterError(f"The answer of '{self.address}' is no mapping; expected is a Ray dashboard there.")
        return found

    def _answer(self, method: str, path: str, data: bytes | None = None) -> Any:
        with self._open(method, path, data) as answer, _sentences(self.address):
            text = answer.read(_LONGEST_ANSWER)
        try:
            return json.loads(text)
        except ValueError:
            raise ClusterError(
                f"The answer of '{self.address}' is not JSON; expected is a Ray dashboard there."
            ) from None

    @contextmanager
    def _open(
        self, method: str, path: str, data: bytes | None = None, timeout: float = TIMEOUT_S
    ) -> Iterator[HTTPResponse]:
        headers = {"Content-Type": "application/octet-stream" if method == "PUT" else "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            answer = self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            raise _refusal(self.address, error) from None
        except (OSError, HTTPException) as error:
            raise _away(self.address, error) from None
        with answer:
            yield answer


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the token is for the given address only."""

    def redirect_request(self, *arguments: Any, **names: Any) -> None:
        return None


def warning_of_open(address: str) -> str:
    """The sentence for a cluster that is open."""
    return (
        f"The Ray cluster at '{address}' asks for no token: whoever reaches this address can execute anything on its "
        "nodes. Start it with RAY_AUTH_MODE=token (Ray 2.52 or later) and name the token in RAY_AUTH_TOKEN_PATH."
    )


def token_from_environment() -> str | None:
    """The token in ``RAY_AUTH_TOKEN``, else in the file ``RAY_AUTH_TOKEN_PATH``, else None."""
    token, path = os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH")
    if token or not path:
        return (token or "").strip() or None
    try:
        token = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError, RuntimeError):
        token = ""
    if not token:
        raise BadInput(f"RAY_AUTH_TOKEN_PATH is '{path}'; expected is a file that holds the token of the Ray cluster.")
    return token


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _lines(answer: HTTPResponse, address: str) -> Iterator[bytes]:
    with _sentences(address):
        yield from answer


@contextmanager
def _sentences(address: str) -> Iterator[None]:
    """Turn what goes wrong while an answer is read into the sentence for it."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _away(address, error) from None


def _away(address: str, error: Exception) -> Away:
    cause = getattr(error, "reason", None) or error
    return Away(
        f"The head of the Ray cluster at '{address}' does not answer ({cause}); expected is a Ray dashboard there."
    )


def _refusal(address: str, error: urllib.error.HTTPError) -> ClusterError:
    try:
        text = error.read(_LONGEST_ANSWER).decode("utf-8", "replace").strip()
    except (OSError, HTTPException):
        text = ""
    finally:
        error.close()
    if error.code in _REFUSED:
        return ClusterError(
            f"The Ray cluster at '{address}' does not accept the token; expected is its own in RAY_AUTH_TOKEN or in "
            "the file RAY_AUTH_TOKEN_PATH.",
            error.code,
        )
    lines = [line.strip() for line in text.split("\n") if any(map(str.isalnum, line))]
    reason = lines[-1][:_LONGEST_REASON] if lines else "it gave no reason"  # of a traceback, what it comes to
    return ClusterError(f"The Ray cluster at '{address}' refused a request (status {error.code}): {reason}", error.code)
