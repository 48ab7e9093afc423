"""A fresh process for one measurement."""

from explorer.measure.process import run_fresh


def test_it_works_also_where_the_current_folder_was_deleted(tmp_path, monkeypatch):
    """MKL loads nothing there, and a cluster that unpacks the code anew takes the folder from under its jobs."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    answer = run_fresh("tests.measure.where_process", {"word": "here"}, 60)
    assert answer["given"] == "here" and answer["cwd"] != str(gone)
