"""The dashboard as the benchmark and the browser tests serve it: what its server complains of is not lost."""

import os
import re
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


def test_an_error_or_a_warning_in_the_servers_log_is_passed_on(monkeypatch, tmp_path):
    for level in ("WARNING", "ERROR", "CRITICAL"):
        code = f"import sys; sys.exit('2026-11-27 11:17:07.253 {level} streamlit.runtime: something is wrong')"
        with pytest.raises(RuntimeError, match=f"{level} streamlit.runtime: something is wrong"):
            served(monkeypatch, tmp_path, code)


def test_streamlit_writes_the_level_of_what_it_logs(tmp_path):
    (tmp_path / "app.py").touch()
    told = [word for word in browser._command(0) if "logger" in word]
    command = [sys.executable, "-m", "streamlit", "run", str(tmp_path / "app.py"), *told]
    environment = {**os.environ, "STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_PORT": str(browser.free_port())}
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=file, cwd=tmp_path)
    try:
        browser._wait_for(f"http://127.0.0.1:{environment['STREAMLIT_SERVER_PORT']}/_stcore/health")
    finally:
        process.terminate()
        process.wait(20)
    assert re.search(r"^\S+ \S+ INFO ", log.read_text(), re.MULTILINE)


def test_other_lines_there_are_no_complaint(monkeypatch, tmp_path):
    served(monkeypatch, tmp_path, "import sys; sys.exit('a warning')")


def test_a_test_that_fails_says_so_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "_command", lambda port: [sys.executable, "-c", "1 / 0"])
    monkeypatch.setattr(browser, "_wait_for", lambda address: None)
    with pytest.raises(AssertionError, match="mine"), browser.serve_dashboard(tmp_path) as (process, _):
        assert isinstance(process, subprocess.Popen)
        raise AssertionError("mine")
