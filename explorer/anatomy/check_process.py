"""The process that tries a model on data: ``python -m explorer.anatomy.check_process NAME MODEL [DATA]``."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from explorer.anatomy import background

KIND = "checks"
MODULE = "explorer.anatomy.check_process"


def name_of(model: str, data: str) -> str:
    """The name of the check of these two, as they were given."""
    return hashlib.sha256(f"{model}\n{data}".encode()).hexdigest()[:16]


def check(model: str, data: str | None) -> dict[str, Any]:
    """Load both as a run would; says what they are. Raises ``BadInput`` with what is wrong."""
    from explorer.models import check_files, load_model
    from explorer.models.layers import parameter_count

    print("Looking at the files", flush=True)
    check_files(model, data)
    print("Loading the model and the data", flush=True)
    loaded = load_model(model, data)
    return {
        "parameters": parameter_count(loaded.model),
        "labels": list(loaded.task.labels),
        "splits": {name: len(split) for name, split in loaded.task.splits.items()},
    }


if __name__ == "__main__":
    name, given, *rest = sys.argv[1:]
    background.serve(KIND, name, lambda: check(given, (rest or [""])[0] or None))
