import getpass
import json
import os
import re
import socket
from pathlib import Path

import psutil

from explorer.measure.host import default_threads, fingerprint, usable_cpus


def test_it_holds_no_host_name_user_or_folder():
    text = json.dumps(fingerprint())
    for secret in (socket.gethostname(), os.uname().nodename, getpass.getuser(), str(Path.cwd()), str(Path.home())):
        # A user called "root" or "user" may be part of another word.
        assert not re.search(rf"\b{re.escape(secret)}\b", text)


def test_it_describes_this_machine():
    import numpy
    import onnxruntime

    found = fingerprint(threads=3)
    assert found["threads"] == 3
    assert found["memory_bytes"] == psutil.virtual_memory().total
    assert found["versions"]["numpy"] == numpy.__version__
    assert found["versions"]["onnxruntime"] == onnxruntime.__version__
    assert found["cores"] == len(usable_cpus())
    assert found["cpu"]


def test_default_threads_are_cores_that_may_be_used():
    assert 1 <= default_threads() <= len(usable_cpus())
