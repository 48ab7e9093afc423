"""Compression Explorer: the engine. It never imports Streamlit."""

__version__ = "0.1.0"

ENGINE_VERSION = "1"
"""Part of every recipe's digest: raised whenever the same recipe would give another artefact."""
