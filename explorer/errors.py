"""Errors that are part of the interface: one plain sentence, shown as it is."""


class ExplorerError(Exception):
    """Something a person can mend; its text names what was given and what is expected."""


class BadInput(ExplorerError, ValueError):
    """What was given cannot be used (exit status 2 on the command line)."""


class Unavailable(ExplorerError):
    """What was asked for does not exist on this machine; the text is the reason."""


class Cancelled(ExplorerError):
    """The run was cancelled while it worked."""
