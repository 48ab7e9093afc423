"""On Windows, where Python lacks what runs need, every page stands and says what does not work there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from explorer import file_locks
from explorer.access import check_may_change, why_not
from explorer.errors import BadInput, ExplorerError
from explorer.jobs.processes import hold

POSIX_ONLY = ["fcntl", "resource", "pwd", "grp", "termios"]
ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
import psutil  # on this system it needs one of them
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
from pathlib import Path
from streamlit.testing.v1 import AppTest
told = {}
for page in [Path("app.py"), *sorted(Path("pages").glob("*.py"))]:
    app = AppTest.from_file(str(Path("app.py").absolute()), default_timeout=120)
    app = (app if page.stem == "app" else app.switch_page(str(page))).run()
    said = [caption.value for caption in app.caption]
    told[page.stem] = [[error.value for error in app.exception], any("On Windows" in one for one in said)]
print("TOLD" + json.dumps(told))
"""


def test_every_page_stands_and_says_it(tmp_path):
    environment = {**os.environ, "EXPLORER_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, json.dumps(POSIX_ONLY)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.split("TOLD")[1])
    assert len(told) == 10
    assert all(outcome == [[], True] for outcome in told.values()), told


def test_what_changes_something_is_refused_with_the_sentence(tmp_path, monkeypatch):
    assert why_not() is None
    monkeypatch.setattr(file_locks, "fcntl", None)
    with pytest.raises(BadInput, match="On Windows nothing can be launched"):
        check_may_change()
    with pytest.raises(ExplorerError, match="under WSL everything works"), hold(tmp_path / "a.lock"):
        pass
