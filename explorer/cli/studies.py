"""Studies, and the disk that they take."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from explorer.cli.base import Json, OwnStudy, app, check_known, show
from explorer.trash import KEPT_DAYS

if TYPE_CHECKING:
    from explorer.housekeeping import Use
    from explorer.store import RunRow


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
    show({"runs": count, "file": str(to)}, [f"{count} runs of '{study}' are in {to}."], as_json)


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
    show(asdict(found), lines, as_json)


@app.command()
def describe_study(
    study: OwnStudy,
    text: Annotated[str, typer.Argument(help="Which question it answers, on which data, and what was found.")],
    as_json: Json = False,
) -> None:
    """Say what a study is about."""
    from explorer import studies

    about = studies.describe(study, text)
    show(asdict(about), [f"'{study}' is described."], as_json)


@app.command()
def archive_study(
    study: OwnStudy,
    back: Annotated[bool, typer.Option("--back", help="Bring it back instead.")] = False,
    as_json: Json = False,
) -> None:
    """Put a study out of sight of the pages, or back; its runs and files stay."""
    from explorer import studies

    about = studies.archive(study, not back)
    show(asdict(about), [f"'{study}' is {'back' if back else 'put away'}."], as_json)


@app.command()
def duplicate_study(
    study: OwnStudy,
    new: Annotated[str, typer.Argument(help="Name of the new study.")],
    as_json: Json = False,
) -> None:
    """Let all runs of a study belong to a new one too; nothing is computed or copied."""
    from explorer import studies

    count = studies.duplicate(study, new)
    show({"study": new, "runs": count}, [f"{count} runs belong to '{new}' too."], as_json)


@app.command()
def disk(as_json: Json = False) -> None:
    """Show what studies, cache and trash take of the disk."""
    from explorer.housekeeping import disk_use

    uses = disk_use()
    wide = max(len(use.name) for use in uses) + 2
    show([asdict(use) for use in uses], [_used(use, wide) for use in uses], as_json)


def _used(use: Use, wide: int) -> str:
    from explorer.quantities import file_size

    shared = f", and {use.shared:,} runs that count for other studies" if use.shared else ""
    return f"{use.name:<{wide}}{use.items:>8,}  {file_size(use.bytes)}{shared}"


@app.command()
def clean(
    days: Annotated[float, typer.Option(help="Only runs that ended so long ago.")] = 30.0,
    front: Annotated[
        bool, typer.Option(help="Keep the files of runs that no other beats in accuracy and size, or latency.")
    ] = True,
    best: Annotated[int, typer.Option(help="Keep so many of each model in each study, by accuracy.", min=0)] = 0,
    study: Annotated[str | None, typer.Option(help="Only runs of this study.")] = None,
    trash: Annotated[bool, typer.Option(help="Also empty the trash, for good.")] = False,
    cache: Annotated[bool, typer.Option(help="Also empty the cache.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove model files of old runs; they stay in the trash for a week or until it is emptied, results for good."""
    from explorer import housekeeping
    from explorer.quantities import file_size
    from explorer.store import Store
    from explorer.variants import flatten

    check_known(study)
    rows = Store().runs()
    of_study = {row.run for row in rows if study is None or study in row.studies}
    runs = [run for run in housekeeping.removable(rows, flatten(rows), days, front, best) if run in of_study]
    if preview:
        going = set(runs)
        return _preview([row for row in rows if row.run in going], as_json)
    size = housekeeping.model_file_bytes(runs)
    freed = housekeeping.empty_cache() if cache else 0
    if trash:  # nothing is moved there first: a full disk has no room for a folder
        freed += housekeeping.empty_trash() + housekeeping.delete_artefacts(runs)
        lines = [_removed(len(runs), size, "are gone for good")]
    else:
        housekeeping.remove_artefacts(runs)
        lines = [_removed(len(runs), size, f"are in the trash for {KEPT_DAYS} days")]
    if runs and not trash:
        lines.append(
            "'python -m explorer restore RUN' brings them back; 'python -m explorer clean --trash' makes room."
        )
    lines += [f"{file_size(freed)} were freed."] if freed else []
    return show({"removed": len(runs), "bytes": size, "freed_bytes": freed}, lines, as_json)


def _preview(rows: list[RunRow], as_json: bool) -> None:
    """What would go, run by run and in all."""
    from explorer.housekeeping import model_file_bytes
    from explorer.quantities import file_size
    from explorer.seeds import names_of

    names, sizes = names_of(rows), {row.run: model_file_bytes([row.run]) for row in rows}
    size = sum(sizes.values())
    found = [{"run": row.run, "model": row.model, "name": names[row.run], "bytes": sizes[row.run]} for row in rows]
    lines = [f"{row.run}  {row.model}  {names[row.run]}  {file_size(sizes[row.run])}" for row in rows]
    lines.append(_removed(len(rows), size, "would go"))
    show({"removable": len(rows), "bytes": size, "runs": found}, lines, as_json)


def _removed(runs: int, size_bytes: int, what: str) -> str:
    from explorer.quantities import file_size

    return f"The model files of {runs} runs ({file_size(size_bytes)}) {what}." if runs else "There are none to remove."
