"""The command line: ``python -m explorer``. Plain text for people, ``--json`` for machines.

Exit status 0 when all went well, 1 for a run that failed, 2 and one plain sentence for bad input.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import typer
from typer.exceptions import TyperException

from explorer.cli import catalogue, runs, studies, results  # noqa: F401  # isort: skip  # in the order of the help
from explorer.cli.base import app, refuse
from explorer.errors import BadInput, ExplorerError
from explorer.store import Store


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Mistakes become one sentence on stderr, never a traceback."""
    status = _obey(sys.argv[1:] if arguments is None else arguments)
    with suppress(ExplorerError):  # a home that cannot be used was named already
        if trouble := Store().trouble():
            refuse(trouble, status)
    return status


def _obey(words: list[str]) -> int:
    try:
        return int(app(args=words or ["--help"], prog_name="python -m explorer", standalone_mode=False) or 0)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)().strip().replace("Value error, ", "")
        return refuse(message if message.endswith(".") else f"{message}.", 2)
    except BadInput as error:
        return refuse(str(error), 2)
    except ExplorerError as error:
        return refuse(str(error), 1)
    except BrokenPipeError:  # the reader has seen enough, as in '| head'
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return 130
