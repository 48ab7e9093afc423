"""The command line: ``python -m explorer``. Plain text for people, ``--json`` for machines.

Exit status 0 when all went well, 1 for a run that failed, 2 and one plain sentence for bad input.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from explorer.errors import BadInput, ExplorerError

if TYPE_CHECKING:
    from explorer.context import Report as Tell
    from explorer.measure.elsewhere import Report
    from explorer.store import RunRow
    from explorer.variants import Variant

app = typer.Typer(
    help="Compress models and see what each variant really costs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
RecipeFile = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe as YAML or JSON.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run; 'runs' lists them.")]
Study = Annotated[str, typer.Option(help="The study that the run belongs to.")]
OwnStudy = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study of your own.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Reuse nothing that was kept from before.")]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Mistakes become one sentence on stderr, never a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return int(app(args=words or ["--help"], prog_name="python -m explorer", standalone_mode=False) or 0)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)().strip().replace("Value error, ", "")
        return _refuse(message if message.endswith(".") else f"{message}.", 2)
    except BadInput as error:
        return _refuse(str(error), 2)
    except ExplorerError as error:
        return _refuse(str(error), 1)
    except BrokenPipeError:  # the reader has seen enough, as in '| head'
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return 130


@app.command()
def models(as_json: Json = False) -> None:
    """List the built-in models."""
    from explorer.models import cards

    found = [asdict(card) for card in cards().values()]
    lines = [
        f"{card['name']:<16}{card['parameters'] / 1e6:>8.2f} M parameters  {card['description']}" for card in found
    ]
    _show(found, lines, as_json)


@app.command()
def techniques(as_json: Json = False) -> None:
    """List the techniques with their parameters."""
    from explorer.technique import techniques as known

    found, lines = [], []
    for technique in known().values():
        parameters = [asdict(parameter) for parameter in technique.parameters()]
        names = {"name": technique.name, "title": technique.title, "family": technique.family, "stage": technique.stage}
        facts = {"suits": technique.suits, "effect": technique.effect, "needs": sorted(technique.needs)}
        texts = {"summary": technique.summary(), "paper": technique.paper, "not_after": technique.not_after}
        found.append({**names, **facts, **texts, "parameters": parameters})
        lines.append(f"{technique.name}  ({technique.family})  {technique.summary()}")
        lines += [f"    {_parameter(parameter)}" for parameter in parameters]
    _show(found, lines, as_json)


@app.command()
def targets(as_json: Json = False) -> None:
    """List where artefacts can run, and what this machine has."""
    from explorer.measure.targets import availability
    from explorer.measure.targets import targets as known

    found = [{**asdict(target), "unavailable": availability(name)} for name, target in known().items()]
    wide, wider = (max(len(row[column]) for row in found) + 2 for column in ("name", "title"))
    lines = [f"{row['name']:<{wide}}{row['title']:<{wider}}{_available(row['unavailable'])}" for row in found]
    _show(found, lines, as_json)


@app.command()
def run(recipe: RecipeFile, study: Study = "default", fresh: Fresh = False, as_json: Json = False) -> int:
    """Run a recipe here and wait for its result; an equal one that is done is shown again."""
    from explorer import jobs
    from explorer.jobs.foreground import run_here
    from explorer.recipe import Recipe

    name, _ = jobs.enqueue(Recipe.load(recipe), study, fresh)
    row = run_here(name, _Progress())
    if row.result is None:
        reason = f": {row.reason.rstrip('.')}" if row.reason else ""
        return _refuse(f"The run '{name}' ended {row.state}{reason}.", 1)
    _show(row.result, _summary(row), as_json)
    return 0


@app.command()
def submit(
    recipe: RecipeFile,
    study: Study = "default",
    fresh: Fresh = False,
    time_limit: Annotated[float | None, typer.Option(metavar="MIN", help="End it after so many minutes.")] = None,
    priority: Annotated[
        Literal["high", "normal", "low"], typer.Option(help="High goes before all that waits, low after all of it.")
    ] = "normal",
    as_json: Json = False,
) -> None:
    """Queue a recipe in the background and print its run's id."""
    from explorer import jobs
    from explorer.recipe import Recipe

    name = jobs.submit(Recipe.load(recipe), study, fresh, time_limit, priority)
    _show({"run": name}, [name], as_json)


