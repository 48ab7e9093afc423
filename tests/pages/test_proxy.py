"""The dashboard behind nginx, set up as docs/team.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
from getpass import getuser
from pathlib import Path

import pytest

from explorer.bench.browser import free_port, serve_dashboard
from explorer.pictures import open_page
from explorer.texts import t
from tests.support.browser import complaints, page_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "explorer.localhost"
"""A name that browsers look for on this machine."""
DOCS = Path(__file__).parents[2] / "docs" / "team.md"
SERVER = """user {user}; pid {folder}/pid; error_log {folder}/errors; daemon off;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; server_name {name}; {location} }}
}}
"""


@pytest.fixture
def proxied(tmp_path, monkeypatch):
    """The address of a proxy before a dashboard."""
    nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if nginx is None:
        assert not os.environ.get("EXPLORER_REQUIRE_BROWSER"), "EXPLORER_REQUIRE_BROWSER is set, but nginx is not there"
        pytest.skip("nginx is not installed; 'apt install nginx-light' brings it")
    written = DOCS.read_text(encoding="utf-8")
    (location,) = re.findall("```nginx\n(.*?)```", written, re.DOTALL)
    (setting,) = re.findall(r"`([A-Z_]+)=explorer\.example\.org`", written)
    monkeypatch.setenv(setting, NAME)
    port, own = free_port(), free_port()
    location = textwrap.dedent(location).replace("8501", str(own))
    (tmp_path / "nginx.conf").write_text(
        SERVER.format(user=getuser(), folder=tmp_path, port=port, name=NAME, location=location)
    )
    with (
        serve_dashboard(tmp_path / "home", own),
        subprocess.Popen([nginx, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "errors")]) as proxy,
    ):
        yield f"http://{NAME}:{port}"
        proxy.terminate()


def test_pages_are_drawn_and_a_large_file_arrives(chromium, proxied, tmp_path):
    with page_of(chromium, proxied) as page, complaints(page) as said:
        open_page(page, "/Compress", "light")
        page.get_by_text(t("recipe.title"), exact=True).click()
        long = "# a remark that is left out when the recipe is read\n" * 50_000
        (tmp_path / "recipe.yaml").write_text(f"{long}model: cnn-digits\nsteps:\n  - technique: int8-dynamic\n")
        page.locator("input[type=file]").set_input_files(tmp_path / "recipe.yaml")
        page.get_by_role("button", name=t("recipe.load")).click()
        page.locator("strong", has_text="1. Dynamic").wait_for()
        assert said == []
