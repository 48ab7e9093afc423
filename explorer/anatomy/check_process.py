"""The process that tries a model on data: ``python -m explorer.anatomy.check_process NAME MODEL [DATA]``."""

from __future__ import annotations

import sys
from typing import Any

from explorer.anatomy import background, own
from explorer.anatomy.own import Own

KIND = "checks"
MODULE = "explorer.anatomy.check_process"


def check(model: str, data: str | None) -> Own:
    """Load both as a run would; says what they are. Raises ``BadInput`` with what is wrong."""
    from explorer.models import check_files, load_model
    from explorer.models.layers import parameter_count
    from explorer.models.structure import kind_of

    print("Looking at the files", flush=True)
    check_files(model, data)
    print("Loading the model and the data", flush=True)
    loaded = load_model(model, data)
    full_model, full_data = own.full_paths(model, data)
    return Own(
        model=full_model,
        data=full_data,
        description=loaded.card.description,
        kind=loaded.task.kind,
        model_kind=kind_of(loaded.model.config),
        task=loaded.task.key,
        labels=loaded.task.labels,
        parameters=parameter_count(loaded.model),
        splits={name: len(split) for name, split in loaded.task.splits.items()},
        checked_at=own.now(),
    )


def checked(model: str, data: str | None) -> dict[str, Any]:
    """What ``check`` found; a model on data of one's own is remembered."""
    found = check(model, data)
    if found.data is not None:
        own.remember(found)
    return found.model_dump(mode="json")


if __name__ == "__main__":
    name, given, *rest = sys.argv[1:]
    background.serve(KIND, name, lambda: checked(given, (rest or [""])[0] or None))
