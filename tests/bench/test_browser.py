"""The dashboard as the benchmark and the browser tests serve it: what its server complains of is not lost."""

import subprocess
import sys

import pytest

from explorer.bench import browser


def served(monkeypatch, tmp_path, code):
    """Serve a program of a few lines in the place of Streamlit."""
    monkeypatch.setattr(browser, "_command", lambda port: [sys.executable, "-c", code])
    monkeypatch.setattr(browser, "_wait_for", lambda address: None)
    with browser.serve_dashboard(tmp_path) as (process, _):
        process.wait(60)


def test_an_exception_in_the_servers_log_is_passed_on(monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        served(monkeypatch, tmp_path, "print('begun'); 1 / 0")


def test_other_lines_there_are_no_complaint(monkeypatch, tmp_path):
    served(monkeypatch, tmp_path, "import sys; sys.exit('a warning')")


def test_a_test_that_fails_says_so_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "_command", lambda port: [sys.executable, "-c", "1 / 0"])
    monkeypatch.setattr(browser, "_wait_for", lambda address: None)
    with pytest.raises(AssertionError, match="mine"), browser.serve_dashboard(tmp_path) as (process, _):
        assert isinstance(process, subprocess.Popen)
        raise AssertionError("mine")
