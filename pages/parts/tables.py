"""Small tables of words and figures: the first column to the left, figures to the right, notes in grey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from explorer.comparison import TableRow
from pages.parts.page import safe


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[int]) -> None:
    """Draw ``rows`` under ``columns``; the columns numbered in ``figures`` stand to the right."""
    _draw(columns, [[safe(cell) for cell in row] for row in rows], figures)


def fact_table(columns: Sequence[str], rows: Sequence[TableRow]) -> None:
    """Draw facts in groups, one column per variant; where there are several, each further group names them again."""
    figures = range(1, len(columns))
    named = [safe(column) for column in columns[1:]] if len(figures) > 1 else [""] * len(figures)
    _draw(columns, [_cells(row, named if place else [""] * len(figures)) for place, row in enumerate(rows)], figures)


def tick(key: str, rows: Sequence[int]) -> None:
    """Tick these rows of the table that is drawn next with this key.

    It is said in the browser's own words: else every message from the browser would look like a hand's pick, also one
    that was sent before the browser heard of a new choice, and would take that back.
    """
    st.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}


@contextmanager
def side_by_side(name: str) -> Iterator[None]:
    """Tables within have a column per variant: wide ones are scrolled, and the first column stays where it is.

    ``name`` tells them from others on the page.
    """
    with st.container(key=f"side-by-side-{name}"):
        yield


def _cells(row: TableRow, named: Sequence[str]) -> list[str]:
    if not row.cells:
        return [f"**{safe(row.name)}**", *(f":gray[{name}]" if name else "" for name in named)]
    return [_noted(value, note) for value, note in ((row.name, row.note), *row.cells)]


def _noted(value: str, note: str) -> str:
    return f"{safe(value)} :gray[{safe(note)}]" if note else safe(value)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[int]) -> None:
    rule = ["--:" if place in figures else "---" for place in range(len(columns))]
    lines = [[safe(column) for column in columns], rule, *rows]
    st.markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))
