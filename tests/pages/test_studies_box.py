"""A study's file comes in on the Runs page; how large it may be is said there, and is the same before a proxy."""

import re
import tomllib
from dataclasses import replace

from explorer.studies import files
from tests.pages.conftest import ROOT
from tests.support.sample_results import sample_runs, write_runs


def most_mb() -> int:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"]


def test_the_largest_file_is_said_beside_the_field(own, open_page) -> None:
    app = open_page("2_Runs", studies=True)
    (field,) = [one for one in app.get("file_uploader") if one.proto.label == "A study's file from another machine"]
    assert field.proto.max_upload_size_mb == most_mb()
    assert field.proto.help.startswith(f"A file of at most {most_mb():,} MB.")


def test_a_study_without_a_finished_run_offers_no_file(place, open_page) -> None:
    write_runs(place / "home" / "runs", [replace(sample_runs(2)[1], state="queued", result=None)])
    app = open_page("2_Runs", studies=True)
    downloads = [one.proto for one in app.get("download_button")]
    assert [(one.label, one.disabled, one.help) for one in downloads] == [
        ("Download", True, "It has no finished run yet."),
        ("Download with model files", True, "It has no finished run yet."),
    ]


def test_a_proxy_lets_through_and_documents_name_what_the_dashboard_takes() -> None:
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", (ROOT / "docs" / "team.md").read_text(encoding="utf-8"))
    assert int(limit) == most_mb() + 1  # the form around the file
    written = " ".join((ROOT / "docs" / "jobs.md").read_text(encoding="utf-8").split())
    assert f"files of up to {most_mb():,} MB" in written
    assert f"the command of up to {files.MOST_BYTES / 1e9:g} GB" in written
