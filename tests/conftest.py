"""For all tests: one thread for tiny models, which take ten times as long where several threads wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
