"""The pages' fixtures, for pages in another language."""

from tests.pages.conftest import open_page, own, place, recorded

__all__ = ["open_page", "own", "place", "recorded"]
