"""Runs: launching, looking, steering, putting away."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from explorer.cli import wording
from explorer.cli.base import Fresh, Json, Recipes, Run, Runs, Study, app, carry_on, each, listed, refuse, show
from explorer.cli.progress import Progress
from explorer.errors import BadInput

CARRY_ON_EVERY_S = 5.0


@app.command()
def run(recipe: Recipes, study: Study = "default", fresh: Fresh = False, as_json: Json = False) -> int:
    """Run recipes here, one after the other, and wait for the results; an equal one that is done is shown again.

    One that fails holds up none of those after it; one that is cancelled ends it all.
    """
    from explorer import jobs
    from explorer.jobs.foreground import run_here
    from explorer.recipe import load_recipes

    status, results = 0, []
    recipes = load_recipes(recipe)
    for one in recipes:
        try:
            name, _ = jobs.enqueue(one, study, fresh)
            row = run_here(name, Progress())
        except BadInput as error:
            status = refuse(str(error), 2)
            continue
        if row.result is None:
            reason = f": {row.reason.rstrip('.')}" if row.reason else ""
            status = max(status, refuse(f"The run '{name}' ended {row.state}{reason}.", 1))
            if row.state == "cancelled":
                break
            continue
        results.append(row.result)
        if not as_json:
            show(row.result, wording.summary(row), False)
    if as_json and results:
        show(results if len(recipes) > 1 else results[0], [], True)
    return status


@app.command()
def submit(
    recipe: Recipes,
    study: Study = "default",
    fresh: Fresh = False,
    time_limit: Annotated[float | None, typer.Option(metavar="MIN", help="End it after so many minutes.")] = None,
    priority: Annotated[
        Literal["high", "normal", "low"], typer.Option(help="High goes before all that waits, low after all of it.")
    ] = "normal",
    as_json: Json = False,
) -> None:
    """Queue recipes in the background and print the ids of their runs."""
    from explorer import jobs
    from explorer.recipe import load_recipes

    names = [jobs.submit(one, study, fresh, time_limit, priority) for one in load_recipes(recipe)]
    show([{"run": name} for name in names] if len(names) > 1 else {"run": names[0]}, names, as_json)


@app.command()
def runs(
    study: Annotated[str | None, typer.Option(help="Only this study.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only runs in these states; several are separated by commas.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the runs, the recorded ones first; what waits has its place in the queue and says why."""
    from explorer import jobs
    from explorer.home import home
    from explorer.rundir import ACTIVE, FINISHED, queue_paused
    from explorer.seeds import names_of
    from explorer.store import Store

    states = listed(state)
    if unknown := [name for name in states if name not in (*ACTIVE, *FINISHED)]:
        raise BadInput(f"There is no state '{unknown[0]}'; known are {', '.join((*ACTIVE, *FINISHED))}.")
    carry_on()
    jobs.await_ends()
    rows = Store().runs(study, states or None, model, with_results=as_json)
    places, held = {run: place for place, run in enumerate(Store().in_state("queued"), start=1)}, queue_paused(home())
    found = [{**row.plain(), "place": places.get(row.run)} for row in rows] if as_json else []
    names = names_of(rows)
    show(found, [wording.line(row, names[row.run], places.get(row.run), held) for row in rows], as_json)


@app.command()
def logs(
    run: Run,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run is finished.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a run said."""
    from explorer import jobs

    if as_json:
        return show({"run": run, "log": jobs.log_text(run, None), "events": jobs.events(run)}, [], True)
    printed, looked = 0, -CARRY_ON_EVERY_S
    while True:
        if follow and time.monotonic() - looked >= CARRY_ON_EVERY_S:
            carry_on()
            looked = time.monotonic()
        active = jobs.active(run)
        text = jobs.log_text(run, None)
        print(text[printed:], end="", flush=True)
        printed = len(text)
        if not (follow and active):
            return None
        time.sleep(0.2)


@app.command()
def cancel(run: Runs, as_json: Json = False) -> int:
    """End queued or running runs; one that is over already holds up none of those after it."""
    from explorer import jobs
    from explorer.store import Store

    def end(name: str) -> tuple[dict[str, Any], str]:
        if not jobs.cancel(name):
            state = Store().run(name).state
            raise BadInput(f"The run '{name}' is {state} already; only a queued or running one can end.")
        return {"run": name, "cancelled": True}, f"{name} is being cancelled."

    return each(run, end, as_json)


@app.command()
def pause(run: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, as_json: Json = False) -> None:
    """Let a run rest until it is resumed; without RUN, start nothing new."""
    from explorer import jobs

    if run is None:
        jobs.pause_queue()
    else:
        jobs.pause(run)
    carry_on()
    show({"run": run, "paused": True}, [f"{run} is paused." if run else "Nothing new is started."], as_json)


@app.command()
def resume(run: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, as_json: Json = False) -> None:
    """Let a paused run go on; without RUN, start what is queued again."""
    from explorer import jobs

    if run is None:
        jobs.resume_queue()
    else:
        jobs.resume(run)
    show({"run": run, "paused": False}, [f"{run} goes on." if run else "What is queued is started again."], as_json)


@app.command()
def move(
    run: Run,
    to: Annotated[Literal["first", "up", "down", "last"], typer.Option(help="Where in the queue.")] = "first",
    as_json: Json = False,
) -> None:
    """Give a queued run another place in the queue."""
    from explorer import jobs
    from explorer.store import Store

    jobs.move(run, to)
    carry_on()
    queue = Store().in_state("queued")
    show({"run": run, "queue": queue}, [f"{place}. {one}" for place, one in enumerate(queue, start=1)], as_json)


@app.command()
def retry(run: Runs, fresh: Fresh = False, as_json: Json = False) -> int:
    """Run the recipes of finished runs again; what failed goes on from its last checkpoint unless --fresh."""
    from explorer import jobs

    def again(name: str) -> tuple[dict[str, Any], str]:
        new = jobs.retry(name, True if fresh else None)
        return {"run": new}, new

    return each(run, again, as_json)


@app.command()
def delete(run: Runs, as_json: Json = False) -> int:
    """Move runs that are over into the trash; 'restore' brings them back for a week, or until that is emptied."""
    from explorer import jobs, trash

    def put_away(name: str) -> tuple[dict[str, Any], str]:
        jobs.delete(name)
        line = f"{name} is in the trash for {trash.KEPT_DAYS} days; 'python -m explorer restore {name}' brings it back."
        return {"run": name, "deleted": True}, line

    return each(run, put_away, as_json)


@app.command("trash")
def in_trash(as_json: Json = False) -> None:
    """List what 'restore' brings back: runs, model files, presets and stories, each with when it goes for good."""
    from explorer.housekeeping import in_trash as removed

    found = removed()
    lines = [wording.removed(one) for one in found]
    show([asdict(one) for one in found], lines or ["The trash is empty."], as_json)


@app.command()
def restore(run: Runs, as_json: Json = False) -> int:
    """Bring back what was deleted or removed; 'trash' lists it."""
    from explorer import housekeeping

    def bring_back(name: str) -> tuple[dict[str, Any], str]:
        housekeeping.restore(name)
        return {"run": name, "restored": True}, f"{name} is back."

    return each(run, bring_back, as_json)
