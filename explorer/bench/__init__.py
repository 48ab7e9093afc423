"""Speed and memory on this machine, as a table: ``python -m explorer.bench`` (``--only training`` for one part).

Nothing here is a test: a busy machine gives other figures, and the table says what each is meant to stay under.
"""

from explorer.bench.browser import open_chromium, serve_dashboard
from explorer.bench.row import Row

__all__ = ["Row", "open_chromium", "serve_dashboard"]
