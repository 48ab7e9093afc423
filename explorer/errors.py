"""Errors that are part of the interface: one plain sentence, shown as it is."""

LONGEST_SHOWN = 60


def given(value: object) -> str:
    """How a value from a file or a form is named in a sentence: ``nothing``, ``an empty list``, ``'word'``, ``0.5``."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (list, tuple, dict)):
        return repr(value)
    kind = "mapping" if isinstance(value, dict) else "list"
    if not value:
        return f"an empty {kind}"
    shown = repr(list(value) if kind == "list" else value)
    return shown if len(shown) <= LONGEST_SHOWN else f"a {kind} of {len(value)}"


class ExplorerError(Exception):
    """Something a person can mend; its text names what was given and what is expected."""


class BadInput(ExplorerError, ValueError):
    """What was given cannot be used (exit status 2 on the command line)."""


class NeverFits(BadInput):
    """What was asked for takes more memory than there can ever be here."""


class Unavailable(ExplorerError):
    """What was asked for does not exist on this machine; the text is the reason."""


class Cancelled(ExplorerError):
    """The run was cancelled while it worked."""