@app.command()
def runs(
    study: Annotated[str | None, typer.Option(help="Only this study.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    state: Annotated[str | None, typer.Option(help="Only runs in this state.")] = None,
    as_json: Json = False,
) -> None:
    """List the runs, the recorded ones first."""
    from explorer.rundir import ACTIVE, FINISHED
    from explorer.store import Store

    if state is not None and state not in (*ACTIVE, *FINISHED):
        raise BadInput(f"There is no state '{state}'; known are {', '.join((*ACTIVE, *FINISHED))}.")
    rows = Store().runs(study, None if state is None else (state,), model, with_results=as_json)
    found = [vars(row) for row in rows] if as_json else []
    _show(found, [_line(row) for row in rows], as_json)


@app.command()
def logs(
    run: Run,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run is finished.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a run said."""
    from explorer import jobs

    if as_json:
        return _show({"run": run, "log": jobs.log_text(run, None), "events": jobs.events(run)}, [], True)
    printed = 0
    while True:
        active = jobs.active(run)
        text = jobs.log_text(run, None)
        print(text[printed:], end="", flush=True)
        printed = len(text)
        if not (follow and active):
            return None
        time.sleep(0.2)


@app.command()
def cancel(run: Run, as_json: Json = False) -> None:
    """End a queued or running run."""
    from explorer import jobs
    from explorer.store import Store

    if not jobs.cancel(run):
        raise BadInput(f"The run '{run}' is {Store().run(run).state} already; only a queued or running one can end.")
    _show({"run": run, "cancelled": True}, [f"{run} is being cancelled."], as_json)


@app.command()
def pause(run: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, as_json: Json = False) -> None:
    """Let a run rest until it is resumed; without RUN, start nothing new."""
    from explorer import jobs

    if run is None:
        jobs.pause_queue()
    else:
        jobs.pause(run)
    _show({"run": run, "paused": True}, [f"{run} is paused." if run else "Nothing new is started."], as_json)


@app.command()
def resume(run: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, as_json: Json = False) -> None:
    """Let a paused run go on; without RUN, start what is queued again."""
    from explorer import jobs

    if run is None:
        jobs.resume_queue()
    else:
        jobs.resume(run)
    _show({"run": run, "paused": False}, [f"{run} goes on." if run else "What is queued is started again."], as_json)


@app.command()
def export_study(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    to: Annotated[Path, typer.Option(help="The zip file to write.")],
    artefacts: Annotated[bool, typer.Option(help="With the model files, not only recipes and results.")] = False,
    as_json: Json = False,
) -> None:
    """Write the finished runs of a study to one file that another machine can take in."""
    from explorer.studies import files

    count = files.export_study(study, to, artefacts)
    _show({"runs": count, "file": str(to)}, [f"{count} runs of '{study}' are in {to}."], as_json)


@app.command()
def import_study(
    file: Annotated[Path, typer.Argument(help="A file that export-study wrote.")],
    study: Annotated[str | None, typer.Option(help="Another name for it here.")] = None,
    as_json: Json = False,
) -> None:
    """Take in a study from a file; it is checked before anything is unpacked."""
    from explorer.studies import files

    found = files.import_study(file, study)
    lines = [f"{len(found.new)} runs are new in '{found.study}', {len(found.known)} were here already."]
    lines += [f"{len(found.joined)} of these belong to '{found.study}' now as well."] if found.joined else []
    _show(asdict(found), lines, as_json)


@app.command()
def describe_study(
    study: OwnStudy,
    text: Annotated[str, typer.Argument(help="Which question it answers, on which data, and what was found.")],
    as_json: Json = False,
) -> None:
    """Say what a study is about."""
    from explorer import studies

    about = studies.describe(study, text)
    _show(asdict(about), [f"'{study}' is described."], as_json)


@app.command()
def archive_study(
    study: OwnStudy,
    back: Annotated[bool, typer.Option("--back", help="Bring it back instead.")] = False,
    as_json: Json = False,
) -> None:
    """Put a study out of sight of the pages, or back; its runs and files stay."""
    from explorer import studies

    about = studies.archive(study, not back)
    _show(asdict(about), [f"'{study}' is {'back' if back else 'put away'}."], as_json)


@app.command()
def duplicate_study(
    study: OwnStudy,
    new: Annotated[str, typer.Argument(help="Name of the new study.")],
    as_json: Json = False,
) -> None:
    """Let all runs of a study belong to a new one too; nothing is computed or copied."""
    from explorer import studies

    count = studies.duplicate(study, new)
    _show({"study": new, "runs": count}, [f"{count} runs belong to '{new}' too."], as_json)


@app.command()
def disk(as_json: Json = False) -> None:
    """Show what studies, cache and trash take of the disk."""
    from explorer.housekeeping import disk_use
    from explorer.quantities import file_size

    uses = disk_use()
    wide = max(len(use.name) for use in uses) + 2
    _show(
        [asdict(use) for use in uses], [f"{u.name:<{wide}}{u.items:>8,}  {file_size(u.bytes)}" for u in uses], as_json
    )


@app.command()
def clean(
    days: Annotated[float, typer.Option(help="Only runs that ended so long ago.")] = 30.0,
    front: Annotated[
        bool, typer.Option(help="Keep the files of runs that no other beats in accuracy and size, or latency.")
    ] = True,
    best: Annotated[int, typer.Option(help="Keep so many of each model in each study, by accuracy.", min=0)] = 0,
    trash: Annotated[bool, typer.Option(help="Also empty the trash, for good.")] = False,
    cache: Annotated[bool, typer.Option(help="Also empty the cache.")] = False,
    as_json: Json = False,
) -> None:
    """Remove model files of old runs; they stay in the trash until it is emptied, results stay for good."""
    from explorer import housekeeping
    from explorer.store import Store
    from explorer.variants import flatten

    rows = Store().runs()
    removed = len(housekeeping.remove_artefacts(housekeeping.removable(rows, flatten(rows), days, front, best)))
    freed = (housekeeping.empty_trash() if trash else 0) + (housekeeping.empty_cache() if cache else 0)
    lines = [f"Model files of {removed} runs were removed; 'python -m explorer restore RUN' brings them back."]
    lines += [f"{freed / 1e6:.1f} MB are free now."] if freed else []
    _show({"removed": removed, "freed_bytes": freed}, lines, as_json)


@app.command()
def delete(run: Run, as_json: Json = False) -> None:
    """Move a run that is over into the trash; 'restore' brings it back until that is emptied."""
    from explorer import jobs

    jobs.delete(run)
    _show(
        {"run": run, "deleted": True},
        [f"{run} is in the trash; 'python -m explorer restore {run}' brings it back."],
        as_json,
    )


@app.command()
def restore(run: Run, as_json: Json = False) -> None:
    """Bring back a deleted run, or its removed model files."""
    from explorer.housekeeping import restore as bring_back

    bring_back(run)
    _show({"run": run, "restored": True}, [f"{run} is back."], as_json)


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
    queue = Store().in_state("queued")
    _show({"run": run, "queue": queue}, [f"{place}. {one}" for place, one in enumerate(queue, start=1)], as_json)


@app.command()
def retry(run: Run, fresh: Fresh = False, as_json: Json = False) -> None:
    """Run the recipe of a finished run again; one that failed goes on from its last checkpoint unless --fresh."""
    from explorer import jobs

    name = jobs.retry(run, True if fresh else None)
    _show({"run": name}, [name], as_json)


@app.command()
def front(
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    target: Annotated[str, typer.Option(help="Where accuracy and latency were measured.")] = "cpu-onnxruntime",
    x: Annotated[Literal["size", "latency"], typer.Option(help="What accuracy is set against.")] = "size",
    batch: Annotated[int, typer.Option(help="The batch size of the latency.", min=1)] = 1,
    as_json: Json = False,
) -> None:
    """List the variants that no other one beats; one front per model, data, host, and recorded or own runs."""
    from explorer.measure.targets import check_target_names
    from explorer.store import Store
    from explorer.variants import choose, flatten

    check_target_names([target])
    known = dict.fromkeys(row.model for row in Store().runs(states=("done",), with_results=False))
    if model is not None and model not in known:
        raise BadInput(
            f"There is no finished run of a model '{model}'; there are some of {', '.join(known) or 'none'}."
        )
    rows = choose(flatten(Store().runs(states=("done",), model=model)), target, batch)
    best = _fronts([row for row in rows if row.available and not row.estimated], x)
    lines = [
        f"{row.run}  {row.model}  {row.label}  {row.accuracy:.1%}  {row.file_bytes / 1e6:.2f} MB  {_latency(row)}"
        + (f"  reported from elsewhere ({row.host})" if row.reported else "")
        for row in best
    ]
    _show([asdict(row) for row in best], lines, as_json)


@app.command()
def export(
    run: Run,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to put the bundle.")],
    as_zip: Annotated[bool, typer.Option("--zip", help="One zip file instead of a folder.")] = False,
    with_baseline: Annotated[
        bool, typer.Option("--with-baseline", help="Add the uncompressed model, for speed-ups on other machines.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Export a finished variant with everything that is needed to run it, and to measure it on another machine."""
    from explorer import jobs
    from explorer.store import Store

    folder = jobs.run_folder(run)
    state = Store().run(run).state
    if state != "done":
        raise BadInput(f"The run '{run}' is {state}; only one that is done can be exported.")
    from explorer.export import export_bundle  # onnx, once it is needed

    path = export_bundle(folder, to, "zip" if as_zip else "folder", with_baseline)
    _show({"run": run, "path": str(path)}, [str(path)], as_json)


@app.command()
def results(
    study: Annotated[str | None, typer.Option(help="Only this study.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    run: Annotated[list[str] | None, typer.Option(help="Only these runs; several are separated by commas.")] = None,
    form: Annotated[Literal["csv", "json", "parquet"], typer.Option("--format", help="How to write them.")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="The file to write, else printed.")] = None,
    as_json: Json = False,
) -> None:
    """Write the results of finished runs as one table: a row per variant, target, batch size and length."""
    from explorer.result_tables import COLUMNS, flat_rows, save, written
    from explorer.store import Store

    if study is not None and study not in Store().studies():
        raise BadInput(f"There is no study '{study}'; known are {', '.join(Store().studies()) or 'none'}.")
    if to is None and form == "parquet" and not as_json:
        raise BadInput("Parquet is not for reading on a screen; name the file to write with --to.")
    found, wanted = Store().runs(study, ("done",), model), _listed(run)
    missing = sorted(set(wanted) - {row.run for row in found})
    if missing:
        raise BadInput(f"There is no finished run '{missing[0]}' among those that were asked for.")
    rows = flat_rows(row for row in found if not wanted or row.run in wanted)
    if not rows:
        raise BadInput("No finished run fits what was asked for; 'python -m explorer runs' lists the known ones.")
    if to is None:
        print(written(rows, "json" if as_json else form).decode(), end="")
    else:
        save(rows, form, to)
        _show({"path": str(to), "rows": len(rows), "columns": list(COLUMNS)}, [str(to)], as_json)


@app.command()
def measure(
    subject: Annotated[str, typer.Argument(metavar="RUN_OR_BUNDLE", help="A run's id, or the folder of a bundle.")],
    targets: Annotated[
        list[str] | None, typer.Option(help="Where to measure; several are separated by commas.")
    ] = None,
    batch: Annotated[list[str] | None, typer.Option(help="Inputs at a time, such as 1,8.")] = None,
    length: Annotated[list[str] | None, typer.Option(help="Tokens of a text, such as 128, or 'real'.")] = None,
    size: Annotated[
        list[str] | None, typer.Option(help="Pixels of an image's side besides the model's own, such as 32,56.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write.")] = Path("measurements.json"),
    as_json: Json = False,
) -> None:
    """Measure an artefact on this machine into a file that 'import-measurements' takes in where it was made."""
    from explorer import jobs, remeasure
    from explorer.recipe import LARGEST_BATCH, LARGEST_SIDE, LONGEST, OWN_SIZE, SMALLEST_SIDE
    from explorer.rundir import write_whole

    if not os.access(to.parent, os.W_OK) or to.is_dir():
        raise BadInput(f"'{to}' cannot be written; expected is a file in a folder that is there.")
    batches = [_whole(word, "--batch", LARGEST_BATCH) for word in _listed(batch)]
    lengths = ["real" if word == "real" else _whole(word, "--length", LONGEST) for word in _listed(length)]
    sizes = [
        OWN_SIZE if word == OWN_SIZE else _whole(word, "--size", LARGEST_SIDE, SMALLEST_SIDE) for word in _listed(size)
    ]
    bundle = Path(subject) if remeasure.is_bundle(Path(subject)) else None
    again = remeasure.measure_bundle if bundle else remeasure.measure_run
    try:
        folder = bundle or jobs.run_folder(subject)
    except BadInput as error:
        raise BadInput(f"{error} The folder of an unpacked bundle is possible too.") from None
    report = again(folder, _tell(), _listed(targets), batches, lengths, sizes).report()
    write_whole(to, report.text())
    _show(report.model_dump(mode="json"), [*_measured(report), str(to)], as_json)


@app.command("import-measurements")
def import_measurements(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What measure.py or 'measure' wrote elsewhere.")],
    run: Annotated[str | None, typer.Option(help="Only this run; else every run with the same model file.")] = None,
    as_json: Json = False,
) -> None:
    """Take in measurements that another machine made of one of your variants."""
    from explorer.importing import take_in
    from explorer.measure.elsewhere import read

    report = read(file)
    found = take_in(report, run)
    words = {True: "added to", False: "was there already in"}
    lines = [f"{report.device.name}: {words[name in found.new]} {name}" for name in found.runs]
    _show({"device": report.device.name, "runs": found.runs, "new": found.new}, lines, as_json)


@app.command()
def verify(
    run: Run,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Also run the recipe again from scratch.")] = False,
    as_json: Json = False,
) -> int:
    """Repeat a finished run's measurements and say what differs; exit status 1 when something does."""
    from explorer import verify as verifying

    checks = verifying.verify(run, _tell(), rebuild)
    agrees = verifying.agrees(checks)
    rows = [asdict(check) for check in checks]
    _show({"run": run, "agrees": agrees, "checks": rows}, verifying.lines(checks), as_json)
    return 0 if agrees else 1


@app.command()
def reindex(as_json: Json = False) -> None:
    """Rebuild the index from the run folders."""
    from explorer.store import Store

    count = Store().reindex()
    _show({"runs": count}, [f"{count} runs are in the index."], as_json)


class _Progress:
    """Progress events as lines on stderr: each text once, with a new figure at most every second."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        text = f"[{event.get('stage')}] {event.get('text')}"
        now = time.monotonic()
        if text == self.text and now - self.at < 1:
            return
        self.text, self.at = text, now
        fraction, left, speed = event.get("fraction"), event.get("seconds_left"), event.get("samples_per_s")
        figures = [
            f"{fraction:.0%}" if fraction is not None else "",
            f"{speed:.0f} samples/s" if speed else "",
            f"{left:.0f} s left" if left else "",
        ]
        print("  ".join([text, *filter(None, figures)]), file=sys.stderr, flush=True)


def _tell() -> Tell:
    """Progress on stderr for work that is done in this process."""
    progress = _Progress()

    def tell(**said: Any) -> None:
        progress(said)

    return tell


def _listed(words: list[str] | None) -> list[str]:
    """Values of an option that may be repeated, or hold several separated by commas."""
    return [part.strip() for word in words or [] for part in word.split(",") if part.strip()]


def _whole(word: str, option: str, most: int, least: int = 1) -> int:
    if not word.isdecimal() or not least <= int(word) <= most:
        raise BadInput(f"{option} takes whole numbers from {least} to {most:,}; given was '{word}'.")
    return int(word)


def _measured(report: Report) -> list[str]:
    """A report in lines: each target with its accuracy and times."""
    lines = [report.device.name]
    for entry in (accuracy.model_dump() for accuracy in report.accuracy):
        lines.append(f"accuracy   {entry['target']}, {entry['split']}{_condition(entry)}: {_accuracy(entry)}")
    for entry in (latency.model_dump() for latency in report.latency):
        lines.append(f"latency    {entry['target']}, {_shape(entry)}: {_timing(entry)}")
    return lines


def _fronts(rows: list[Variant], x: str) -> list[Variant]:
    """The front of each group of rows that may be compared with each other."""
    from explorer.pareto import front as undominated

    groups: dict[tuple[object, ...], list[Variant]] = {}
    for row in rows:
        place = (row.host, row.reported) if x == "latency" else ()
        groups.setdefault((row.model, row.task, row.recorded, *place), []).append(row)
    best = []
    for group in groups.values():
        cost = "p50_ms" if x == "latency" else "file_bytes"
        points = [[_or_nan(getattr(row, cost)), _or_nan(row.accuracy)] for row in group]
        chosen = [row for row, kept in zip(group, undominated(points, (False, True)), strict=True) if kept]
        best += sorted(chosen, key=lambda row: float(getattr(row, cost)))
    return best


def _summary(row: RunRow) -> list[str]:
    assert row.result is not None
    size, before = row.result["size"], row.result["baseline_size"]
    lines = [
        f"{row.run}  {row.model}  {row.label}",
        f"file size  {size['file_bytes'] / 1e6:.2f} MB (baseline {before['file_bytes'] / 1e6:.2f} MB), "
        f"zipped {size['zipped_bytes'] / 1e6:.2f} MB, {size['parameters']:,} parameters, "
        f"{size['nonzero_parameters']:,} of them not zero",
    ]
    for entry in row.result["accuracy"]:
        lines.append(f"accuracy   {entry['target']}, {entry['split']}{_condition(entry)}: {_accuracy(entry)}")
    for entry in row.result["latency"]:
        lines.append(f"latency    {entry['target']}, {_shape(entry)}: {_timing(entry)}")
    return lines + [str(finding) for finding in row.result.get("findings", [])]


def _condition(entry: dict[str, Any]) -> str:
    """What was done to the inputs before, if anything was."""
    return {"typos": " with typing errors", "noise": " with noise"}.get(entry.get("condition", ""), "")


def _shape(entry: dict[str, Any]) -> str:
    return f"batch {entry['batch']} x {'real lengths' if entry.get('lengths') == 'real' else entry['sequence']}"


def _accuracy(entry: dict[str, Any]) -> str:
    if entry.get("value") is None:
        return f"unavailable: {entry.get('reason')}"
    text = f"{entry['value']:.1%} [{entry['ci_low']:.1%}, {entry['ci_high']:.1%}] of {entry['samples']}"
    if entry.get("difference") is None:
        return text
    from explorer.quantities import signed

    noise = ", within sampling noise" if entry.get("within_noise") else ""
    return f"{text}, {signed(100 * entry['difference'])} points against the baseline{noise}"


def _timing(entry: dict[str, Any]) -> str:
    if entry.get("p50_ms") is None:
        return f"unavailable: {entry.get('reason')}"
    text = f"p50 {entry['p50_ms']:.3g} ms, p95 {entry['p95_ms']:.3g} ms"
    if entry.get("speedup") is not None:
        text += f", {entry['speedup']:.2f}× the baseline [{entry['speedup_low']:.2f}, {entry['speedup_high']:.2f}]"
    return text + (", noisy" if entry.get("noisy") else "")


def _latency(row: Variant) -> str:
    speedup = f" ({row.speedup:.2f}× the baseline)" if row.speedup is not None else ""
    return f"{row.p50_ms:.3g} ms{speedup}" if row.p50_ms is not None else "no latency"


def _line(row: RunRow) -> str:
    doing = f"  {row.text}" if row.state == "running" and row.text else ""
    done = f" {row.fraction:.0%}" if doing and row.fraction is not None else ""
    why = f"  {row.reason}" if row.reason else ""
    who = f"  by {row.launched_by}" if row.launched_by else ""
    return f"{row.run}  {'paused' if row.paused else row.state:<9}  {row.model}  {row.label}{who}{doing}{done}{why}"


def _parameter(parameter: dict[str, Any]) -> str:
    if parameter["kind"] == "slider":
        expected = f"{parameter['low']} to {parameter['high']} {parameter['unit']}".strip()
    elif parameter["kind"] in ("choice", "stops"):
        expected = " | ".join(str(option) for option in parameter["options"])
    elif parameter["kind"] == "text":
        expected = "text"
    else:
        expected = "true | false"
    default = "none" if parameter["default"] == "" else parameter["default"]
    return f"{parameter['name']}: {expected}, default {default}. {parameter['help']}"


def _available(reason: str | None) -> str:
    return "available" if reason is None else f"unavailable: {reason}"


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _show(data: Any, lines: list[str], as_json: bool) -> None:
    text = json.dumps(data, indent=1, default=str) if as_json else "\n".join(lines)
    if text:
        print(text, flush=True)


def _refuse(sentence: str, status: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return status
