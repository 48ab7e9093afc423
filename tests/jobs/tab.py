"""A dashboard for schedules of faults: what pages ask of the jobs and the store, in the same calls, without Streamlit.

It looks as an open Runs page does, and takes orders meanwhile: a line of JSON each, which is answered by one.
"""

from __future__ import annotations

import json
import select
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from explorer import jobs, studies
from explorer.errors import ExplorerError
from explorer.jobs.usage import usage
from explorer.recipe import Recipe
from explorer.rundir import ACTIVE
from explorer.store import Store

LOOK_S, CARRY_ON_S, MOST = 0.1, 0.5, 10_000


def recipe(seed: int) -> Recipe:
    """Recipes that differ in their seed only."""
    return Recipe(model="cnn-digits", seed=seed, targets=("cpu-onnxruntime",))


class Page:
    """The Runs page: ``look`` draws it once more."""

    def __init__(self) -> None:
        self.version, self.carried_on = -1, -CARRY_ON_S
        self.rows: list[Any] = []

    def look(self) -> None:
        if time.monotonic() - self.carried_on > CARRY_ON_S:
            self.carried_on = time.monotonic()
            jobs.carry_on()
        version = Store().version()
        if version != self.version:
            self.rows, self.version = Store().newest(MOST, studies.archived()), version
        Store().in_state("queued")
        for row in self.rows:
            if row.state in ACTIVE:
                usage(row.run)
        own = [row for row in self.rows if not row.recorded]
        if own:
            jobs.events(own[-1].run)
            jobs.log_text(own[-1].run, tail=200)


ORDERS: dict[str, Callable[[Any], Any]] = {
    "submit": lambda seed: jobs.submit(recipe(seed)),
    "cancel": lambda run: jobs.cancel(run),
}


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """What became of an order: a refusal is one sentence, anything else that goes wrong is a crash."""
    ((name, given),) = order.items()
    try:
        return {"done": ORDERS[name](given)}
    except ExplorerError as error:
        return {"refused": str(error)}
    except Exception:
        return {"crash": traceback.format_exc()}


def main() -> None:
    """Look and obey until the input is closed."""
    page, crash = Page(), {}
    while True:
        if select.select([sys.stdin], [], [], LOOK_S)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(crash or answer(json.loads(line))), flush=True)
        try:
            with suppress(ExplorerError):  # the page shows it as its one sentence
                page.look()
        except Exception:
            crash = {"crash": traceback.format_exc()}


if __name__ == "__main__":
    main()
