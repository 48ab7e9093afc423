"""Results: the best, bundles, tables, measuring once more, checking."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from explorer.cli import wording
from explorer.cli.base import Json, Run, app, check_known, listed, show, whole
from explorer.cli.progress import tell
from explorer.errors import BadInput

if TYPE_CHECKING:
    from explorer.store import RunRow
    from explorer.variants import Variant


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
        f"{row.run}  {row.model}  {row.label}  {row.accuracy:.1%}  {row.file_bytes / 1e6:.2f} MB  "
        + wording.latency(row)
        + (f"  reported from elsewhere ({row.host})" if row.reported else "")
        for row in best
    ]
    show([asdict(row) for row in best], lines, as_json)


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
    show({"run": run, "path": str(path)}, [str(path)], as_json)


@app.command()
def export_bundles(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip file to write.")],
    study: Annotated[str | None, typer.Option(help="Only this study.")] = None,
    run: Annotated[list[str] | None, typer.Option(help="Only these runs; several are separated by commas.")] = None,
    as_json: Json = False,
) -> None:
    """Export all finished variants of a study, or several runs, into one zip file with a folder for each."""
    from explorer import bundles
    from explorer.home import runs_folder

    if study is None and not listed(run):
        raise BadInput("Name the variants to export: expected is --study, --run or both.")
    own = [row for row in _asked_for(study, None, run) if not row.recorded]
    folders = {bundles.bundle_name(row): runs_folder() / row.run for row in own}
    here = bundles.with_model(folders)
    bundles.export_bundles({name: folders[name] for name in here}, to)
    gone = sorted(folders[name].name for name in folders.keys() - here)
    lines = [f"{len(here)} bundles are in {to}."]
    lines += [f"Without their model files, and so without a bundle: {', '.join(gone)}."] if gone else []
    show({"path": str(to), "bundles": len(here), "without": gone}, lines, as_json)


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

    if to is None and form == "parquet" and not as_json:
        raise BadInput("Parquet is not for reading on a screen; name the file to write with --to.")
    rows = flat_rows(_asked_for(study, model, run))
    if not rows:
        raise BadInput("No finished run fits what was asked for; 'python -m explorer runs' lists the known ones.")
    if to is None:
        print(written(rows, "json" if as_json else form).decode(), end="")
    else:
        save(rows, form, to)
        show({"path": str(to), "rows": len(rows), "columns": list(COLUMNS)}, [str(to)], as_json)


def _asked_for(study: str | None, model: str | None, run: list[str] | None) -> list[RunRow]:
    """The finished runs that fit; raises ``BadInput`` for a study or a run that is not among them."""
    from explorer.store import Store

    check_known(study)
    found, wanted = Store().runs(study, ("done",), model), listed(run)
    missing = sorted(set(wanted) - {row.run for row in found})
    if missing:
        raise BadInput(f"There is no finished run '{missing[0]}' among those that were asked for.")
    return [row for row in found if not wanted or row.run in wanted]


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
    batches = [whole(word, "--batch", LARGEST_BATCH) for word in listed(batch)]
    lengths = ["real" if word == "real" else whole(word, "--length", LONGEST) for word in listed(length)]
    sizes = [
        OWN_SIZE if word == OWN_SIZE else whole(word, "--size", LARGEST_SIDE, SMALLEST_SIDE) for word in listed(size)
    ]
    bundle = Path(subject) if remeasure.is_bundle(Path(subject)) else None
    again = remeasure.measure_bundle if bundle else remeasure.measure_run
    try:
        folder = bundle or jobs.run_folder(subject)
    except BadInput as error:
        raise BadInput(f"{error} The folder of an unpacked bundle is possible too.") from None
    report = again(folder, tell(), listed(targets), batches, lengths, sizes).report()
    write_whole(to, report.text())
    show(report.model_dump(mode="json"), [*wording.measured(report), str(to)], as_json)


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
    show({"device": report.device.name, "runs": found.runs, "new": found.new}, lines, as_json)


@app.command()
def verify(
    run: Run,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Also run the recipe again from scratch.")] = False,
    as_json: Json = False,
) -> int:
    """Repeat a finished run's measurements and say what differs; exit status 1 when something does."""
    from explorer import verify as verifying

    checks = verifying.verify(run, tell(), rebuild)
    agrees = verifying.agrees(checks)
    rows = [asdict(check) for check in checks]
    show({"run": run, "agrees": agrees, "checks": rows}, verifying.lines(checks), as_json)
    return 0 if agrees else 1


@app.command()
def reindex(as_json: Json = False) -> None:
    """Rebuild the index from the run folders."""
    from explorer.store import Store

    count = Store().reindex()
    show({"runs": count}, [f"{count} runs are in the index."], as_json)


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


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)
