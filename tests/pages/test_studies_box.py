"""A study's file comes in on the Runs page; how large it may be is said there, and is the same before a proxy."""

import re
import tomllib

from explorer.studies import files
from tests.pages.conftest import ROOT


def most_mb() -> int:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"]


def test_the_largest_file_is_said_beside_the_field(own, open_page) -> None:
    app = open_page("2_Runs", studies=True)
    (field,) = [one for one in app.get("file_uploader") if one.proto.label == "A study's file from another machine"]
    assert field.proto.max_upload_size_mb == most_mb()
    assert field.proto.help.startswith(f"A file of at most {most_mb():,} MB.")


def test_a_proxy_lets_through_and_documents_name_what_the_dashboard_takes() -> None:
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", (ROOT / "docs" / "team.md").read_text(encoding="utf-8"))
    assert int(limit) == most_mb() + 1  # the form around the file
    written = " ".join((ROOT / "docs" / "jobs.md").read_text(encoding="utf-8").split())
    assert f"files of up to {most_mb():,} MB" in written
    assert f"the command of up to {files.MOST_BYTES / 1e9:g} GB" in written
