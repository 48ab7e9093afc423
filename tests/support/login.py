"""A provider of OpenID Connect on this machine: whoever asks is logged in as ``person``, without a password."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT = "explorer"


class Provider(ThreadingHTTPServer):
    """``person`` is the e-mail address of whoever logs in next."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.person, self.nonces = "nobody@example.org", dict[str, str]()
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def token(self, code: str) -> str:
        """Who logged in with this code, signed."""
        now = int(time.time())
        claims = {"iss": self.address, "sub": code, "aud": CLIENT, "iat": now, "exp": now + 600, "email": code}
        head = {"alg": "RS256", "typ": "JWT", "kid": "1"}
        text = ".".join(_packed(json.dumps(part).encode()) for part in (head, claims | {"nonce": self.nonces[code]}))
        return f"{text}.{_packed(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        if place.path == "/authorize":
            self.server.nonces[self.server.person] = asked.get("nonce", "")
            back = urlencode({"code": self.server.person, "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        elif place.path == "/keys":
            numbers = self.server.key.public_key().public_numbers()
            names = {"n": numbers.n, "e": numbers.e}
            key = {name: _packed(value.to_bytes((value.bit_length() + 7) // 8)) for name, value in names.items()}
            self._answer({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", **key}]})
        else:
            ours = self.server.address
            places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            kinds = {"response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["RS256"]}
            self._answer({"issuer": ours, **{name: f"{ours}/{path}" for name, path in places.items()}, **kinds})

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = {"access_token": "none", "token_type": "Bearer", "expires_in": 600}
        self._answer(token | {"id_token": self.server.token(sent["code"][0])})

    def _answer(self, data: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """One that answers meanwhile."""
    with Provider() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
