"""A team's dashboard behind Streamlit's own login: who may change things, and who launched what."""

from __future__ import annotations

import json

import pytest

from explorer.bench.browser import free_port, serve_dashboard
from explorer.pictures import open_page, settle
from explorer.texts import t
from tests.support.browser import complaints, page_of
from tests.support.login import CLIENT, provider

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECRETS = """[auth]
redirect_uri = "{address}/oauth2callback"
cookie_secret = "long and not so random, as nobody else is here"
client_id = "{client}"
client_secret = "not a secret"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture
def team(tmp_path, monkeypatch):
    """A dashboard for a team of which one may change things: its address, its home, who logs in next."""
    port = free_port()
    address, secrets = f"http://127.0.0.1:{port}", tmp_path / "secrets.toml"
    with provider() as people:
        secrets.write_text(SECRETS.format(address=address, client=CLIENT, provider=people.address))
        monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(secrets))
        monkeypatch.setenv("EXPLORER_EDITORS", "ada@example.org")
        monkeypatch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:quick")
        with serve_dashboard(tmp_path / "home", port):
            yield address, tmp_path / "home", people


def test_who_logs_in_may_launch_if_listed_and_is_written_down(chromium, team):
    address, home, people = team
    with page_of(chromium, address) as page, complaints(page) as said:
        open_page(page, "/Compress", "light")
        assert page.get_by_role("button", name="Try an example").is_disabled(), "nobody has logged in"
        for person, may in {"guest@example.org": False, "ada@example.org": True}.items():
            people.person = person
            page.get_by_role("button", name=t("app.login")).click()
            page.get_by_text(person).wait_for()
            open_page(page, "/Compress", "light")
            assert page.get_by_role("button", name="Try an example").is_enabled() is may
            if not may:
                page.get_by_role("button", name=t("app.logout")).click()
                page.get_by_role("button", name=t("app.login")).wait_for()
                settle(page)
        page.get_by_role("button", name="Try an example").click()
        page.get_by_role("heading", name="Runs").wait_for()
        page.get_by_text("ada@example.org").nth(1).wait_for()
        (request,) = home.glob("runs/*/request.json")
        assert json.loads(request.read_text())["by"] == "ada@example.org"
        assert said == []
