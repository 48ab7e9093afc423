"""What all commands share: the program that they belong to, their options, how they answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer

from explorer.errors import BadInput, ExplorerError

app = typer.Typer(
    help="Compress models and see what each variant really costs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Recipes = Annotated[
    list[str], typer.Argument(metavar="RECIPE...", help="Recipes as YAML or JSON, or folders that hold some.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run; 'runs' lists them.")]
Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="The ids of runs; 'runs' lists them.")]
Study = Annotated[str, typer.Option(help="The study that the run belongs to.")]
OwnStudy = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study of your own.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Reuse nothing that was kept from before.")]


def listed(words: list[str] | None) -> list[str]:
    """Values of an option that may be repeated, or hold several separated by commas."""
    return [part.strip() for word in words or [] for part in word.split(",") if part.strip()]


def check_known(study: str | None) -> None:
    """Raise ``BadInput`` for the name of a study that is not there; None names all."""
    from explorer.store import Store

    if study is not None and study not in (known := Store().studies()):
        raise BadInput(f"There is no study '{study}'; known are {', '.join(known) or 'none'}.")


def whole(word: str, option: str, most: int, least: int = 1) -> int:
    if not word.isdecimal() or not least <= int(word) <= most:
        raise BadInput(f"{option} takes whole numbers from {least} to {most:,}; given was '{word}'.")
    return int(word)


def carry_on() -> None:
    """Have runs go on whose supervisor is gone, and those end whose worker is too; where that cannot be, only look."""
    from explorer import jobs

    with suppress(ExplorerError):
        jobs.carry_on()


def each(runs: list[str], do: Callable[[str], tuple[dict[str, Any], str]], as_json: bool) -> int:
    """Do it with every run, which answers with data and a line; one that is refused holds up none of those after it.

    Returns the exit status: the highest of those of the refusals.
    """
    status, answers = 0, []
    for run in runs:
        try:
            answers.append(do(run))
        except ExplorerError as error:
            status = max(status, refuse(str(error), 2 if isinstance(error, BadInput) else 1))
    if answers:
        data = [data for data, _ in answers]
        show(data if len(runs) > 1 else data[0], [line for _, line in answers], as_json)
    return status


def show(data: Any, lines: list[str], as_json: bool) -> None:
    text = json.dumps(data, indent=1, default=str) if as_json else "\n".join(lines)
    if text:
        print(text, flush=True)


def refuse(sentence: str, status: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return status
